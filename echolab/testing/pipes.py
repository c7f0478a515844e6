"""Pipes that a process writes into, and a thread reads."""

from __future__ import annotations

import fcntl
import os
import select
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["all_in", "follow"]


def all_in(pipe: int, *, is_last: bool) -> tuple[bytes, bool]:
    """Read all that is in a pipe, but no more, however fast its writer is.

    Returns:
        The bytes; and whether no more can come, as after the last time.
    """
    try:
        data = os.read(pipe, fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ))
    except BlockingIOError:
        return b"", is_last
    return data, is_last or not data


def follow(pipe: int, ended: IO[bytes] | None, read: Callable[..., bool]) -> None:
    """Read whenever something is in a pipe, until no more can come.

    The end of the process is the end, since all that it wrote is then in the pipe: a
    child of the process may keep the pipe open, and write on.
    """
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    if ended:
        poll.register(ended, select.POLLIN)
    is_last = False
    while read(is_last=is_last):
        is_last = any(ready != pipe for ready, _ in poll.poll())
