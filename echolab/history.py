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
    no error: nothing is kept then.

    Args:
        path: the file; made, with its folder, when the first line is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

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
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._open(os.O_RDWR | os.O_APPEND | os.O_CREAT) as fd:
                if os.fstat(fd).st_size + len(entry) > MAX_BYTES:
                    # Half of it, so that this is seldom done.
                    entry = _newest(fd, MAX_BYTES // 2) + entry
                    os.ftruncate(fd, 0)
                os.write(fd, entry)

    @contextmanager
    def _open(self, flags: int) -> Iterator[int]:
        """Open the file; nobody else changes it meanwhile."""
        flags |= os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(self._path, flags, 0o600)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):  # As a link to /dev/null.
                raise OSError("not a file")
            if flags & os.O_CREAT and status.st_mode & 0o077:
                os.fchmod(fd, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)


def _newest(fd: int, size: int) -> bytes:
    """The last whole lines of a file, ``size`` bytes at most."""
    start = max(0, os.fstat(fd).st_size - size)
    data = os.pread(fd, size, start)
    if start and os.pread(fd, 1, start - 1) != b"\n":
        data = data.partition(b"\n")[2]  # The first of them is cut.
    return data


def _texts(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "surrogateescape").split("\n")[:-1]
    return lines[-MAX_LINES:]
