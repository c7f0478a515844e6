"""Framing: bytes in, messages out. No I/O, no clock, and every buffer bounded.

A framer is fed chunks, the bytes one read returned, and gives back messages. It
gives them a chunk's worth at a time, because that is what can be handled at the
speed of the wire: a thousand lines are labelled by one `bytes.replace`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "DEFAULT_MAX_LINE_BYTES",
    "Chunk",
    "Framer",
    "LineFramer",
    "Lines",
    "Messages",
]

DEFAULT_MAX_LINE_BYTES = 65536


class Messages(Protocol):
    """A chunk's worth of messages, as a framer gives them out."""

    @property
    def overlong(self) -> bool:
        """Whether this is a piece of a message longer than the bound."""
        ...

    @property
    def unterminated(self) -> bool:
        """Whether the peer ended before it ended this message."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """The messages one by one."""
        ...

    def __len__(self) -> int:
        """How many they are."""
        ...

    def join(self, separator: bytes) -> bytes:
        """All messages with ``separator`` between them, as `bytes.join` would."""
        ...


class Framer(Protocol):
    """Turns the chunks of one connection into messages."""

    def feed(self, chunk: bytes) -> Sequence[Messages]:
        """Take the bytes of one read; return the messages they complete."""
        ...

    def end(self) -> Sequence[Messages]:
        """Take the end of the stream; return what was left unterminated."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    r"""Lines of one peer, in order, as one block of bytes.

    Attributes:
        block: the lines, each followed by one ``\n`` (a ``\r\n`` of the peer's
            has become ``\n``).
        overlong: this is one piece of a line longer than the bound; the line
            goes on in what follows.
        unterminated: this is one last line, and the peer never ended it.
    """

    block: bytes
    overlong: bool = False
    unterminated: bool = False

    def __iter__(self) -> Iterator[bytes]:
        r"""Each line, without its ``\n``."""
        return iter(self.block[:-1].split(b"\n"))

    def __len__(self) -> int:
        """How many lines these are."""
        return self.block.count(b"\n")

    def join(self, separator: bytes) -> bytes:
        """All lines with ``separator`` between them."""
        return self.block[:-1].replace(b"\n", separator)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One message that is exactly what one read returned."""

    data: bytes
    overlong: bool = False
    unterminated: bool = False

    def __iter__(self) -> Iterator[bytes]:
        """The one message."""
        return iter((self.data,))

    def __len__(self) -> int:
        """Always one."""
        return 1

    def join(self, separator: bytes) -> bytes:
        """The message itself, since there is no second."""
        return separator.join(self)


class LineFramer:
    r"""Lines that end with ``\n`` or ``\r\n``, whatever pieces they arrive in.

    A line longer than the bound is given out in pieces of exactly that size, so
    never more than ``max_line_bytes + 1`` bytes wait here (one more, because a
    ``\r`` belongs to the line's end only if ``\n`` follows).

    Args:
        max_line_bytes: the longest line, in bytes without its end, that is
            given out whole; at least 1.

    Raises:
        ValueError: ``max_line_bytes`` is less than 1.
    """

    __slots__ = ("_max", "_tail")

    def __init__(self, max_line_bytes: int = DEFAULT_MAX_LINE_BYTES) -> None:
        if max_line_bytes < 1:
            raise ValueError(f"max_line_bytes must be at least 1, not {max_line_bytes}")
        self._max = max_line_bytes
        self._tail = bytearray()

    @property
    def buffered_bytes(self) -> int:
        """How many bytes wait for the end of their line."""
        return len(self._tail)

    def feed(self, chunk: bytes) -> list[Lines]:
        """Take the bytes of one read; return the lines they complete."""
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._tail += chunk
            return self._cut_tail()
        block = chunk[:end]
        if self._tail:
            block = bytes(self._tail) + block
        self._tail = bytearray(chunk[end:])
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        return self._cut_block(block) + self._cut_tail()

    def end(self) -> list[Lines]:
        """Take the end of the stream; return the last line, if it had no end."""
        tail, self._tail = bytes(self._tail), bytearray()
        if not tail:
            return []
        *pieces, last = self._cut_block(tail + b"\n")
        return [*pieces, Lines(last.block, unterminated=True)]

    def _cut_block(self, block: bytes) -> list[Lines]:
        """Split a block of whole lines around those that are overlong."""
        lines = []
        start = at = 0
        while len(block) - at > self._max + 1:
            newline = block.rfind(b"\n", at, at + self._max + 1)
            if newline >= 0:
                at = newline + 1
                continue
            if at > start:
                lines.append(Lines(block[start:at]))
            start = at + self._max
            lines.append(Lines(block[at:start] + b"\n", overlong=True))
            at = start
        lines.append(Lines(block[start:]))
        return lines

    def _cut_tail(self) -> list[Lines]:
        """Give out as much of an unfinished line as is over the bound."""
        tail = self._tail
        lines = []
        while len(tail) > self._max and not (
            len(tail) == self._max + 1 and tail.endswith(b"\r")
        ):
            lines.append(Lines(bytes(tail[: self._max]) + b"\n", overlong=True))
            del tail[: self._max]
        return lines
