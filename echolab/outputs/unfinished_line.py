"""The unfinished line at the end of a file, which can be cut off again."""

from __future__ import annotations

import os
import stat

__all__ = ["UnfinishedLine", "cut_off", "end_of_write"]


def end_of_write(fd: int) -> int:
    """Return where the last write to a regular file ended; -1 for other files.

    This is the offset of the open file description; O_APPEND sets it too.
    """
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return os.lseek(fd, 0, os.SEEK_CUR)
    return -1


def cut_off(fd: int, end: int, count: int) -> bool:
    """Cut the last bytes off a regular file, unless others have written after them.

    Args:
        fd: the file.
        end: where the bytes end, from `end_of_write`.
        count: the number of bytes.

    Returns:
        Whether they are gone; False if the disk fails.
    """
    try:
        if end < count or os.fstat(fd).st_size != end:
            return False
        os.ftruncate(fd, end - count)
        # Others who share the description, such as a shell, go on here.
        os.lseek(fd, end - count, os.SEEK_SET)
    except OSError:
        return False
    return True


class UnfinishedLine:
    """The start of a line, written before the disk was full.

    Attributes:
        start: the bytes written; empty if the file ends with a whole line.
    """

    def __init__(self) -> None:
        self.start = b""
        self._end = -1

    def cut_short(self, fd: int, written: memoryview) -> None:
        """Note the bytes of a write that could not write all."""
        end = end_of_write(fd)
        _, newline, start = bytes(written).rpartition(b"\n")
        if not newline and self._end + len(written) == end:
            start = self.start + start
        self.start, self._end = start, end

    def take_back(self, fd: int) -> bytes:
        """Cut the start off and return it; return nothing if that is impossible."""
        start, self.start = self.start, b""
        return start if start and cut_off(fd, self._end, len(start)) else b""
