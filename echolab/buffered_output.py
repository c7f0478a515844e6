"""What all outputs share: a bounded buffer that can say "wait"."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from echolab.errors import reason_of

if TYPE_CHECKING:
    from twisted.internet.interfaces import (
        IDelayedCall,
        IProducer,
        IPushProducer,
        IReactorTime,
    )

__all__ = ["MAX_BUFFERED_BYTES", "BufferedOutput"]

MAX_BUFFERED_BYTES = 1 << 18

_log = Logger()


class BufferedOutput:
    """What outputs share: a bounded buffer, and a producer that is paused by it.

    While more than ``max_buffered_bytes`` wait, the producer is paused. What
    then still arrives is what was already read: a chunk for each connection.

    A kind of output says how to write (`write_some`), what to do when that would
    block (`wait`), and what when it fails (`failed`).

    Args:
        name: what users know it by.
        clock: tells the time.
        max_buffered_bytes: how many bytes may wait before the producer is told.
        retry_seconds: how long to wait between two tries, where they are made.
    """

    def __init__(
        self,
        name: str,
        clock: IReactorTime,
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
        self._producer: IPushProducer | None = None
        self._paused = False
        self._flushed: Deferred[int] | None = None
        self._give_up: IDelayedCall | None = None
        self.closed = False

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
        """Write bytes, now if they are taken."""
        if self.closed:
            return
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
        if self._buffer:
            return False
        self._end_flush()
        if self._paused:
            self._paused = False
            if self._producer is not None:
                self._producer.resumeProducing()
        return True

    def pause(self) -> None:
        """Have nobody write until all that waits is written."""
        if not self._paused:
            self._paused = True
            if self._producer is not None:
                self._producer.pauseProducing()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Pause ``producer`` while too much waits.

        Raises:
            ValueError: the producer is no push (streaming) producer.
        """
        if not streaming:
            raise ValueError("only a push producer can be paused by an output")
        self._producer = cast("IPushProducer", producer)
        if self._paused:
            self._producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """Pause nobody from now on."""
        self._producer = None

    def flush(self, seconds: float) -> Deferred[int]:
        """Wait until all is written; return how much is not, after ``seconds``."""
        if self.closed or not self._buffer:
            return succeed(len(self._buffer))
        self._flushed = Deferred()
        self._give_up = self._clock.callLater(seconds, self._end_flush)
        return self._flushed

    def reopen(self) -> bool:
        """Do nothing: this is no file that can be rotated."""
        return False

    def close(self) -> None:
        """Write nothing more."""
        self.closed = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._end_flush()

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

    def _end_flush(self) -> None:
        if self._give_up is not None and self._give_up.active():
            self._give_up.cancel()
        flushed, self._flushed = self._flushed, None
        if flushed is not None:
            flushed.callback(len(self._buffer))

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
