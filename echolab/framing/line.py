"""Framing of lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.errors import OverlongError
from echolab.framing.base import DEFAULT_MAX_MESSAGE_BYTES, Overlong, check_bound
from echolab.messages import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LineFramer"]


class LineFramer:
    r"""Framer for lines that end with ``\n`` or ``\r\n``.

    A line over the bound is yielded in pieces of exactly that size, so at most
    ``max_message_bytes + 1`` bytes are buffered (one more, because a ``\r``
    belongs to the line's end only if ``\n`` follows).

    Args:
        max_message_bytes: the longest line, without its end, at least 1.
        overlong: what to do with a longer one.

    Raises:
        ValueError: ``max_message_bytes`` is less than 1.
    """

    __slots__ = ("_max", "_overlong", "_tail", "_taken")

    def __init__(
        self,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        overlong: Overlong = "split",
    ) -> None:
        self._max = check_bound(max_message_bytes)
        self._overlong = overlong
        self._tail = bytearray()
        self._taken = 0  # bytes of the unfinished line, yielded already

    @property
    def buffered_bytes(self) -> int:
        """Number of bytes of the unfinished line."""
        return len(self._tail)

    def feed(self, chunk: bytes) -> Iterator[Lines]:
        """Yield the lines that the chunk completes."""
        if self._taken and self._overlong == "close":
            self._check_taken(bytes(self._tail) + chunk)
        end = chunk.rfind(b"\n") + 1
        if end:
            if self._tail:
                block = b"".join((self._tail, memoryview(chunk)[:end]))
            else:
                block = chunk[:end]
            self._tail = bytearray(chunk[end:])
            if b"\r" in block:
                block = block.replace(b"\r\n", b"\n")
            yield from self._cut_block(block)
        else:
            self._tail += chunk
        if len(self._tail) > self._max:
            yield from self._cut_tail()

    def take(self) -> Iterator[Lines]:
        """Yield the unfinished line so far."""
        tail = self._tail
        there = len(tail) - tail.endswith(b"\r")
        if there:
            self._taken += there
            yield Lines(bytes(tail[:there]) + b"\n", mark="partial")
            del tail[:there]

    def end(self) -> Iterator[Lines]:
        """Yield the last line, if it has no end."""
        tail, self._tail = bytes(self._tail), bytearray()
        if tail:
            if self._overlong == "close" and self._taken + len(tail) > self._max:
                raise OverlongError(self._max)
            *pieces, last = self._cut_block(tail + b"\n")
            yield from pieces
            yield Lines(last.block, mark="unterminated")

    def _check_taken(self, data: bytes) -> None:
        """Raise OverlongError if the yielded pieces and ``data`` are too long."""
        line, _, _ = data.partition(b"\n")
        if self._taken + len(line) - line.endswith(b"\r") > self._max:
            raise OverlongError(self._max)

    def _cut_block(self, block: bytes) -> Iterator[Lines]:
        """Split a block of whole lines around the overlong ones."""
        start = at = 0
        while True:
            if self._taken:
                # Pieces of this line were yielded: mark its end.
                newline = block.find(b"\n", at, at + self._max + 1)
                if newline >= 0:
                    start = newline + 1
                    yield Lines(block[at:start], mark="continued")
                    at = start
                    self._taken = 0
            if len(block) - at <= self._max + 1:
                break
            newline = block.rfind(b"\n", at, at + self._max + 1)
            if newline >= 0:
                at = newline + 1
                continue
            if at > start:
                yield Lines(block[start:at])
            start = at + self._max
            yield self._piece(block[at:start])
            at = start
        if len(block) > start:
            yield Lines(block[start:])

    def _cut_tail(self) -> Iterator[Lines]:
        """Yield pieces of the unfinished line until it is within the bound."""
        tail = self._tail
        while len(tail) > self._max and not (
            len(tail) == self._max + 1 and tail.endswith(b"\r")
        ):
            piece = bytes(tail[: self._max])
            del tail[: self._max]
            yield self._piece(piece)

    def _piece(self, piece: bytes) -> Lines:
        if self._overlong == "close":
            raise OverlongError(self._max)
        self._taken += len(piece)
        return Lines(piece + b"\n", mark="overlong")
