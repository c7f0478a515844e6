"""Read stdin when the reactor says that there is input."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer, IReadDescriptor
from zope.interface import implementer

from echolab.errors import InputError, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorFDSet
    from twisted.python.failure import Failure

__all__ = ["StdinReader"]

READ_BYTES = 65536


@implementer(IReadDescriptor, IPushProducer)
class StdinReader:
    """Reads a descriptor whenever it has input, without changing its flags.

    It reads once each time the reactor says that a read will not block. So the
    descriptor may stay blocking, and a terminal that is shared with a shell is not
    changed; ``twisted.internet.stdio`` makes it non-blocking for all its users.

    Works on a terminal, a pipe, a socket, a regular file and ``/dev/null``.

    Args:
        reactor: watches the descriptor.
        fd: the descriptor; None if there is none (stdin was closed), which is an
            input that has ended.
        received: takes each chunk; from a terminal that is one line.
        ended: called once at the end of input, also if the terminal is gone.
        failed: called once instead, if the descriptor cannot be read.
        name: its name for users.
    """

    def __init__(
        self,
        reactor: IReactorFDSet,
        fd: int | None,
        *,
        received: Callable[[bytes], None],
        ended: Callable[[], None],
        failed: Callable[[InputError], None],
        name: str = "stdin",
    ) -> None:
        self._reactor = reactor
        self._fd = fd
        self._received = received
        self._ended = ended
        self._failed = failed
        self._name = name
        self._is_terminal = fd is not None and os.isatty(fd)  # Asked before it is gone.
        self._stopped = False

    def resumeProducing(self) -> None:
        """Read now, or again."""
        if self._stopped:
            return
        if self._fd is None:
            self._end()
        elif _is_write_only(self._fd):  # No input would ever come.
            self._fail(OSError(errno.EBADF, os.strerror(errno.EBADF)))
        else:
            self._reactor.addReader(self)

    def pauseProducing(self) -> None:
        """Do not read until `resumeProducing`."""
        if self._fd is not None:
            self._reactor.removeReader(self)

    def stopProducing(self) -> None:
        """Never read again; ``ended`` is not called."""
        self._stopped = True
        self.pauseProducing()

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        return -1 if self._fd is None else self._fd

    def doRead(self) -> None:
        """Read once, since the reactor says that it will not block."""
        try:
            chunk = os.read(self.fileno(), READ_BYTES)
        except BlockingIOError:
            return  # Another program made it non-blocking, and read first.
        except OSError as error:
            if not (error.errno == errno.EIO and self._is_terminal):
                self._fail(error)
                return
            chunk = b""  # The terminal is gone: that is the end of input.
        if chunk:
            self._received(chunk)
        else:
            self._end()

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002 - all the same
        """The descriptor hung up, or the reactor is stopping."""
        self._end()

    def logPrefix(self) -> str:
        """Return the name of this reader in the log."""
        return type(self).__name__

    def _end(self) -> None:
        if not self._stopped:
            self.stopProducing()
            self._ended()

    def _fail(self, error: OSError) -> None:
        self.stopProducing()
        self._failed(InputError("read", self._name, reason_of(error)))


def _is_write_only(fd: int) -> bool:
    try:
        return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
    except OSError:
        return False  # The read will report the error.
