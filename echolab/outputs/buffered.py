"""What all outputs share: a bounded buffer that can say "wait"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from echolab.errors import reason_of
from echolab.outputs.unfinished_line import UnfinishedLine

if TYPE_CHECKING:
    from twisted.internet.interfaces import (
        IDelayedCall,
        IProducer,
    )

    from echolab.interfaces import AnyClock, Producer

__all__ = ["MAX_BUFFERED_BYTES", "BufferedOutput"]

MAX_BUFFERED_BYTES = 1 << 18

_log = Logger()


@dataclass(slots=True, eq=False)
class _Flush:
    """Somebody who waits until all up to a position is written."""

    position: int
    written: Deferred[int]
    give_up: IDelayedCall | None


class BufferedOutput:
    """What outputs share: a bounded buffer, and producers that are paused by it.

    While more than ``max_buffered_bytes`` wait, the producers are paused. What
    then still arrives is what was already read: a chunk for each connection.

    A kind of output says how to write (`write_some`), what to do when that would
    block (`wait`), and what when it fails (`failed`).

    Args:
        name: what users know it by.
        clock: tells the time.
        max_buffered_bytes: how many bytes may wait before the producers are told.
        retry_seconds: how long to wait between two tries, where they are made.

    Attributes:
        closed: whether nothing can be written any more.
    """

    def __init__(
        self,
        name: str,
        clock: AnyClock,
        max_buffered_bytes: int = MAX_BUFFERED_BYTES,
        retry_seconds: float = 1.0,
    ) -> None:
        self.name = name
        self._clock = clock
        self._max = max_buffered_bytes
        self._retry_seconds = retry_seconds
        self._retry: IDelayedCall | None = None
        self._failing = False
        self._buffer = bytearray()
        self._position = 0  # in the stream, of the buffer's first byte
        self._line = UnfinishedLine()
        self._producers: list[Producer] = []
        self._paused = False
        self._flushes: list[_Flush] = []
        self.closed = False
        self._dropping = False

    def write_some(self, view: memoryview) -> int:
        """Write some of the bytes now; return how many. May raise OSError."""
        raise NotImplementedError

    def wait(self) -> None:
        """Call `write_buffer` when more can be written."""
        raise NotImplementedError

    def failed(self, error: OSError) -> None:
        """Handle what `write_some` raised."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Write bytes, now if they are taken.

        Raises:
            ValueError: the output is closed.
        """
        if self.closed:
            if self._dropping:
                return  # Whoever opened it was told.
            raise ValueError(f"write to a closed output: {self.name}")
        if self._buffer:
            self._buffer += data
        else:
            written = self._try(data)
            if written == len(data):
                return
            self._buffer += memoryview(data)[written:]
        if len(self._buffer) > self._max:
            self.pause()

    def write_buffer(self) -> bool:
        """Write what waits; return whether all is written."""
        written = self._try(self._buffer)
        del self._buffer[:written]
        self._position += written
        for flush in self._flushes[:]:
            if flush.position <= self._position:
                self._end_flush(flush)
        if self._buffer:
            return False
        self._line.start = b""
        self._resume()
        return True

    def pause(self) -> None:
        """Pause the producers until the buffer is empty, or the output closed."""
        if not self._paused and not self.closed:
            self._paused = True
            for producer in self._producers[:]:
                producer.pauseProducing()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            for producer in self._producers[:]:
                if not self._paused:  # What the one before wrote was taken.
                    producer.resumeProducing()

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while too much waits; several can be registered.

        Raises:
            ValueError: the producer is no push (streaming) producer.
            RuntimeError: it is registered already.
        """
        if not streaming:
            raise ValueError("only a push producer can be paused by an output")
        if producer in self._producers:
            raise RuntimeError(f"{producer} is registered with {self.name} already")
        pushing = cast("Producer", producer)
        self._producers.append(pushing)
        if self._paused:
            pushing.pauseProducing()

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Pause a producer no more.

        Args:
            producer: which; needs not be said if it is the only one.

        Raises:
            RuntimeError: there are several, and none is named.
        """
        if producer is None:
            if len(self._producers) > 1:
                raise RuntimeError(f"{self.name} has several producers: name one")
            self._producers.clear()
        else:
            self._producers = [each for each in self._producers if each != producer]

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until what waits now is written, at most ``seconds`` (None: for ever).

        Returns:
            A Deferred that fires with the number of bytes that are not.
        """
        if self.closed or not self._buffer:
            return succeed(len(self._buffer))
        flush = _Flush(
            self._position + len(self._buffer),
            Deferred(),
            None
            if seconds is None
            else self._clock.callLater(seconds, lambda: self._end_flush(flush)),
        )
        self._flushes.append(flush)
        return flush.written

    def reopen(self) -> bool:
        """Do nothing: this is no file that can be rotated."""
        return False

    def close(self) -> None:
        """Write nothing more."""
        self._end()

    def lose(self) -> None:
        """Write nothing more, since nothing can be; what still comes is dropped."""
        self._end(lost=True)

    def _end(self, *, lost: bool = False) -> None:
        self.closed, self._dropping = True, lost
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._resume()  # There is nothing left to wait for.
        for flush in self._flushes[:]:
            self._end_flush(flush)

    def wait_until_it_works(self, error: OSError) -> None:
        """Try again and again; one line says so, and one that it works again."""
        if not self._failing:
            self._failing = True
            _log.error(
                "write {name}: {reason}; waiting until it works",
                name=self.name,
                reason=reason_of(error),
            )
        self.pause()
        self.try_again_in(self._retry_seconds)

    def try_again_in(self, seconds: float) -> None:
        """Write what waits, later."""
        self._retry = self._clock.callLater(seconds, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        if self.write_buffer() and self._failing:
            self._failing = False
            _log.info("write {name}: works again", name=self.name)

    def _end_flush(self, flush: _Flush) -> None:
        self._flushes.remove(flush)
        if flush.give_up is not None and flush.give_up.active():
            flush.give_up.cancel()
        left = max(0, flush.position - self._position)
        # A line is written when all of it is.
        flush.written.callback(left and left + len(self._line.start))

    def _try(self, data: bytes | bytearray) -> int:
        """Write what can be written now; return how many bytes that was."""
        written = 0
        try:
            with memoryview(data) as view:
                while written < len(data):
                    written += self.write_some(view[written:])
        except BlockingIOError:
            self.wait()
        except OSError as error:
            self.failed(error)
        return written
