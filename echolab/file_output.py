"""Printed bytes to a file, with nothing lost where the disk is full."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.logger import Logger
from typing_extensions import override
from zope.interface import implementer

from echolab.buffered_output import BufferedOutput
from echolab.errors import OutputError, reason_of
from echolab.interfaces import IOutput

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

__all__ = ["FileOutput"]

_log = Logger()


@implementer(IOutput)
class FileOutput(BufferedOutput):
    """Appends to a file; waits where the disk is full, and loses nothing.

    After an error the producer is paused and writing is tried again, once in
    ``retry_seconds``; one line in the log says so, and one that it works again.

    Args:
        path: the file. Its folder must exist; a new file has mode 0600.
        clock: tells the time.
        sync: whether every write is durable (fsync(2)) before it counts.
        whole_lines: whether to end a last line that a crash has cut off.
        retry_seconds: how long to wait between two tries.

    Raises:
        OutputError: the file cannot be opened.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: IReactorTime,
        sync: bool = False,
        whole_lines: bool = False,
        retry_seconds: float = 1.0,
    ) -> None:
        super().__init__(path, clock, retry_seconds=retry_seconds)
        self._path = str(Path(path).absolute())
        self._fd = _open_append(path, path)
        self._sync = sync
        self._unsynced = 0
        self._half = b""
        if whole_lines and _ends_in_a_line(path):
            self.write(b"\n")

    @override
    def write_some(self, view: memoryview) -> int:
        if not self._sync:
            return self._write(view)
        # What a failed fsync left in doubt is not written twice.
        if not self._unsynced:
            self._unsynced = self._write(view)
        os.fsync(self._fd)
        written, self._unsynced = self._unsynced, 0
        return written

    def _write(self, view: memoryview) -> int:
        written = os.write(self._fd, view)
        if written == len(view):
            self._half = b""
        else:
            # The disk is full in the middle of a line: remember its first half.
            _, newline, half = bytes(view[:written]).rpartition(b"\n")
            self._half = half if newline else self._half + half
        return written

    def _take_back(self) -> None:
        """Take the first half of a line out of the file again.

        That is possible in a regular file to which nobody else has appended.
        """
        half, self._half = self._half, b""
        status = os.fstat(self._fd)
        if not half or not stat.S_ISREG(status.st_mode):
            return
        if os.lseek(self._fd, 0, os.SEEK_CUR) == status.st_size:
            os.ftruncate(self._fd, status.st_size - len(half))
            # What is written but not durable yet still stands here too.
            self._buffer[: self._unsynced] = half
            self._unsynced = 0

    @override
    def wait(self) -> None:
        """A FIFO is full: try again soon; there is nothing to watch it with."""
        self.pause()
        self.try_again_in(self._retry_seconds / 100)

    @override
    def failed(self, error: OSError) -> None:
        self.wait_until_it_works(error)

    @override
    def close(self) -> None:
        """Write nothing more; close the file."""
        if self.closed:
            return
        self._take_back()
        super().close()
        os.close(self._fd)

    @override
    def reopen(self) -> bool:
        """Go on in the file that now has the path, as after a rotation.

        Where there is none it is made. If that fails, the old one stays in use,
        and the log says why.
        """
        try:
            fd = _open_append(self._path, self.name)
        except OutputError as why:
            _log.error("{why}; the old file stays in use", why=why)
        else:
            self._take_back()
            os.close(self._fd)
            self._fd = fd
        return True


def _ends_in_a_line(path: str) -> bool:
    """Whether a regular file ends in the middle of a line."""
    if Path(path).is_file() and os.access(path, os.R_OK):
        with Path(path).open("rb") as file:
            if size := file.seek(0, os.SEEK_END):
                file.seek(size - 1)
                return file.read() != b"\n"
    return False


def _open_append(path: str, name: str) -> int:
    """Open a file to append to; a new one is its owner's alone (mode 0600)."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
    try:
        return os.open(path, flags | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise OutputError("open", name, reason_of(error)) from None
