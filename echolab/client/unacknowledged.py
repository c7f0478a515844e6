"""The lines that a client may have to send again."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Unacknowledged", "lines_after"]


class Unacknowledged:
    """Numbers lines, and keeps those that are not acknowledged.

    Attributes:
        last: the number of the last line so far.
        acknowledged: the number of the last line that is acknowledged; this may be
            more than there are lines so far.
        kept_bytes: how many bytes are kept.
    """

    def __init__(self) -> None:
        self.last = 0
        self.acknowledged = 0
        self.kept_bytes = 0
        self._blocks: deque[tuple[int, bytes]] = deque()  # each with its last number
        self._start = b""  # of a line that has not ended

    @property
    def count(self) -> int:
        """How many lines are not acknowledged."""
        return max(0, self.last - self.acknowledged)

    @property
    def unfinished_bytes(self) -> int:
        """How many bytes of a line have come that has not ended."""
        return len(self._start)

    def add(self, chunk: bytes) -> bytes:
        """Take bytes; return the lines that they complete."""
        whole, newline, start = chunk.rpartition(b"\n")
        if not newline:
            self._start += start
            return b""
        lines = self._start + whole + newline
        self._start = start
        self.last += lines.count(b"\n")
        if self.last > self.acknowledged:
            self._blocks.append((self.last, lines))
            self.kept_bytes += len(lines)
        return lines

    def end(self) -> bytes:
        """Return the last line, with an end, if it had none."""
        return self.add(b"\n") if self._start else b""

    def acknowledge(self, number: int) -> None:
        """Drop the lines up to a number."""
        self.acknowledged = max(self.acknowledged, number)
        while self._blocks and self._blocks[0][0] <= self.acknowledged:
            _, lines = self._blocks.popleft()
            self.kept_bytes -= len(lines)

    def after(self, number: int) -> Iterator[bytes]:
        """Yield the kept lines after one with a number."""
        for last, lines in self._blocks:
            yield lines_after(number, lines, last)


def lines_after(number: int, lines: bytes, last: int) -> bytes:
    """Return those of some lines that come after one with a number.

    Args:
        number: the number.
        lines: the lines, each with its end.
        last: the number of the last of them.
    """
    if number >= last:
        return b""
    surplus = number - (last - lines.count(b"\n"))
    return lines.split(b"\n", surplus)[surplus] if surplus > 0 else lines
