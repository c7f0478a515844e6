"""A terminal as a user sees it, with a program on it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

import pyte

from tests.support import SECONDS, heed_signals, read_rest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

__all__ = ["Run", "Terminal"]

Run: TypeAlias = "tuple[str, str, bool]"
"""A text, its colour, and whether it is bold."""


class Terminal:
    """A terminal with one program.

    Args:
        title: what is written above it.
        columns: its width, in cells.
        rows: its height, in cells.
        folder: where its program runs, and keeps what it keeps of its user.
    """

    def __init__(self, title: str, columns: int, rows: int, folder: Path) -> None:
        self.title = title
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._keyboard, self._line = pty.openpty()
        termios.tcsetwinsize(self._line, (self.screen.lines, self.screen.columns))
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait(SECONDS)
        os.close(self._keyboard)
        os.close(self._line)

    def start(self, *words: str, shown: str) -> None:
        """Run echolab, as if it had been typed as ``shown`` in a shell."""
        self._stream.feed(f"$ \x1b[1m{shown}\x1b[0m\r\n".encode())
        self._process = subprocess.Popen(
            [sys.executable, "-m", "echolab", *words],
            cwd=self._folder,
            stdin=self._line,
            stdout=self._line,
            stderr=self._line,
            start_new_session=True,
            preexec_fn=heed_signals,
            env={
                **{k: v for k, v in os.environ.items() if k != "NO_COLOR"},
                "TERM": "xterm-256color",
                "LC_ALL": "C.UTF-8",
                "XDG_STATE_HOME": str(self._folder),
            },
        )

    def type(self, line: str) -> None:
        """Type a line and the Enter key."""
        os.write(self._keyboard, f"{line}\r".encode())

    def wait_for(self, text: str, times: int = 1) -> str:
        """Wait until the screen shows a text so many times; return all it shows."""
        return self._wait(lambda: self.text.count(text) >= times, text)

    def end(self) -> None:
        """Wait until the program has ended, and show the next prompt of the shell."""
        self._wait(self._ended, "the end")
        self._stream.feed(read_rest(self._keyboard, self._line) + b"$ ")

    @property
    def text(self) -> str:
        """The text of all rows."""
        return "\n".join(row.rstrip() for row in self.screen.display).rstrip("\n")

    def _ended(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None

    def _wait(self, done: Callable[[], bool], what: str) -> str:
        deadline = time.monotonic() + SECONDS
        while not done():
            assert time.monotonic() < deadline, f"no {what!r} in:\n{self.text}"
            self._look(0.02)
        return self.text

    def _look(self, seconds: float) -> None:
        """Show what the program has written."""
        ready, _, _ = select.select([self._keyboard], [], [], seconds)
        if ready:
            self._stream.feed(os.read(self._keyboard, 1 << 16))

    def rows(self) -> list[list[Run]]:
        """Return what each row shows, as texts of one look."""
        rows: list[list[Run]] = []
        for number in range(self.screen.lines):
            row = self.screen.buffer[number]
            length = len(self.screen.display[number].rstrip())
            looks = groupby(
                (row[column] for column in range(length)),
                lambda cell: (cell.fg, cell.bold),
            )
            rows.append(
                [
                    ("".join(cell.data for cell in cells), color, bold)
                    for (color, bold), cells in looks
                ]
            )
        return rows
