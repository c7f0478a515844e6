"""The format that prints only the bytes of the messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.escaping import escape
from echolab.events import Received
from echolab.formats.style import Needs, Style

if TYPE_CHECKING:
    from echolab.events import Event

__all__ = ["Raw"]


class Raw:
    """Only the bytes of the messages, like ``nc -l``.

    Args:
        style: how messages and peers are shown.

    Attributes:
        needs: see `Needs`.
    """

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        self.needs = Needs(counts=False, alone=self._style.label != "always")

    def __call__(self, event: Event) -> bytes:
        """Return the bytes to print for an event."""
        if not isinstance(event, Received):
            return b""
        if self._style.label == "always":
            label = b"[%b] " % self._style.name(event.peer)
            text = self._style.text(event.messages, one_line=True)
            return label + text.join(b"\n" + label) + b"\n"
        raw = event.messages.raw()
        return escape(raw) if self._style.escape else raw
