"""The shared part of the framings with a length prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.errors import FramingError, MalformedError, OverlongError
from echolab.framing.base import Overlong, check_bound
from echolab.messages import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LengthFramer"]


class LengthFramer:
    """Framer for messages with a length prefix.

    Args:
        header: reads a length from bytes at an offset. It returns the length and
            the offset of the message, or None if more bytes are needed.
        trailer: the bytes that follow each message.
    """

    __slots__ = ("_begun", "_header", "_left", "_max", "_overlong", "_tail", "_trailer")

    def __init__(
        self,
        header: Callable[[bytes, int], tuple[int, int] | None],
        trailer: bytes,
        max_message_bytes: int,
        overlong: Overlong,
    ) -> None:
        self._header = header
        self._trailer = trailer
        self._max = check_bound(max_message_bytes)
        self._overlong = overlong
        self._tail = bytearray()
        self._left: int | None = None  # of a message whose length is known
        self._begun = False  # whether pieces of it were yielded

    @property
    def buffered_bytes(self) -> int:
        """Number of bytes of the unfinished message."""
        return len(self._tail)

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Yield the messages that the chunk completes."""
        tail = self._tail
        tail += chunk
        if self._left is not None and len(tail) < min(self._left, self._max):
            return
        data = bytes(tail)
        whole: list[bytes] = []
        at = 0
        try:
            while True:
                if self._left is None:
                    header = self._header(data, at)
                    if header is None:
                        break
                    self._left, start = header
                    if self._left > self._max and self._overlong == "close":
                        raise OverlongError(self._max)
                    if start == len(data) and (self._left or self._trailer):
                        # Kept until more comes: at the end of the stream it is all
                        # that there is of the message.
                        self._left = None
                        break
                    at = start
                size = min(self._left, self._max)
                last = size == self._left
                end = at + size
                after = end + len(self._trailer) if last else end
                if len(data) < after:
                    break
                if last and data[end:after] != self._trailer:
                    raise MalformedError(
                        f"no {self._trailer.decode()!r} after a message", data, end
                    )
                if last and self._begun:
                    yield Batch((data[at:end],), mark="continued")
                    self._left = None
                    self._begun = False
                elif last:
                    whole.append(data[at:end])
                    self._left = None
                else:
                    if whole:
                        yield Batch(tuple(whole))
                        whole = []
                    yield Batch((data[at:end],), mark="overlong")
                    self._left -= size
                    self._begun = True
                at = after
        except FramingError:
            if whole:
                yield Batch(tuple(whole))
            raise
        del tail[:at]
        if whole:
            yield Batch(tuple(whole))

    def take(self) -> Iterator[Batch]:
        """Yield the unfinished message so far, if its length is known."""
        there = min(self._left or 0, len(self._tail))
        if there:
            yield Batch((bytes(self._tail[:there]),), mark="partial")
            del self._tail[:there]
            self._left = (self._left or 0) - there
            self._begun = True

    def end(self) -> Iterator[Batch]:
        """Yield what has arrived of the last message."""
        if self._tail:
            yield Batch((bytes(self._tail),), mark="unterminated")
        self._tail = bytearray()
