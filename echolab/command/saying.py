"""A program's own messages: lines on stderr, which never block it."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING

from echolab.counting import count
from echolab.descriptors import is_ready, write_now

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Speaker", "say"]

STDERR = 2

ROOM_MILLISECONDS = 100


class Speaker:
    """Writes lines to a descriptor that may have no reader.

    If the descriptor is full, a line is dropped and counted: waiting would stop the
    whole program, and its end. A terminal that is only slow takes more within a moment,
    so a terminal is waited for once.

    Args:
        fd: the descriptor; its flags are not changed.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""  # the rest of a line that is partly written
        self._unsaid_lines = 0
        self._stuck = False
        self._show: Callable[[bytes], bool] | None = None

    def show_by(self, show: Callable[[bytes], bool] | None) -> None:
        """Show lines in another way, as above a line that is being typed.

        Args:
            show: shows lines, and returns whether there was room for them; None to
                write to the descriptor again.
        """
        self._show = show

    def __call__(self, line: object) -> None:
        """Print one or more lines; they do not go to twistd's log."""
        if sys.__stderr__ is None:
            return  # It was closed when Python started: the number may be reused.
        text = f"{line}\n".encode(sys.__stderr__.encoding, "backslashreplace")
        if not self._say(text):
            self._unsaid_lines += text.count(b"\n")

    def catch_up(self) -> None:
        """Print how many lines were dropped, if there is room again."""
        self._say(b"")

    def _say(self, text: bytes) -> bool:
        """Print a text, or its start for now; return whether it was accepted.

        The number of dropped lines is printed before it, in the same write, so that it
        does not take the room that the text needs.
        """
        self._rest = self._write(self._rest)
        if self._rest:
            return False
        if self._unsaid_lines:
            lines = count(self._unsaid_lines, "line")
            were = "was" if self._unsaid_lines == 1 else "were"
            notice = f"{lines} {were} not printed: stderr was full\n"
            text = notice.encode() + text
        rest = self._write(text)
        if text and rest == text:
            return False
        self._rest, self._unsaid_lines = rest, 0
        return True

    def _write(self, text: bytes) -> bytes:
        """Write as much as the descriptor takes; return the rest."""
        if self._show is not None:
            return b"" if not text or self._show(text) else text
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
            pass  # The terminal or the reader is gone, or the disk is full.
        return text


say = Speaker(STDERR)
"""Prints a line on stderr, if stderr is open and has room."""
