"""The format of the lecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.events import Accepted, Finished, Received
from echolab.formats.style import Style

if TYPE_CHECKING:
    from echolab.addresses import Peer
    from echolab.events import Event

__all__ = ["Classic"]

FINISH = b"finish.\n"
RECV = b"recv data: "


class Classic:
    """The lines of the lecture's example session.

    ``accepted host(IP: 127.0.0.1, Port: 60612)``, one ``recv data: …`` for each
    message, ``finish.``; with a label, ``[127.0.0.1:60612] recv data: …``.
    """

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        # Numbers, not a count: what is read from a stream may begin amid connections.
        self._open: set[int] = set()
        self._labelled: set[int] = set()

    def __call__(self, event: Event) -> bytes:
        """Return the bytes to print for an event."""
        match event:
            case Received(peer=peer, messages=messages):
                self._open.add(peer.number)
                label = self._label(peer)
                text = self._style.text(messages, one_line=bool(label))
                label += RECV
                return label + text.join(b"\n" + label) + b"\n"
            case Accepted(peer=peer):
                self._open.add(peer.number)
                return f"accepted host({peer.description})\n".encode()
            case Finished(peer=peer):
                label = self._label(peer, again=peer.number in self._labelled)
                self._labelled.discard(peer.number)
                self._open.discard(peer.number)
                return label + FINISH
            case _:
                return b""

    def _label(self, peer: Peer, *, again: bool = False) -> bytes:
        """Return the label of a line, if it needs one or had one before (``again``)."""
        label = self._style.label
        if label == "always" or (label == "auto" and (again or len(self._open) > 1)):
            self._labelled.add(peer.number)
            return b"[%b] " % self._style.name(peer)
        return b""
