"""The history of typed lines, kept from one run of the program to the next."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["HistoryFile", "history_path"]

MAX_BYTES = 65536
MAX_LINES = 1000


def history_path(
    environ: Mapping[str, str] = os.environ, *, name: str = "history"
) -> Path | None:
    """Return the path of a history, in XDG's state folder.

    Args:
        environ: the environment.
        name: the name of the file.

    Returns:
        The path; None for a user without a home.
    """
    folder = environ.get("XDG_STATE_HOME", "")
    if not Path(folder).is_absolute():  # The specification says: ignore it.
        home = environ.get("HOME", "")
        if not Path(home).is_absolute():
            return None
        folder = f"{home}/.local/state"
    return Path(folder, "echolab", name)


class HistoryFile:
    """The newest lines, in a file that only its owner can read.

    Several programs may use the file at once. A file that cannot be read or written is
    not an error: no lines are kept then. The program never waits for the file: lines
    that come while another one has locked it are kept with the next line.

    Args:
        path: the file; it is created, with its folder, for the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting = b""

    def lines(self) -> list[str]:
        """Return the newest lines, the oldest of them first."""
        with suppress(OSError), self._open(os.O_RDONLY) as fd:
            return _texts(_newest(fd, MAX_BYTES))
        return []

    def add(self, line: str) -> None:
        """Keep a line; drop the oldest lines if there are too many."""
        entry = line.encode("utf-8", "surrogateescape") + b"\n"
        if len(entry) > MAX_BYTES // 2:
            return
        self._waiting = _last_lines(self._waiting + entry, MAX_BYTES // 2)
        self.flush()

    def flush(self) -> None:
        """Write the waiting lines, unless the file is still locked."""
        if not self._waiting:
            return
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._open(os.O_RDWR | os.O_APPEND | os.O_CREAT) as fd:
                entries, self._waiting = self._waiting, b""
                if os.fstat(fd).st_size + len(entries) > MAX_BYTES:
                    # Keep only half, so that this happens seldom.
                    entries = _newest(fd, MAX_BYTES // 2) + entries
                    os.ftruncate(fd, 0)
                os.write(fd, entries)

    @contextmanager
    def _open(self, flags: int) -> Iterator[int]:
        """Open the file, and lock it against changes by others.

        A locked file can still be read: it may then show fewer lines, but no bad ones.

        Raises:
            OSError: the file cannot be opened; or it is opened for writing, and another
                client has locked it.
        """
        flags |= os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(self._path, flags, 0o600)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):  # Such as a link to /dev/null.
                raise OSError("not a file")
            if flags & os.O_CREAT and status.st_mode & 0o077:
                os.fchmod(fd, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if flags & os.O_CREAT:
                    raise
            yield fd
        finally:
            os.close(fd)


def _newest(fd: int, size: int) -> bytes:
    """Return the last whole lines of a file, ``size`` bytes at most."""
    before = 1  # This byte shows whether the first line is cut.
    start = max(0, os.fstat(fd).st_size - size - before)
    return _last_lines(os.pread(fd, size + before, start), size)


def _last_lines(data: bytes, size: int) -> bytes:
    if len(data) <= size:
        return data
    return data[-size - 1 :].partition(b"\n")[2]


def _texts(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "surrogateescape").split("\n")[:-1]
    return lines[-MAX_LINES:]
