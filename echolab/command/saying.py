"""What a program says of itself: lines to stderr, which never block it."""

from __future__ import annotations

import os
import select
import sys

from echolab.counting import count
from echolab.descriptors import is_ready, write_now

__all__ = ["Speaker", "say"]

STDERR = 2

ROOM_MILLISECONDS = 100


class Speaker:
    """Writes lines to a descriptor that nobody may be reading.

    A line that finds no room is dropped and counted: to wait would stop the whole
    program, and its end. A terminal that is only slow has room within a moment. It
    is waited for once.

    Args:
        fd: the descriptor; its flags are not touched.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""  # of a line of which a part is written
        self._unsaid_lines = 0
        self._stuck = False

    def __call__(self, line: object) -> None:
        """Say a line, or several; not to twistd's log."""
        if sys.__stderr__ is None:
            return  # It was closed when Python started: the number may be anybody's.
        text = f"{line}\n".encode(sys.__stderr__.encoding, "backslashreplace")
        if not self._say(text):
            self._unsaid_lines += text.count(b"\n")

    def catch_up(self) -> None:
        """Say how many lines were not said, if there is room again."""
        self._say(b"")

    def _say(self, text: bytes) -> bool:
        """Say a text, or its beginning for now; return whether it is said.

        The number of lines that were not said goes before it, in one write: it may
        not take the room that the text needs.
        """
        self._rest = self._write(self._rest)
        if self._rest:
            return False
        if self._unsaid_lines:
            lines = count(self._unsaid_lines, "line")
            were = "was" if self._unsaid_lines == 1 else "were"
            notice = f"{lines} {were} not said: stderr had no room\n"
            text = notice.encode() + text
        rest = self._write(text)
        if text and rest == text:
            return False
        self._rest, self._unsaid_lines = rest, 0
        return True

    def _write(self, text: bytes) -> bytes:
        """Write what finds room; return what does not."""
        try:
            while text:
                if written := write_now(self._fd, text):
                    text = text[written:]
                elif self._stuck or not os.isatty(self._fd):
                    self._stuck = True
                    return text
                else:
                    self._stuck = True
                    is_ready(self._fd, select.POLLOUT, ROOM_MILLISECONDS)
            self._stuck = False
        except OSError:
            pass  # The terminal has gone, the reader has, or the disk is full.
        return text


say = Speaker(STDERR)
"""Says a line on stderr, if there is one still and it has room."""
