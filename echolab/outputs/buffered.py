"""The base of all outputs: a bounded buffer that pauses its producers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import succeed
from twisted.logger import Logger

from echolab.errors import reason_of
from echolab.outputs.flushes import Flushes
from echolab.outputs.sharing import Producers
from echolab.outputs.unfinished_line import UnfinishedLine

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall, IProducer

    from echolab.interfaces import AnyClock, Producer

__all__ = ["MAX_BUFFERED_BYTES", "BufferedOutput"]

MAX_BUFFERED_BYTES = 1 << 18

_log = Logger()


class BufferedOutput:
    """Base class of outputs: a bounded buffer that pauses its producers.

    While more than ``max_buffered_bytes`` wait, the producers are paused. Only
    what was already read can still arrive: one chunk for each connection.

    A subclass defines how to write (`write_some`), what to do if that would block
    (`wait`), and what to do if it fails (`failed`).

    Args:
        name: the name that users see.
        clock: tells the time.
        max_buffered_bytes: how many bytes may wait before the producers are paused.
        retry_seconds: how long to wait between two tries, if the output retries.

    Attributes:
        closed: whether the output takes no more bytes.
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
        self._position = 0  # of the buffer's first byte in the stream
        self._line = UnfinishedLine()
        self._producers = Producers(name)
        self._flushes = Flushes(clock, self._left_before)
        self.closed = False
        self._dropping = False

    @property
    def is_full(self) -> bool:
        """Whether so many bytes wait that the producers are paused."""
        return len(self._buffer) > self._max

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait to be written."""
        return len(self._buffer)

    def write_some(self, view: memoryview) -> int:
        """Write some of the bytes now; return how many. May raise OSError."""
        raise NotImplementedError

    def wait(self) -> None:
        """Call `write_buffer` when more can be written."""
        raise NotImplementedError

    def failed(self, error: OSError) -> None:
        """Handle an error of `write_some`."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Write bytes now if possible; buffer the rest.

        Raises:
            ValueError: the output is closed.
        """
        if self.closed:
            if self._dropping:
                return  # The owner was told.
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
        """Write the buffer; return whether it is empty now."""
        written = self._try(self._buffer)
        del self._buffer[:written]
        self._position += written
        self._flushes.end(self._position)
        if self._buffer:
            return False
        self._line.start = b""
        self._producers.resume()
        return not self._buffer  # A producer may have filled it again at once.

    def pause(self) -> None:
        """Pause the producers until the buffer is empty or the output is closed."""
        if not self.closed:
            self._producers.pause()

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while too many bytes wait; several can be registered.

        Raises:
            ValueError: the producer is not a push (streaming) producer.
            RuntimeError: it is registered already.
        """
        self._producers.add(producer, streaming)

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Stop pausing a producer.

        Args:
            producer: the producer; optional if it is the only one.

        Raises:
            RuntimeError: there are several producers, and none is named.
        """
        self._producers.remove(producer)

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until the buffer is written, at most ``seconds`` (None: no limit).

        Returns:
            A Deferred that fires with the number of bytes not written.
        """
        if self.closed or not self._buffer:
            return succeed(len(self._buffer))
        return self._flushes.wait(self._position + len(self._buffer), seconds)

    def reopen(self) -> bool:
        """Return False: only a file can be reopened after a rotation."""
        return False

    def close(self) -> None:
        """Stop writing."""
        self._end()

    def lose(self) -> None:
        """Stop writing, because it is impossible; drop bytes that still come."""
        self._end(lost=True)

    def _end(self, *, lost: bool = False) -> None:
        self.closed, self._dropping = True, lost
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._producers.resume()  # The buffer will not be written any more.
        self._flushes.end()

    def wait_until_it_works(self, error: OSError) -> None:
        """Retry until it works; log one line now, and one when it works again."""
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
        """Write the buffer later."""
        self._retry = self._clock.callLater(seconds, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self.write_buffer()
        if self._failing and self._retry is None:
            self._failing = False
            _log.info("write {name}: works again", name=self.name)

    def _left_before(self, position: int) -> int:
        left = max(0, position - self._position)
        # A line counts as written only as a whole.
        return left and left + len(self._line.start)

    def _try(self, data: bytes | bytearray) -> int:
        """Write as much as possible now; return how many bytes."""
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
