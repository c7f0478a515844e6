"""Descriptors that are shared with others: stdin, stdout and stderr among them."""

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
    """Whether a write may wait for a reader: a pipe, a socket, a terminal."""
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)


def open_private(fd: int) -> int | None:
    """Open once more what ``fd`` is open on, to write without blocking.

    O_NONBLOCK belongs to the open file description, which stdout and stderr share
    with the shell, with each other and with other programs: set there, it loses
    their output. A description of our own can have it (Linux: ``/proc/self/fd``).

    Returns:
        A new descriptor; or None where there can be none: a socket, another
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
        events: as poll(2) has them.
        milliseconds: how long to wait for that.
    """
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(milliseconds))


def write_now(fd: int, data: bytes) -> int:
    """Write what a descriptor takes at once; its flags are not touched.

    Returns:
        How many bytes that was; 0 if it has no room.

    Raises:
        OSError: it cannot be written to.
    """
    if not can_block(fd):
        return os.write(fd, data)
    private = open_private(fd)
    try:
        if private is not None:
            return os.write(private, data)
        if not is_ready(fd, select.POLLOUT):
            return 0
        # It may block: no more than poll vouches for.
        return os.write(fd, data[: select.PIPE_BUF])
    except BlockingIOError:
        return 0
    finally:
        if private is not None:
            os.close(private)


def standard_input() -> int | None:
    """The descriptor of stdin; None if it was closed when Python started."""
    return None if sys.__stdin__ is None else 0


def check_standard_output() -> None:
    """Refuse to print to a stdout that there is not: descriptor 1 may be anything.

    Raises:
        OutputError: stdout was closed when Python started.
    """
    if sys.__stdout__ is None:
        raise OutputError("write", "stdout", "Bad file descriptor")
