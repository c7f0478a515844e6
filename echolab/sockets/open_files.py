"""How many files this process may open: each connection is one (getrlimit(2))."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

from echolab.errors import EcholabError

__all__ = ["open_files_left", "raise_open_files_limit"]

LEAST_FILES = 8
"""Enough for a reactor, a listening socket with its reserve, and a connection."""


def open_files_left() -> int:
    """Return how many more descriptors this process may open."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return sys.maxsize
    try:
        used = len(list(Path("/proc/self/fd").iterdir()))
    except OSError:
        used = 0  # Not Linux: unknown, but few.
    return most - used


def raise_open_files_limit() -> None:
    """Raise the limit of open files to the maximum that the system allows.

    Raises:
        EcholabError: the limit is too low for a reactor and a connection.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if open_files_left() < LEAST_FILES:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        reason = f"only {most} files may be open; raise the limit with ulimit -n"
        raise EcholabError("getrlimit", "RLIMIT_NOFILE", reason)
