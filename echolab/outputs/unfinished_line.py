"""What stands at the end of a file and must not stay: it can be cut off again."""

from __future__ import annotations

import os
import stat

__all__ = ["UnfinishedLine", "cut_off", "end_of_write"]


def end_of_write(fd: int) -> int:
    """Where the last write to a regular file ended; -1 for anything else.

    That is the offset of the open file description; O_APPEND sets it too.
    """
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return os.lseek(fd, 0, os.SEEK_CUR)
    return -1


def cut_off(fd: int, end: int, count: int) -> bool:
    """Cut the last bytes off a regular file, unless others have written behind them.

    Args:
        fd: the file.
        end: where the bytes end, from `end_of_write`.
        count: how many they are.

    Returns:
        Whether they are gone. If the disk fails they are not.
    """
    try:
        if end < count or os.fstat(fd).st_size != end:
            return False
        os.ftruncate(fd, end - count)
        # Where others share the description, as a shell does, they go on here.
        os.lseek(fd, end - count, os.SEEK_SET)
    except OSError:
        return False
    return True


class UnfinishedLine:
    """The start of a line that was written before the disk was full.

    Attributes:
        start: what is written of it; empty if the file ends with a whole line.
    """

    def __init__(self) -> None:
        self.start = b""
        self._end = -1

    def cut_short(self, fd: int, written: memoryview) -> None:
        """Note what a write has written that could not write all."""
        end = end_of_write(fd)
        _, newline, start = bytes(written).rpartition(b"\n")
        if not newline and self._end + len(written) == end:
            start = self.start + start
        self.start, self._end = start, end

    def take_back(self, fd: int) -> bytes:
        """Cut it off; return what it was, or nothing if that is not possible."""
        start, self.start = self.start, b""
        return start if start and cut_off(fd, self._end, len(start)) else b""
