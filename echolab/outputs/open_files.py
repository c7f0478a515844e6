"""The files of the outputs; no two outputs share one."""

from __future__ import annotations

import os
import stat

from echolab.errors import OutputError

__all__ = ["OpenFiles"]


class OpenFiles:
    """Registry of the files in use, independent of how a path is spelled.

    Two outputs in one file would break each other's lines.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], str] = {}

    def claim(self, fd: int, name: str) -> None:
        """Register the file of ``fd`` for an output.

        Raises:
            OutputError: another output has this file.
        """
        status = os.fstat(fd)
        if stat.S_ISCHR(status.st_mode):
            return  # A terminal, or /dev/null.
        identity = status.st_dev, status.st_ino
        if other := self._names.get(identity):
            raise OutputError("open", name, f"the same file as {other}")
        self._names[identity] = name

    def release(self, fd: int) -> None:
        """Remove the file of ``fd`` from the registry."""
        status = os.fstat(fd)
        self._names.pop((status.st_dev, status.st_ino), None)
