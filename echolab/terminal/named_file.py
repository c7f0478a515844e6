"""Open a file that a user has named while the program runs."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from echolab.errors import InputError, reason_of
from echolab.terminal.commands import COMMANDS

__all__ = ["SHORTER", "open_named"]

SHORTER = "it is shorter than at the start"
"""Why not all of a file could be sent: somebody has truncated it."""


def open_named(path: str) -> int:
    """Open a regular file to read it; ``~`` is the home of the user.

    Anything else, such as a named pipe, could make the whole program wait.

    Returns:
        The descriptor.

    Raises:
        ValueError: there is no path; the text says so.
        InputError: it cannot be opened, or is no regular file.
    """
    if not path:
        raise ValueError(f"/file: {COMMANDS['file']}")
    fd = -1
    try:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(Path(path).expanduser(), flags)
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise ValueError("not a regular file")
    except (OSError, ValueError, RuntimeError) as why:  # NUL, "~nobody".
        if fd >= 0:
            os.close(fd)
        raise InputError("open", path, reason_of(why)) from None
    return fd
