"""Descriptors shared with other programs, such as stdin, stdout and stderr."""

from __future__ import annotations

import os
import select
import stat
import sys

from echolab.errors import OutputError

__all__ = [
    "can_block",
    "check_standard_output",
    "is_ready",
    "open_private",
    "standard_input",
    "write_now",
]


def can_block(fd: int) -> bool:
    """Whether a write may block: on a pipe, a socket or a terminal."""
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)


def open_private(fd: int) -> int | None:
    """Open the file of ``fd`` once more, to write without blocking.

    O_NONBLOCK belongs to the open file description. stdout and stderr share theirs
    with the shell, with each other and with other programs; O_NONBLOCK there would
    lose their output. A description of our own is safe (Linux: ``/proc/self/fd``).

    Returns:
        A new descriptor; or None if that is impossible: for a socket, another
        user's terminal, a system without ``/proc``.
    """
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(f"/proc/self/fd/{fd}", flags)
    except OSError:
        return None


def is_ready(fd: int, events: int, milliseconds: int = 0) -> bool:
    """Whether a descriptor is ready for ``events`` now, or has hung up.

    Args:
        fd: the descriptor.
        events: as in poll(2).
        milliseconds: how long to wait.
    """
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(milliseconds))


def write_now(fd: int, data: bytes) -> int:
    """Write as much as a descriptor takes at once; do not change its flags.

    Returns:
        The number of bytes written; 0 if there is no room.

    Raises:
        OSError: the descriptor cannot be written to.
    """
    if not can_block(fd):
        return os.write(fd, data)
    private = open_private(fd)
    try:
        if private is not None:
            return os.write(private, data)
        if not is_ready(fd, select.POLLOUT):
            return 0
        # A longer write may block: poll(2) promises this much.
        return os.write(fd, data[: select.PIPE_BUF])
    except BlockingIOError:
        return 0
    finally:
        if private is not None:
            os.close(private)


def standard_input() -> int | None:
    """Return the descriptor of stdin; None if it was closed when Python started."""
    return None if sys.__stdin__ is None else 0


def check_standard_output() -> None:
    """Raise if there is no stdout: descriptor 1 may then be any other file.

    Raises:
        OutputError: stdout was closed when Python started.
    """
    if sys.__stdout__ is None:
        raise OutputError("write", "stdout", "Bad file descriptor")
