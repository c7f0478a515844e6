"""Output to a descriptor: stdout, a pipe, a terminal, a file."""

from __future__ import annotations

import errno
import os
import select
import stat
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReadDescriptor, IWriteDescriptor
from typing_extensions import override
from zope.interface import implementer

from echolab.descriptors import can_block, is_ready, open_private
from echolab.errors import OutputError, reason_of
from echolab.interfaces import IOutput
from echolab.outputs.buffered import MAX_BUFFERED_BYTES, BufferedOutput

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorFDSet
    from twisted.python.failure import Failure

    from echolab.interfaces import AnyClock


__all__ = ["DescriptorOutput"]

_FULL = {errno.ENOSPC, errno.EDQUOT}


@implementer(IOutput, IWriteDescriptor, IReadDescriptor)
class DescriptorOutput(BufferedOutput):
    """Write to a descriptor at once; buffer the rest while the descriptor is full.

    Args:
        reactor: watches the descriptor.
        fd: the descriptor: a terminal, a pipe, a file, a socket. Its flags are
            not changed, and it is not closed.
        name: the name that users see: ``stdout``.
        clock: tells the time.
        lost: called once, when writing is impossible. The argument is the error;
            None if the reader went away (EPIPE), which is a normal end.
        patient: whether to wait if the disk is full or a file fails.
        max_buffered_bytes: how many bytes may wait before the producer is paused.
    """

    def __init__(
        self,
        reactor: IReactorFDSet,
        fd: int,
        name: str,
        *,
        clock: AnyClock,
        lost: Callable[[OutputError | None], None],
        patient: bool = False,
        max_buffered_bytes: int = MAX_BUFFERED_BYTES,
    ) -> None:
        super().__init__(name, clock, max_buffered_bytes)
        self._reactor = reactor
        self._lost = lost
        self._patient = patient
        self._fd = fd
        self._private = False
        self._vouched = False
        mode = os.fstat(fd).st_mode
        self._is_file = stat.S_ISREG(mode)
        if can_block(fd):
            private = open_private(fd)
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
            # A longer write may block: poll(2) promises this much.
            if not is_ready(self._fd, select.POLLOUT):
                raise BlockingIOError
            view = view[: select.PIPE_BUF]
        written = os.write(self._fd, view)
        if written < len(view) and self._is_file:
            self._line.cut_short(self._fd, view[:written])
        return written

    @override
    def wait(self) -> None:
        self._reactor.addWriter(self)

    @override
    def failed(self, error: OSError) -> None:
        if self.closed:
            return
        if self._patient and (self._is_file or error.errno in _FULL):
            self.wait_until_it_works(error)
            return
        self._let_go()
        self.lose()
        if isinstance(error, BrokenPipeError):
            self._lost(None)
        else:
            self._lost(OutputError("write", self.name, reason_of(error)))

    @override
    def close(self) -> None:
        """Stop writing; leave the reactor and close what was opened here.

        A regular file then ends with a whole line, even if the disk is full.
        """
        if not self.closed:
            self._let_go()
        super().close()

    def _let_go(self) -> None:
        self._line.take_back(self._fd)
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        if self._private:
            os.close(self._fd)

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        return self._fd

    def doWrite(self) -> None:
        """Write the buffer: the descriptor has room."""
        if self.write_buffer():
            self._reactor.removeWriter(self)

    def doRead(self) -> None:
        """Check whether the reader of the pipe has gone."""
        if is_ready(self._fd, 0):
            self.failed(BrokenPipeError())

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002 - says less
        """The descriptor hung up or the reactor is stopping."""
        self.failed(BrokenPipeError())

    def logPrefix(self) -> str:
        """Return the name for the log."""
        return type(self).__name__
