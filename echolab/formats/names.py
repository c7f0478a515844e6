"""Formats: one event in, printed bytes out; whole lines, except in raw.

To add one, write a class that takes a `Style` and is called with events, and
name it in `FORMATS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.counting import count
from echolab.escaping import escape
from echolab.events import (
    Accepted,
    Connected,
    Finished,
    Misbehaved,
    Received,
    Refused,
)
from echolab.formats.hex import Hex
from echolab.formats.json import Json
from echolab.formats.style import Form, Label, Style, mark_of, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.events import Event, Peer

__all__ = ["FORMATS", "Classic", "Form", "Hex", "Json", "Label", "Log", "Raw", "Style"]

FINISH = b"finish.\n"
RECV = b"recv data: "


class Classic:
    """The lines of the session that the lecture shows.

    ``accepted host(IP: 127.0.0.1, Port: 60612)``, one ``recv data: …`` for each
    message, ``finish.``; with a label, ``[127.0.0.1:60612] recv data: …``.
    """

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        self._open = 0
        self._labelled: set[int] = set()

    def __call__(self, event: Event) -> bytes:
        """Print an event."""
        match event:
            case Received(peer=peer, messages=messages):
                label = self._label(peer)
                text = self._style.text(messages, one_line=bool(label))
                label += RECV
                return label + text.join(b"\n" + label) + b"\n"
            case Accepted(peer=peer):
                self._open += 1
                return f"accepted host({peer.description})\n".encode()
            case Finished(peer=peer):
                label = self._label(peer, again=peer.number in self._labelled)
                self._labelled.discard(peer.number)
                self._open -= 1
                return label + FINISH
            case _:
                return b""

    def _label(self, peer: Peer, *, again: bool = False) -> bytes:
        """Say whose a line is, if it must be said, or was said before."""
        label = self._style.label
        if label == "always" or (label == "auto" and (again or self._open > 1)):
            self._labelled.add(peer.number)
            return b"[%b] " % self._style.name(peer)
        return b""


class Log:
    """One line for each message and event: time, peer, what.

    The time is RFC 3339 in UTC, with milliseconds; a message that is a piece says
    so: ``recv(overlong)``, ``recv(partial)``, ``recv(unterminated)``.

    Args:
        style: how messages and peers are shown.
        timeless: whether to leave out times, and what depends on them.
    """

    def __init__(self, style: Style | None = None, *, timeless: bool = False) -> None:
        self._style = style or Style()
        self._timeless = timeless

    def __call__(self, event: Event) -> bytes:
        """Print an event."""
        start = self._style.name(event.peer) + b" "
        if not self._timeless:
            start = b"%b %b" % (rfc3339(event.time), start)
        match event:
            case Received(messages=messages):
                start += b"recv%b " % mark_of(messages)
                text = self._style.text(messages, one_line=True)
                return start + text.join(b"\n" + start) + b"\n"
            case Accepted():
                return start + b"accepted\n"
            case Connected():
                return start + b"connected\n"
            case Misbehaved(behaviour=behaviour):
                return start + f"misbehaved {behaviour}\n".encode()
            case Finished():
                ending = _ending(event, timeless=self._timeless)
                return start + f"finished {ending}\n".encode()
            case Refused(cause=cause, detail=detail, others=others):
                more = f", and {count(others, 'other')}" if others else ""
                return start + f"{cause.value}: {detail}{more}\n".encode()
            case _:
                return b""


class Raw:
    """The bytes of the messages and nothing else, as ``nc -l`` prints them."""

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()

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


def _ending(event: Finished, *, timeless: bool) -> str:
    """Why and after how much, in words; what is nothing is not said."""
    why = f" ({event.detail})" if event.detail else ""
    words = [f"{event.cause.value}{why}", count(event.received_bytes, "byte")]
    if event.messages is not None:
        words.append(count(event.messages, "message"))
    if event.unterminated_bytes:
        words.append(f"{count(event.unterminated_bytes, 'byte')} unterminated")
    if timeless:
        return ", ".join(words)
    if event.unread_bytes:
        words.append(f"{count(event.unread_bytes, 'byte')} unread")
    words[-1] += f" in {event.seconds:.3f} s"
    if event.rtt_seconds is not None:
        words.append(f"rtt {event.rtt_seconds * 1000:.3f} ms")
    if event.retransmits:
        words.append(count(event.retransmits, "retransmit"))
    return ", ".join(words)


FORMATS: dict[str, Callable[[Style], Form]] = {
    "classic": Classic,
    "log": Log,
    "raw": Raw,
    "hex": Hex,
    "json": Json,
}
