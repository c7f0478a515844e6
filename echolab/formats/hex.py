"""The format that shows every byte, like ``hexdump -C``."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from echolab.counting import count
from echolab.events import (
    Accepted,
    Finished,
    Misbehaved,
    Received,
    Refused,
    Sent,
    Unanswered,
)
from echolab.formats.style import Needs, Style, mark_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.events import Event

__all__ = ["Hex"]


class Hex:
    """Offset, hexadecimal and text of each message, like ``hexdump -C``.

    Args:
        style: how peers are shown.

    Attributes:
        needs: see `Needs`.
    """

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        self.needs = Needs(sent=self._style.sent)

    def __call__(self, event: Event) -> bytes:
        """Return the bytes to print for an event."""
        name = self._style.name(event.peer)
        match event:
            case Received(messages=messages):
                start = name + b" recv" + mark_of(messages)
                return b"".join(_dumps(start, messages))
            case Sent(data=data) if self._style.sent:
                return b"".join(_dumps(name + b" sent", (data,)))
            case Accepted():
                return name + b" accepted\n"
            case Unanswered(message=message):
                return b"".join(_dumps(name + b" unanswered", (message,)))
            case Misbehaved(behaviour=behaviour):
                return b"%b misbehaved %b\n" % (name, behaviour.encode())
            case Finished(cause=cause):
                return b"%b finished %b\n" % (name, cause.value.encode())
            case Refused(cause=cause):
                return b"%b %b\n" % (name, cause.value.encode())
            case _:
                return b""


# `bytes.translate` lays out a dump in one call. Its table contains the parts of one
# dump: the text, the hexadecimal digits, the signs and the offsets. It translates a
# layout, which has for each place of the dump an index into the table. A table has 256
# places, which is enough for four rows of 16 bytes.
_ROW = 16
_SIZE = 4 * _ROW
_DIGITS = 8  # of an offset
_PRINTABLE = bytes(c if 0x20 <= c < 0x7F else ord(".") for c in range(256))


def _dumps(start: bytes, messages: Iterable[bytes]) -> list[bytes]:
    """Return for each message a line with its peer and length, and its dump."""
    shown: list[bytes] = []
    # Nearly all messages of a chunk have one of a few sizes.
    shapes: dict[int, tuple[bytes, bytes, bytes]] = {}
    for message in messages:
        size = len(message)
        if size not in shapes:
            layout, signs = _layout(min(size, _SIZE)), _signs(0, size)
            shapes[size] = _head(start, size), layout, signs
        head, layout, signs = shapes[size]
        if size <= _SIZE:
            table = message.translate(_PRINTABLE) + message.hex().encode() + signs
            shown += head, layout.translate(table)
        else:
            shown += head, _dump(message)
    return shown


def _head(start: bytes, size: int) -> bytes:
    return b"%b %b\n" % (start, count(size, "byte").encode())


def _dump(data: bytes) -> bytes:
    shown: list[bytes] = []
    for at in range(0, len(data), _SIZE):
        part = data[at : at + _SIZE]
        signs = _signs(at, len(part))
        table = part.translate(_PRINTABLE) + part.hex().encode() + signs
        shown.append(_layout(len(part)).translate(table))
    return b"".join(shown)


@lru_cache(maxsize=2048)
def _signs(at: int, size: int) -> bytes:
    """Return the signs of a dump and the offsets of its rows, for its table.

    Args:
        at: the first offset.
        size: how many bytes are dumped.
    """
    offsets = b"".join(b"%08x" % (at + row) for row in range(0, _SIZE, _ROW))
    return (b" |\n" + offsets).ljust(256 - 3 * size)


@lru_cache(maxsize=_SIZE + 1)
def _layout(size: int) -> bytes:
    """Return the layout for a dump of ``size`` bytes."""
    layout = bytearray()
    digits, space = size, 3 * size
    bar, newline, offset = space + 1, space + 2, space + 3
    for row in range(0, size, _ROW):
        here = range(row, min(row + _ROW, size))
        layout += bytes(range(offset, offset + _DIGITS))
        offset += _DIGITS
        for at in range(row, row + _ROW):
            digit = digits + 2 * at
            layout += bytes([space] * (2 if at % 8 == 0 else 1))
            layout += bytes([digit, digit + 1] if at in here else [space] * 2)
        layout += bytes([space, space, bar, *here, bar, newline])
    return bytes(layout)
