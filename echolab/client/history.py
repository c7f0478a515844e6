"""The lines that were typed, kept from one run of the client to the next."""

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


def history_path(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where the history is kept: in the state folder, as XDG's base folders say.

    Args:
        environ: the environment.

    Returns:
        The path; None for a user who has no home.
    """
    folder = environ.get("XDG_STATE_HOME", "")
    if not Path(folder).is_absolute():  # The specification: ignore it then.
        home = environ.get("HOME", "")
        if not Path(home).is_absolute():
            return None
        folder = f"{home}/.local/state"
    return Path(folder, "echolab", "history")


class HistoryFile:
    """The newest lines, in a file that only its owner can read.

    Several clients may use it at once. A file that cannot be read or written is
    no error: nothing is kept then. Nobody waits for the file: lines that come
    while somebody else has it locked are kept with the next one.

    Args:
        path: the file; made, with its folder, when the first line is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting = b""

    def lines(self) -> list[str]:
        """The newest lines, the oldest of them first."""
        with suppress(OSError), self._open(os.O_RDONLY) as fd:
            return _texts(_newest(fd, MAX_BYTES))
        return []

    def add(self, line: str) -> None:
        """Keep a line; the oldest ones go when there are too many."""
        entry = line.encode("utf-8", "surrogateescape") + b"\n"
        if len(entry) > MAX_BYTES // 2:
            return
        self._waiting = _last_lines(self._waiting + entry, MAX_BYTES // 2)
        self.flush()

    def flush(self) -> None:
        """Keep the lines that wait, unless the file is still locked."""
        if not self._waiting:
            return
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._open(os.O_RDWR | os.O_APPEND | os.O_CREAT) as fd:
                entries, self._waiting = self._waiting, b""
                if os.fstat(fd).st_size + len(entries) > MAX_BYTES:
                    # Half of it, so that this is seldom done.
                    entries = _newest(fd, MAX_BYTES // 2) + entries
                    os.ftruncate(fd, 0)
                os.write(fd, entries)

    @contextmanager
    def _open(self, flags: int) -> Iterator[int]:
        """Open the file; nobody else changes it meanwhile.

        Raises:
            OSError: it cannot be opened; or, to be written, somebody else has
                locked it. To read it then can show less of it, and no worse.
        """
        flags |= os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(self._path, flags, 0o600)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):  # As a link to /dev/null.
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
    """The last whole lines of a file, ``size`` bytes at most."""
    before = 1  # It shows whether the first of them is cut.
    start = max(0, os.fstat(fd).st_size - size - before)
    return _last_lines(os.pread(fd, size + before, start), size)


def _last_lines(data: bytes, size: int) -> bytes:
    if len(data) <= size:
        return data
    return data[-size - 1 :].partition(b"\n")[2]


def _texts(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "surrogateescape").split("\n")[:-1]
    return lines[-MAX_LINES:]
