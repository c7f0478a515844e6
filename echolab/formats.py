"""Formats: one event in, printed bytes out; whole lines, except in raw.

To add one, write a class that takes a `Style` and is called with events, and
name it in `FORMATS`.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from echolab.escaping import escape, escape_json, escape_messages, escape_newlines
from echolab.events import Accepted, Finished, Received
from echolab.messages import Lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.events import Event, Peer
    from echolab.messages import Messages

__all__ = ["FORMATS", "Classic", "Form", "Hex", "Json", "Label", "Log", "Raw", "Style"]

Form: TypeAlias = "Callable[[Event], bytes]"
Label: TypeAlias = Literal["auto", "always", "never"]

FINISH = b"finish.\n"
RECV = b"recv data: "
COLORS = (36, 33, 35, 32, 34, 31)
"""What tells peers apart on a terminal: ECMA-48 foreground colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What all formats can be told.

    Attributes:
        label: whether to say whose each message is: ``auto`` only while a second
            connection is open, and never in raw.
        escape: whether to make what came from the network harmless.
        color: whether to give each peer a colour.
    """

    label: Label = "never"
    escape: bool = False
    color: bool = False

    def name(self, peer: Peer) -> bytes:
        """The peer's address, in its colour."""
        name = str(peer).encode("utf-8", "surrogateescape")
        if self.escape:
            name = escape(name)
        if self.color:
            name = b"\x1b[%dm%b\x1b[0m" % (COLORS[peer.number % len(COLORS)], name)
        return name

    def text(self, messages: Messages, *, one_line: bool = False) -> Messages:
        r"""The messages, escaped if that is wanted.

        Args:
            messages: the messages.
            one_line: whether a newline within one must become ``\n`` in any case,
                since what stands before it says whose it is.
        """
        if self.escape:
            return escape_messages(messages)
        return escape_newlines(messages) if one_line else messages


class Classic:
    """The lecture's lines, as ``server.c`` prints them.

    ``accepted host(IP: 127.0.0.1, Port: 60612)``, one ``recv data: …`` for each
    message, ``finish.``; with a label, ``[127.0.0.1:60612] recv data: …``.
    """

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        self._open = 0

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
                return b"accepted host(%b)\n" % self._host(peer)
            case Finished(peer=peer):
                label = self._label(peer)
                self._open -= 1
                return label + FINISH
            case _:
                return b""

    def _label(self, peer: Peer) -> bytes:
        label = self._style.label
        if label == "always" or (label == "auto" and self._open > 1):
            return b"[%b] " % self._style.name(peer)
        return b""

    def _host(self, peer: Peer) -> bytes:
        match peer.family:
            case "IPv4" | "IPv6":
                text = f"IP: {peer.host}, Port: {peer.port}"
            case "UNIX":
                text = f"UNIX: {peer.path}"
            case kind:
                text = kind
        host = text.encode("utf-8", "surrogateescape")
        return escape(host) if self._style.escape else host


class Log:
    """One line for each message and event: time, peer, what.

    The time is RFC 3339 in UTC, with milliseconds; a message that is a piece says
    so: ``recv(overlong)``, ``recv(unterminated)``.
    """

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()

    def __call__(self, event: Event) -> bytes:
        """Print an event."""
        start = b"%b %b " % (_time(event.time), self._style.name(event.peer))
        match event:
            case Received(messages=messages):
                start += b"recv%b " % _mark(messages)
                text = self._style.text(messages, one_line=True)
                return start + text.join(b"\n" + start) + b"\n"
            case Accepted():
                return start + b"accepted\n"
            case Finished(cause=cause, received_bytes=received, seconds=seconds):
                end = f"finished {cause.value}, {received} bytes in {seconds:.3f} s\n"
                return start + end.encode()
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


class Hex:
    """Offset, hexadecimal and text of each message, as ``hexdump -C`` shows it."""

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()

    def __call__(self, event: Event) -> bytes:
        """Print an event."""
        name = self._style.name(event.peer)
        match event:
            case Received(messages=messages):
                mark = _mark(messages)
                return b"".join(
                    b"%b recv%b %d bytes\n%b" % (name, mark, len(each), _dump(each))
                    for each in messages
                )
            case Accepted():
                return name + b" accepted\n"
            case Finished(cause=cause):
                return b"%b finished %b\n" % (name, cause.value.encode())
            case _:
                return b""


