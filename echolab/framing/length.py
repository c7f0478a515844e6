"""Framings in which a message says its length first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.errors import FramingError, MalformedError, OverlongError
from echolab.framing.base import DEFAULT_MAX_MESSAGE_BYTES, Overlong, check_bound
from echolab.messages import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["IntFramer", "NetstringFramer", "int_framed", "netstring"]


class _LengthFramer:
    """Messages that say their length first; what follows are the two kinds.

    Args:
        header: reads a length from bytes at an offset. It returns the length and
            where its message begins, or None if there is not enough yet.
        trailer: what stands behind a message.
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
        self._begun = False  # whether pieces of it were given out

    @property
    def buffered_bytes(self) -> int:
        """How many bytes wait for the rest of their message."""
        return len(self._tail)

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Give out the messages that the chunk completes."""
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
                    self._left, at = header
                    if self._left > self._max and self._overlong == "close":
                        raise OverlongError(self._max)
                size = min(self._left, self._max)
                last = size == self._left
                end = at + size
                after = end + len(self._trailer) if last else end
                if len(data) < after:
                    break
                if last and data[end:after] != self._trailer:
                    raise MalformedError(
                        f"no {self._trailer.decode()!r} after a message"
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
        """Give out what there is of a message whose length is known."""
        there = min(self._left or 0, len(self._tail))
        if there:
            yield Batch((bytes(self._tail[:there]),), mark="partial")
            del self._tail[:there]
            self._left = (self._left or 0) - there
            self._begun = True

    def end(self) -> Iterator[Batch]:
        """Give out what was there of the last message."""
        if self._tail:
            yield Batch((bytes(self._tail),), mark="unterminated")
        self._tail = bytearray()


class NetstringFramer(_LengthFramer):
    """Netstrings: ``5:hello,`` (D. J. Bernstein, 1997).

    Args:
        max_message_bytes: the longest message, at least 1.
        overlong: what becomes of a longer one.
    """

    __slots__ = ()

    def __init__(
        self,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        overlong: Overlong = "split",
    ) -> None:
        super().__init__(_netstring_length, b",", max_message_bytes, overlong)


class IntFramer(_LengthFramer):
    """Messages behind their length, a big-endian integer without a sign.

    Args:
        width: how many bytes the integer has: 2 (``int16``), 4 (``int32``).
        max_message_bytes: the longest message, at least 1.
        overlong: what becomes of a longer one.
    """

    __slots__ = ()

    def __init__(
        self,
        width: int,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        overlong: Overlong = "split",
    ) -> None:
        def length(data: bytes, at: int) -> tuple[int, int] | None:
            after = at + width
            if len(data) < after:
                return None
            return int.from_bytes(data[at:after], "big"), after

        super().__init__(length, b"", max_message_bytes, overlong)


def netstring(message: bytes) -> bytes:
    """The netstring of a message."""
    return b"%d:%b," % (len(message), message)


def int_framed(width: int, message: bytes) -> bytes:
    """A message behind its length.

    Raises:
        ValueError: it is too long for ``width`` bytes.
    """
    most = (1 << 8 * width) - 1
    if len(message) > most:
        raise ValueError(f"{len(message)} bytes are too long: at most {most}")
    return len(message).to_bytes(width, "big") + message


_NETSTRING_DIGITS = 10


def _netstring_length(data: bytes, at: int) -> tuple[int, int] | None:
    head, colon, _ = data[at : at + _NETSTRING_DIGITS + 1].partition(b":")
    bad = head[:1] == b"0" and len(head) > 1
    if bad or (head and not head.isdigit()) or (colon and not head):
        raise MalformedError("a netstring begins with its length and a colon")
    if colon:
        return int(head), at + len(head) + 1
    if len(head) > _NETSTRING_DIGITS:
        raise MalformedError(f"a netstring's length has over {len(head) - 1} digits")
    return None
