"""The framing in which a message ends with a delimiter of any bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.errors import OverlongError
from echolab.framing.base import DEFAULT_MAX_MESSAGE_BYTES, Overlong, check_bound
from echolab.messages import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.messages import Mark

__all__ = ["DelimiterFramer"]


class DelimiterFramer:
    """Messages that end with a delimiter of any bytes.

    Less than ``max_message_bytes + len(delimiter)`` bytes wait here.

    Args:
        delimiter: at least one byte.
        max_message_bytes: the longest message, without its delimiter, at least 1.
        overlong: what becomes of a longer one.

    Raises:
        ValueError: ``delimiter`` is empty, or ``max_message_bytes`` less than 1.
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
        self._taken = 0  # bytes of the unfinished message, given out already

    @property
    def buffered_bytes(self) -> int:
        """How many bytes wait for their delimiter."""
        return len(self._tail)

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Give out the messages that the chunk completes."""
        if self._taken and self._overlong == "close":
            self._check_taken(bytes(self._tail) + chunk)
        delimiter = self._delimiter
        window = self._max + len(delimiter)
        tail = self._tail
        # Where a delimiter may begin that the chunk completes.
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
        """Give out what there is of an unfinished message."""
        there = bytes(self._tail[: len(self._tail) - self._begun(self._tail)])
        del self._tail[: len(there)]
        self._taken += len(there)
        yield from self._cut(there, "partial")

    def end(self) -> Iterator[Batch]:
        """Give out the last message, if it had no delimiter."""
        tail, self._tail = bytes(self._tail), bytearray()
        if self._overlong == "close" and self._taken + len(tail) > self._max:
            raise OverlongError(self._max)
        yield from self._cut(tail, "unterminated")

    def _cut(self, rest: bytes, mark: Mark) -> Iterator[Batch]:
        """Give out what has no delimiter; it may be a little over the bound."""
        while len(rest) > self._max:
            if self._overlong == "close":
                raise OverlongError(self._max)
            yield Batch((rest[: self._max],), mark="overlong")
            rest = rest[self._max :]
        if rest:
            yield Batch((rest,), mark=mark)

    def _begun(self, data: bytes | bytearray) -> int:
        """How many bytes at the end of ``data`` may begin a delimiter."""
        sizes = reversed(range(len(self._delimiter)))
        return next(n for n in sizes if data.endswith(self._delimiter[:n]))

    def _check_taken(self, data: bytes) -> None:
        """Refuse what is overlong with what was already given out of it."""
        message, delimiter, _ = data.partition(self._delimiter)
        size = self._taken + len(message)
        if not delimiter:
            size -= self._begun(message)
        if size > self._max:
            raise OverlongError(self._max)
