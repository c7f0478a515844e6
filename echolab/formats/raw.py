"""The bytes of the messages and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.escaping import escape
from echolab.events import Received
from echolab.formats.style import Needs, Style

if TYPE_CHECKING:
    from echolab.events import Event

__all__ = ["Raw"]


class Raw:
    """The bytes of the messages and nothing else, as ``nc -l`` prints them.

    Args:
        style: how messages and peers are shown.

    Attributes:
        needs: what it needs.
    """

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        self.needs = Needs(counts=False, alone=self._style.label != "always")

    def __call__(self, event: Event) -> bytes:
        """Print an event."""
        if not isinstance(event, Received):
            return b""
        if self._style.label == "always":
            label = b"[%b] " % self._style.name(event.peer)
            text = self._style.text(event.messages, one_line=True)
            return label + text.join(b"\n" + label) + b"\n"
        raw = event.messages.raw()
        return escape(raw) if self._style.escape else raw
