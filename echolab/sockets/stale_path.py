"""UNIX paths that dead processes have left: only one server may replace each."""

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
"""How long to wait for others, who hold the lock for less than a millisecond."""
_PAUSE_SECONDS = 0.005

# Of /proc/net/unix: Flags (without __SO_ACCEPTCON), Type (SOCK_STREAM), St
# (SS_UNCONNECTED). It is a socket that is bound and not listened on, or a client.
_BOUND = [b"00000000", b"0001", b"01"]
_COLUMNS = 8  # The last, Path, is there only if the socket has a name.


@contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Lock a folder, so that one server at a time changes its sockets.

    The lock is flock(2) of the folder itself: it leaves no file, and ends with the
    process.

    Args:
        folder: its path.

    It yields whether to go on and replace a path: not if somebody held the lock for
    too long. Where there are no locks (NFS, a folder that cannot be read), it does.
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
    """Remove a socket that nobody listens on any more, nor is about to."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        if stat.S_ISSOCK(path.lstat().st_mode):
            probe.setblocking(False)
            refused = probe.connect_ex(os.fsencode(path)) == errno.ECONNREFUSED
            if refused and not _is_bound(path):
                path.unlink()


def _is_bound(path: Path) -> bool:
    """Whether somebody has bound a socket there and does not listen yet (Linux).

    Servers that know nothing of our lock would lose their path. The table has the
    name by which each has bound its socket. What folder a relative one is of is not
    known: any socket of the same last name may be the one.
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
