"""The format that shows every byte, as ``hexdump -C`` does."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from echolab.events import Accepted, Finished, Received
from echolab.style import Style, mark_of

if TYPE_CHECKING:
    from echolab.events import Event

__all__ = ["Hex"]


class Hex:
    """Offset, hexadecimal and text of each message, as ``hexdump -C`` shows it."""

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()

    def __call__(self, event: Event) -> bytes:
        """Print an event."""
        name = self._style.name(event.peer)
        match event:
            case Received(messages=messages):
                start = name + b" recv" + mark_of(messages)
                dumps: list[bytes] = []
                for message in messages:
                    dumps += (b"%b %d bytes\n" % (start, len(message)), _dump(message))
                return b"".join(dumps)
            case Accepted():
                return name + b" accepted\n"
            case Finished(cause=cause):
                return b"%b finished %b\n" % (name, cause.value.encode())
            case _:
                return b""


# `bytes.translate` can lay out a dump in one call. The "table" it looks up is made
# of what one dump contains: signs, the text, the hexadecimal digits. What it
# translates is a layout: for each place of the dump, where in the table to look.
# A table has 256 places, which is enough for four rows of 16 bytes.
_ROW = 16
_ROWS = 4
_SIZE = _ROW * _ROWS
_SPACE, _BAR, _NEWLINE, _OFFSETS, _TEXT = 0, 1, 2, 3, 64
_DIGITS = 8  # of an offset
_PRINTABLE = bytes(c if 0x20 <= c < 0x7F else ord(".") for c in range(256))


def _dump(data: bytes) -> bytes:
    """The lines of ``hexdump -C``, without its last offset."""
    if len(data) <= _SIZE:
        return _rows(0, data)
    return b"".join(
        [_rows(at, data[at : at + _SIZE]) for at in range(0, len(data), _SIZE)]
    )


def _rows(at: int, data: bytes) -> bytes:
    table = _signs(at) + data.translate(_PRINTABLE) + data.hex().encode()
    return _layout(len(data)).translate(table.ljust(256))


@lru_cache(maxsize=2048)
def _signs(at: int) -> bytes:
    offsets = b"".join(b"%08x" % (at + row) for row in range(0, _SIZE, _ROW))
    return (b" |\n" + offsets).ljust(_TEXT)


@lru_cache(maxsize=_SIZE + 1)
def _layout(size: int) -> bytes:
    """The dump of ``size`` bytes, each place as an index into their table."""
    layout = bytearray()
    for row in range(0, size, _ROW):
        here = range(row, min(row + _ROW, size))
        offset = _OFFSETS + row // _ROW * _DIGITS
        layout += bytes(range(offset, offset + _DIGITS))
        for at in range(row, row + _ROW):
            layout += bytes([_SPACE] * (2 if at % 8 == 0 else 1))
            digits = _TEXT + size + 2 * at
            layout += bytes([digits, digits + 1] if at in here else [_SPACE] * 2)
        layout += bytes([_SPACE, _SPACE, _BAR])
        layout += bytes(_TEXT + at for at in here)
        layout += bytes([_BAR, _NEWLINE])
    return bytes(layout)
