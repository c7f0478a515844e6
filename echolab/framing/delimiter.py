"""Framing with a delimiter of any bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.errors import OverlongError
from echolab.framing.base import DEFAULT_MAX_MESSAGE_BYTES, Overlong, check_bound
from echolab.messages import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.messages import Mark

__all__ = ["DelimiterFramer", "begun"]


class DelimiterFramer:
    """Framer for messages that end with a delimiter of any bytes.

    It buffers less than ``max_message_bytes + len(delimiter)`` bytes.

    Args:
        delimiter: at least one byte.
        max_message_bytes: the longest message, without its delimiter, at least 1.
        overlong: what to do with a longer one.

    Raises:
        ValueError: ``delimiter`` is empty, or ``max_message_bytes`` is less than 1.
    """

    __slots__ = ("_delimiter", "_max", "_overlong", "_tail", "_taken")

    def __init__(
        self,
        delimiter: bytes,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        overlong: Overlong = "split",
    ) -> None:
        if not delimiter:
            raise ValueError("the delimiter is empty")
        self._delimiter = delimiter
        self._max = check_bound(max_message_bytes)
        self._overlong = overlong
        self._tail = bytearray()
        self._taken = 0  # bytes of the unfinished message, yielded already

    @property
    def buffered_bytes(self) -> int:
        """Number of bytes of the unfinished message."""
        return len(self._tail)

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Yield the messages that the chunk completes."""
        if self._taken and self._overlong == "close":
            self._check_taken(bytes(self._tail) + chunk)
        delimiter = self._delimiter
        window = self._max + len(delimiter)
        tail = self._tail
        # The first place where the chunk may complete a delimiter.
        seen = max(0, len(tail) - len(delimiter) + 1)
        tail += chunk
        data = bytes(tail)
        at = 0
        whole: list[bytes] = []
        while True:
            found = data.find(delimiter, max(at, seen), at + window)
            if found >= 0 and self._taken:
                yield Batch((data[at:found],), mark="continued")
                self._taken = 0
                at = found + len(delimiter)
            elif found >= 0:
                whole.append(data[at:found])
                at = found + len(delimiter)
            elif len(data) - at >= window:
                if whole:
                    yield Batch(tuple(whole))
                    whole = []
                if self._overlong == "close":
                    raise OverlongError(self._max)
                yield Batch((data[at : at + self._max],), mark="overlong")
                self._taken += self._max
                at += self._max
            else:
                break
        del tail[:at]
        if whole:
            yield Batch(tuple(whole))

    def take(self) -> Iterator[Batch]:
        """Yield the unfinished message so far."""
        there = bytes(
            self._tail[: len(self._tail) - begun(self._delimiter, self._tail)]
        )
        del self._tail[: len(there)]
        self._taken += len(there)
        yield from self._cut(there, "partial")

    def end(self) -> Iterator[Batch]:
        """Yield the last message, if it has no delimiter."""
        tail, self._tail = bytes(self._tail), bytearray()
        if self._overlong == "close" and self._taken + len(tail) > self._max:
            raise OverlongError(self._max)
        yield from self._cut(tail, "unterminated")

    def _cut(self, rest: bytes, mark: Mark) -> Iterator[Batch]:
        """Yield bytes without a delimiter; they may be a little over the bound."""
        while len(rest) > self._max:
            if self._overlong == "close":
                raise OverlongError(self._max)
            yield Batch((rest[: self._max],), mark="overlong")
            rest = rest[self._max :]
        if rest:
            yield Batch((rest,), mark=mark)

    def _check_taken(self, data: bytes) -> None:
        """Raise OverlongError if the yielded pieces and ``data`` are too long."""
        message, delimiter, _ = data.partition(self._delimiter)
        size = self._taken + len(message)
        if not delimiter:
            size -= begun(self._delimiter, message)
        if size > self._max:
            raise OverlongError(self._max)


def begun(delimiter: bytes, data: bytes | bytearray) -> int:
    """Return how many bytes at the end of ``data`` may begin a delimiter."""
    for size in range(min(len(delimiter) - 1, len(data)), 0, -1):
        if data.endswith(delimiter[:size]):
            return size
    return 0