_TEXT = bytes(c if 0x20 <= c < 0x7F else ord(".") for c in range(256))


def _dump(data: bytes) -> bytes:
    """The lines of ``hexdump -C``, without its last offset."""
    text = data.translate(_TEXT)
    digits = data.hex(" ").encode()
    cells: list[bytes] = []
    for at in range(0, len(data), 16):
        digit = at * 3
        cells += (
            digits[digit : digit + 23],
            digits[digit + 24 : digit + 47],
            text[at : at + 16],
        )
    return _layout(len(cells) // 3) % tuple(cells)


@lru_cache(maxsize=16)
def _layout(rows: int) -> bytes:
    return b"".join(
        b"%08x  %%-23b  %%-23b  |%%b|\n" % at for at in range(0, rows * 16, 16)
    )


_PLAIN = bytes({*range(0x20, 0x7F), *b"\n"} - {*b'"\\'})
"""What stands in a JSON string as itself; and what ends a line."""


class Json:
    """One JSON object a line; the README has its members."""

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()

    def __call__(self, event: Event) -> bytes:
        """Print an event."""
        match event:
            case Received(messages=messages):
                shared = self._shared("received", event)
                for flag in ("overlong", "unterminated"):
                    if getattr(messages, flag):
                        shared[flag] = True
                if isinstance(messages, Lines):
                    with suppress(UnicodeDecodeError):
                        return self._lines(shared, messages.block)
                return b"".join(self._line(shared | _message(m)) for m in messages)
            case Accepted():
                return self._line(self._shared("accepted", event))
            case Finished():
                end = {
                    "cause": event.cause.value,
                    "bytes": event.received_bytes,
                    "unterminated_bytes": event.unterminated_bytes,
                    "seconds": round(event.seconds, 3),
                }
                return self._line(self._shared("finished", event) | end)
            case _:
                return b""

    def _lines(self, shared: dict[str, object], block: bytes) -> bytes:
        """All lines at once: escaped as one string, which is then cut."""
        start = json.dumps(shared)[:-1] + ', "message": "'
        decoded = block.decode()
        if decoded.isascii() and not block.translate(None, _PLAIN):
            lines = block[:-1].replace(b"\n", b'"}\n' + start.encode())
            return b'%b%b"}\n' % (start.encode(), lines)
        text = json.dumps(decoded, ensure_ascii=False)[1:-3]
        # Only a newline is "\\n" now, once escaped backslashes are out of the way.
        text = text.replace(r"\\", "\0").replace(r"\n", '"}\n' + start)
        text = start + text.replace("\0", r"\\") + '"}\n'
        return (escape_json(text) if self._style.escape else text).encode()

    def _shared(self, name: str, event: Event) -> dict[str, object]:
        peer = event.peer
        where: dict[str, object] = {"number": peer.number, "family": peer.family}
        if peer.host is not None:
            where |= {"host": peer.host, "port": peer.port}
        if peer.path is not None:
            where["path"] = peer.path.encode("utf-8", "replace").decode()
        return {"event": name, "time": _time(event.time).decode(), "peer": where}

    def _line(self, members: dict[str, object]) -> bytes:
        line = json.dumps(members, ensure_ascii=False)
        return (escape_json(line) if self._style.escape else line).encode() + b"\n"


def _message(message: bytes) -> dict[str, object]:
    try:
        return {"message": message.decode()}
    except UnicodeDecodeError:
        return {"message_base64": base64.b64encode(message).decode()}


def _time(seconds: float) -> bytes:
    """RFC 3339, in UTC, with milliseconds: ``2026-11-22T13:16:04.123Z``."""
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds").encode() + b"Z"


def _mark(messages: Messages) -> bytes:
    if messages.overlong:
        return b"(overlong)"
    return b"(unterminated)" if messages.unterminated else b""


FORMATS: dict[str, Callable[[Style], Form]] = {
    "classic": Classic,
    "log": Log,
    "raw": Raw,
    "hex": Hex,
    "json": Json,
}
