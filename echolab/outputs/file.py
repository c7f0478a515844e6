"""Output to a file; a full disk loses nothing."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.logger import Logger
from typing_extensions import override
from zope.interface import implementer

from echolab.errors import OutputError, reason_of
from echolab.interfaces import IOutput
from echolab.outputs.buffered import BufferedOutput
from echolab.outputs.open_files import OpenFiles
from echolab.outputs.unfinished_line import cut_off, end_of_write

if TYPE_CHECKING:
    from echolab.interfaces import AnyClock

__all__ = ["FileOutput"]

_CANNOT_SYNC = {errno.EACCES, errno.EPERM, errno.ENOENT, errno.EINVAL}
"""The folder is unreadable or has moved, or its file system syncs no folders."""

_log = Logger()


@implementer(IOutput)
class FileOutput(BufferedOutput):
    """Append to a file; wait while the disk is full, and lose nothing.

    After an error the producers are paused, and the write is retried every
    ``retry_seconds``. The log has one line for the error, and one when it works again.

    With ``sync`` a byte counts as written when an fsync(2) that began after its
    write has succeeded; all bytes of a turn of the reactor are written and synced
    together, at its end. If an fsync fails, Linux forgets what it could not write,
    and the next fsync does not report it. So the bytes are kept until an fsync
    succeeds; after a failure they are cut off the file and written again.

    Args:
        path: the file. Its folder must exist; a new file has mode 0600.
        clock: tells the time.
        sync: whether a write counts only when it is durable; ignored if this is
            not a regular file.
        whole_lines: whether to end a last line that a crash has cut off.
        retry_seconds: how long to wait between two tries.
        files: the files of other outputs, which this one must not use.

    Raises:
        OutputError: the file cannot be opened, or is another output's.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: AnyClock,
        sync: bool = False,
        whole_lines: bool = False,
        retry_seconds: float = 1.0,
        files: OpenFiles | None = None,
    ) -> None:
        super().__init__(path, clock, retry_seconds=retry_seconds)
        self._path = _absolute(path)
        self._files = files or OpenFiles()
        self._sync = sync
        self._unsynced = 0  # bytes at the front of the buffer, written but not synced
        self._unsynced_end = -1
        self._use(self._open(path))
        if whole_lines and _ends_in_a_line(path):
            self.write(b"\n")

    def _open(self, path: str) -> int:
        """Open a file for appending, if no other output has it."""
        fd = _open_append(path, self.name)
        try:
            self._files.claim(fd, self.name)
        except OutputError:
            os.close(fd)
            raise
        return fd

    def _use(self, fd: int) -> None:
        self._fd = fd
        self._syncs = self._sync and stat.S_ISREG(os.fstat(fd).st_mode)
        self._is_in_folder = False  # durably; see fsync(2) on new files

    @property
    def is_durable(self) -> bool:
        """Whether bytes that count as written are durable: with ``sync``, on a disk."""
        return self._syncs

    @override
    def write(self, data: bytes) -> None:
        """Write bytes now; with ``sync``, at the end of this turn of the reactor.

        Raises:
            ValueError: the output is closed.
        """
        if self.closed or not self._syncs:
            super().write(data)
            return
        self._buffer += data
        if self._retry is None:
            self.try_again_in(0)
        if not self.is_full:
            return
        if self._failing:
            self.pause()
        else:
            self._commit()

    def _commit(self) -> None:
        """Write and sync what this turn has brought, unless the disk fails."""
        if self._syncs and self._retry is not None and not self._failing:
            self._retry.cancel()
            self._retry = None
            self.write_buffer()

    @override
    def write_some(self, view: memoryview) -> int:
        if not self._syncs:
            written = os.write(self._fd, view)
        else:
            if self._unsynced and not self._withdraw(self._unsynced):
                _log.warn(
                    "write {name}: {bytes} bytes that could not be synced are "
                    "written twice, since others have written behind them",
                    name=self.name,
                    bytes=self._unsynced,
                )
            self._unsynced = 0
            written = os.write(self._fd, view)
            self._unsynced, self._unsynced_end = written, end_of_write(self._fd)
            os.fsync(self._fd)
            if not self._is_in_folder:
                _sync_folder(self._path)
                self._is_in_folder = True
            self._unsynced = 0
        if written < len(view):
            self._line.cut_short(self._fd, view[:written])
        return written

    def _withdraw(self, count: int) -> bool:
        """Cut the last ``count`` bytes, written but not synced, off the file."""
        if not cut_off(self._fd, self._unsynced_end, count):
            return False
        self._unsynced -= count
        self._unsynced_end -= count
        return True

    @override
    def wait(self) -> None:
        """Retry soon: a FIFO is full, and the reactor does not watch it."""
        self.pause()
        self.try_again_in(self._retry_seconds / 100)

    @override
    def failed(self, error: OSError) -> None:
        self.wait_until_it_works(error)

    @override
    def close(self) -> None:
        """Stop writing; close the file, which then ends with a whole line."""
        self._commit()  # Whoever waits for that may close it too.
        if self.closed:
            return
        unsynced = self._buffer[: self._unsynced]
        if unsynced:
            # Whole lines may be on the disk after all: keep them.
            self._withdraw(len(unsynced) - unsynced.rfind(b"\n") - 1)
        if not self._unsynced:
            self._take_back()
        super().close()
        self._files.release(self._fd)
        os.close(self._fd)

    @override
    def reopen(self) -> bool:
        """Switch to the file that the path names now, as after a rotation.

        The file is created if there is none. If that fails, or the file is another
        output's, the old file stays in use, and the log says why. With ``sync``,
        bytes that could not be synced are taken off the old file and written to the
        new one. A closed output stays closed.
        """
        self._commit()
        if self.closed:
            return False
        self._files.release(self._fd)
        try:
            fd = self._open(self._path)
        except OutputError as why:
            self._files.claim(self._fd, self.name)
            _log.error("{why}; the old file stays in use", why=why)
            return True
        if self._unsynced:
            _log.warn(
                "write {name}: {bytes} bytes that could not be synced are written "
                "to the new file",
                name=self.name,
                bytes=self._unsynced,
            )
            if self._withdraw(self._unsynced):
                self._sync_old()
            self._unsynced = 0
        start = self._take_back()
        self._buffer[:0] = start
        self._position -= len(start)
        os.close(self._fd)
        self._use(fd)
        return True

    def _take_back(self) -> bytes:
        """Cut the start of an unfinished line off the file, and return it."""
        start = self._line.take_back(self._fd)
        if start and self._syncs:
            self._sync_old()
        return start

    def _sync_old(self) -> None:
        """Sync the old file after a cut, so that the cut bytes do not come back."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            _log.error(
                "fsync {name}: {reason}; what was cut off its end may come back",
                name=self.name,
                reason=reason_of(error),
            )


def _absolute(path: str) -> str:
    """Return a path that does not depend on the working folder."""
    try:
        return str(Path(path).absolute())
    except OSError as error:  # The working folder is deleted.
        raise OutputError("open", path, reason_of(error)) from None


def _sync_folder(path: str) -> None:
    """Make a file's entry in its folder durable, if possible."""
    folder = Path(path).resolve().parent
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
        _log.warn(
            "fsync {folder}: {reason}; a crash may take new files with it",
            folder=folder,
            reason=reason_of(error),
        )


def _ends_in_a_line(path: str) -> bool:
    """Whether a regular file ends in the middle of a line."""
    if Path(path).is_file() and os.access(path, os.R_OK):
        with Path(path).open("rb") as file:
            if size := file.seek(0, os.SEEK_END):
                file.seek(size - 1)
                return file.read() != b"\n"
    return False


def _open_append(path: str, name: str) -> int:
    """Open a file for appending; a new one is private to its owner (mode 0600)."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
    try:
        return os.open(path, flags | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise OutputError("open", name, reason_of(error)) from None
