"""Keep unfinished lines of several peers apart where nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.events import Received
from echolab.formats.style import needs_of, restart
from echolab.messages import Lines

if TYPE_CHECKING:
    from echolab.events import Event
    from echolab.formats.style import Form

__all__ = ["Apart"]


class Apart:
    """A format that begins a new line where another peer's line is unfinished.

    A server shows the start of a line in a format without labels only while no other
    connection is open (`Needs`). What is read from a stream has such starts of several
    connections.

    Args:
        form: the format.

    Attributes:
        needs: see `Needs`.
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        self.needs = needs_of(form)
        self._unfinished = 0  # the number of the peer

    def __call__(self, event: Event) -> bytes:
        """Return the bytes to print for an event."""
        printed = self._form(event)
        if not printed:
            return b""
        number = event.peer.number
        if self._unfinished not in {0, number}:
            printed = b"\n" + printed
        self._unfinished = number if _is_start_of_line(event) else 0
        return printed

    def restart(self) -> None:
        """Begin again, in another file."""
        self._unfinished = 0
        restart(self._form)


def _is_start_of_line(event: Event) -> bool:
    return (
        isinstance(event, Received)
        and isinstance(event.messages, Lines)
        and event.messages.mark == "partial"
    )
