"""The files that outputs write to, each of them no other's."""

from __future__ import annotations

import os
import stat

from echolab.errors import OutputError

__all__ = ["OpenFiles"]


class OpenFiles:
    """Knows which file is whose, however it is spelled.

    Two outputs in one file would write into each other's lines.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], str] = {}

    def claim(self, fd: int, name: str) -> None:
        """Note that an output writes to what ``fd`` is open on.

        Raises:
            OutputError: another one does.
        """
        status = os.fstat(fd)
        if stat.S_ISCHR(status.st_mode):
            return  # A terminal, or /dev/null.
        identity = status.st_dev, status.st_ino
        if other := self._names.get(identity):
            raise OutputError("open", name, f"the same file as {other}")
        self._names[identity] = name

    def release(self, fd: int) -> None:
        """Note that an output writes no more to what ``fd`` is open on."""
        status = os.fstat(fd)
        self._names.pop((status.st_dev, status.st_ino), None)
