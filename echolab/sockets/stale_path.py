"""Stale UNIX paths, left by dead processes: only one server may replace each."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["alone_in", "remove_if_stale"]

LOCK_SECONDS = 1.0
"""How long to wait for other servers, which hold the lock for less than 1 ms."""
_PAUSE_SECONDS = 0.005

# In /proc/net/unix: Flags (without __SO_ACCEPTCON), Type (SOCK_STREAM), St
# (SS_UNCONNECTED): a socket that is bound but does not listen, or a client's.
_BOUND = [b"00000000", b"0001", b"01"]
_COLUMNS = 8  # The last, Path, is there only if the socket has a name.


@contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Lock a folder, so that only one server at a time changes its sockets.

    The lock is flock(2) of the folder itself: it leaves no file, and ends with the
    process.

    Args:
        folder: the folder.

    Yields whether a path may be replaced. It may not if another program held the lock
    for too long. It may if there are no locks (NFS, a folder that cannot be read).
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        yield _locked(fd)
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            return True
        else:
            return True


def remove_if_stale(path: Path) -> None:
    """Remove a socket if no process listens on it or is about to."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        if stat.S_ISSOCK(path.lstat().st_mode):
            probe.setblocking(False)
            refused = probe.connect_ex(os.fsencode(path)) == errno.ECONNREFUSED
            if refused and not _is_bound(path):
                path.unlink()


def _is_bound(path: Path) -> bool:
    """Whether a socket is bound to the path, but does not listen yet (Linux).

    Servers that do not use our lock would lose their path. The kernel's table has the
    name that each socket was bound to. The folder of a relative name is unknown: any
    socket with the same last part may be the one.
    """
    try:
        table = Path("/proc/net/unix").read_bytes()
    except OSError:
        return False
    place = path.parent.resolve() / path.name
    for line in table.splitlines():
        fields = line.split(None, 7)
        if fields[3:6] == _BOUND and len(fields) == _COLUMNS:
            bound = Path(os.fsdecode(fields[-1]))
            if bound.name == path.name and (
                not bound.is_absolute() or bound.parent.resolve() / bound.name == place
            ):
                return True
    return False
