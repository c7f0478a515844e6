"""The shared part of the framings whose messages have no length in front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from echolab.errors import FramingError, OverlongError
from echolab.framing.base import Overlong, check_bound
from echolab.messages import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["DecodedFramer", "Decoder", "Part", "line_end"]

Part: TypeAlias = tuple[bytes, int | None]
"""Bytes of a message, and how many more must follow at least; None at its end."""


class Decoder(Protocol):
    """Finds the messages in a stream; what it has found, it forgets."""

    held: bytearray
    """Bytes that may begin an end or a length; only a few."""

    def decode(self, chunk: bytes) -> Iterator[Part]:
        """Yield the bytes of messages, in any parts.

        Before an error, the same bytes are yielded, however the stream was cut.

        Raises:
            MalformedError: the bytes are not valid in this framing.
        """
        ...


class DecodedFramer:
    """Framer for messages that a decoder finds: collects them, and bounds them.

    Args:
        make_decoder: makes the decoder.
        max_message_bytes: the longest message, at least 1.
        overlong: what to do with a longer one.
    """

    __slots__ = ("_buffer", "_decoder", "_max", "_overlong", "_taken")

    def __init__(
        self,
        make_decoder: Callable[[], Decoder],
        max_message_bytes: int,
        overlong: Overlong,
    ) -> None:
        self._decoder = make_decoder()
        self._max = check_bound(max_message_bytes)
        self._overlong = overlong
        self._buffer = bytearray()
        self._taken = 0  # bytes of the unfinished message, yielded already

    @property
    def buffered_bytes(self) -> int:
        """Number of bytes of the unfinished message."""
        return len(self._buffer) + len(self._decoder.held)

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Yield the messages that the chunk completes."""
        buffer = self._buffer
        whole: list[bytes] = []
        try:
            for data, more in self._decoder.decode(chunk):
                size = self._taken + len(buffer) + len(data)
                if more is None and not self._taken and size <= self._max:
                    whole.append(bytes(buffer) + data if buffer else data)
                    buffer.clear()
                    continue
                if size + (more or 0) > self._max and self._overlong == "close":
                    raise OverlongError(self._max)
                buffer += data
                if whole and (more is None or len(buffer) > self._max):
                    yield Batch(tuple(whole))
                    whole = []
                yield from self._pieces()
                if more is None:
                    yield Batch((bytes(buffer),), mark="continued")
                    buffer.clear()
                    self._taken = 0
        except FramingError:
            if whole:
                yield Batch(tuple(whole))
            raise
        if whole:
            yield Batch(tuple(whole))

    def take(self) -> Iterator[Batch]:
        """Yield the unfinished message so far."""
        if self._buffer:
            yield Batch((bytes(self._buffer),), mark="partial")
            self._taken += len(self._buffer)
            self._buffer.clear()

    def end(self) -> Iterator[Batch]:
        """Yield what has arrived of the last message."""
        buffer = self._buffer
        buffer += self._decoder.held
        self._decoder.held.clear()
        if self._overlong == "close" and self._taken + len(buffer) > self._max:
            raise OverlongError(self._max)
        yield from self._pieces()
        if buffer:
            yield Batch((bytes(buffer),), mark="unterminated")
        buffer.clear()

    def _pieces(self) -> Iterator[Batch]:
        """Yield pieces until the rest is within the bound."""
        buffer, size = self._buffer, self._max
        while len(buffer) > size:
            yield Batch((bytes(buffer[:size]),), mark="overlong")
            del buffer[:size]
            self._taken += size


def line_end(data: bytes, at: int) -> tuple[int, int | None]:
    r"""Return where the line at an offset ends, and where the next one begins.

    A line ends with ``\n`` or ``\r\n``. If the end is not there, the second is None,
    and the first leaves out a ``\r`` that may belong to it.
    """
    newline = data.find(b"\n", at)
    end = len(data) if newline < 0 else newline
    if data.endswith(b"\r", at, end):
        end -= 1
    return end, None if newline < 0 else newline + 1
