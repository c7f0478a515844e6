"""Where printed bytes go: bounded, and able to say "wait"."""

from __future__ import annotations

import errno
import os
import select
import stat
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReadDescriptor, IWriteDescriptor
from twisted.logger import Logger
from typing_extensions import override
from zope.interface import implementer

from echolab.errors import OutputError, reason_of
from echolab.interfaces import IOutput

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import (
        IDelayedCall,
        IProducer,
        IPushProducer,
        IReactorFDSet,
        IReactorTime,
    )
    from twisted.python.failure import Failure


__all__ = ["MAX_BUFFERED_BYTES", "BufferedOutput", "DescriptorOutput", "LogOutput"]

MAX_BUFFERED_BYTES = 1 << 18

_FULL = {errno.ENOSPC, errno.EDQUOT}

_log = Logger()


def _open_private(fd: int) -> int | None:
    """Open once more what ``fd`` is open on, to write without blocking.

    O_NONBLOCK belongs to the open file description, which stdout shares with
    the shell, with stderr and with other programs: set there, it loses their
    output. A description of our own can have it (Linux: ``/proc/self/fd``).

    Returns:
        A new descriptor; or None where there can be none: a socket, another
        user's terminal, a system without ``/proc``.
    """
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(f"/proc/self/fd/{fd}", flags)
    except OSError:
        return None


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


@implementer(IOutput, IWriteDescriptor, IReadDescriptor)
class DescriptorOutput(BufferedOutput):
    """Writes to a descriptor at once, and keeps the rest while it is full.

    Args:
        reactor: watches the descriptor.
        fd: the descriptor: a terminal, a pipe, a file, a socket. Its flags are
            not touched, and it is not closed.
        name: what users know it by: ``stdout``.
        clock: tells the time.
        lost: called once, when nothing can be written any more; a reader that
            went away (EPIPE) is an end in order, and given as None. A file whose
            disk is full is waited for.
        max_buffered_bytes: how many bytes may wait before the producer is told.
    """

    def __init__(
        self,
        reactor: IReactorFDSet,
        fd: int,
        name: str,
        *,
        clock: IReactorTime,
        lost: Callable[[OutputError | None], None],
        max_buffered_bytes: int = MAX_BUFFERED_BYTES,
    ) -> None:
        super().__init__(name, clock, max_buffered_bytes)
        self._reactor = reactor
        self._lost = lost
        self._fd = fd
        self._private = False
        self._vouched = False
        mode = os.fstat(fd).st_mode
        self._is_file = stat.S_ISREG(mode)
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd):
            private = _open_private(fd)
            if private is None:
                self._vouched = True
            else:
                self._fd, self._private = private, True
        if stat.S_ISFIFO(mode):
            # The writing end of a pipe becomes ready when its reader goes away.
            reactor.addReader(self)

    @override
    def write_some(self, view: memoryview) -> int:
        if self._vouched:
            # It may block: no more than poll vouches for.
            if not _poll(self._fd, select.POLLOUT):
                raise BlockingIOError
            view = view[: select.PIPE_BUF]
        return os.write(self._fd, view)

    @override
    def wait(self) -> None:
        self._reactor.addWriter(self)

    @override
    def failed(self, error: OSError) -> None:
        if self.closed:
            return
        if self._is_file or error.errno in _FULL:
            self.wait_until_it_works(error)
            return
        self.close()
        if isinstance(error, BrokenPipeError):
            self._lost(None)
        else:
            self._lost(OutputError("write", self.name, reason_of(error)))

    @override
    def close(self) -> None:
        """Write nothing more; let go of the reactor and of what was opened."""
        if self.closed:
            return
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        super().close()
        if self._private:
            os.close(self._fd)

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._fd

    def doWrite(self) -> None:
        """Write what waits, now that the descriptor takes more."""
        if self.write_buffer():
            self._reactor.removeWriter(self)

    def doRead(self) -> None:
        """See whether the reader of the pipe has gone."""
        if _poll(self._fd, 0):
            self.failed(BrokenPipeError())

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002 - says less
        """The reactor found the descriptor hung up."""
        self.failed(BrokenPipeError())

    def logPrefix(self) -> str:
        """Who speaks in the log."""
        return type(self).__name__


def _poll(fd: int, events: int) -> bool:
    """Whether a descriptor is ready for ``events`` now, or has hung up."""
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(0))


@implementer(IOutput)
class LogOutput:
    """Printed lines as entries of Twisted's log, for a daemon without a file."""

    _log = Logger()

    def write(self, data: bytes) -> None:
        """Log each line; bytes that are not UTF-8 as escapes."""
        for line in data.decode("utf-8", "backslashreplace").rstrip("\n").split("\n"):
            self._log.info("{line}", line=line)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Do nothing: a log never makes anybody wait."""

    def unregisterProducer(self) -> None:
        """Do nothing, likewise."""

    def flush(self, seconds: float) -> Deferred[int]:  # noqa: ARG002 - never waits
        """Nothing waits here."""
        return succeed(0)

    def reopen(self) -> bool:
        """Do nothing: twistd rotates its log itself."""
        return False

    def close(self) -> None:
        """Do nothing: the log is not ours."""
