"""Commands in terminals of their own, side by side."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import termios
from typing import TYPE_CHECKING

from tests.support import SECONDS, heed_signals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Console", "look"]

ROWS_AND_COLUMNS = 24, 80


class Console:
    """A command of a shell in a terminal of its own.

    Args:
        command: what the shell gets.
        folder: where it runs.
        variables: environment variables besides those of this process.

    Attributes:
        shown: what the terminal has shown.
        ended: whether the last program has left the terminal.
    """

    def __init__(
        self, command: str, folder: Path, variables: Mapping[str, str]
    ) -> None:
        self.shown = bytearray()
        self.ended = False
        self._screen, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, ROWS_AND_COLUMNS)
        self._process = subprocess.Popen(
            ("bash", "-c", command),
            cwd=folder,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=heed_signals,
            env={
                **os.environ,
                "LC_ALL": "C.UTF-8",
                "NO_COLOR": "1",
                "TERM": "dumb",
                **variables,
            },
        )
        os.close(terminal)

    def fileno(self) -> int:
        """Return the descriptor that shows what the terminal shows."""
        return self._screen

    @property
    def text(self) -> str:
        """What the terminal has shown, with plain line ends."""
        return self.shown.decode(errors="replace").replace("\r\n", "\n")

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._screen, f"{line}\n".encode())

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all programs of the command."""
        os.killpg(self._process.pid, number)

    def read(self) -> None:
        """Take what the terminal shows; wait for it."""
        try:
            data = os.read(self._screen, 1 << 16)
        except OSError:  # EIO: the last program has left the terminal.
            data = b""
        self.shown += data
        self.ended = not data

    def close(self) -> int:
        """Close the terminal; return the exit status of the command.

        Whatever still runs after that is killed.
        """
        os.close(self._screen)
        try:
            return self._process.wait(SECONDS)
        finally:
            self._end_all()

    def kill(self) -> None:
        """End the command at once, and close the terminal."""
        self._end_all()
        self.close()

    def _end_all(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.send(signal.SIGKILL)


def look(consoles: Iterable[Console], seconds: float) -> None:
    """Take what terminals show; wait for one of them, but not longer than this."""
    alive = [each for each in consoles if not each.ended]
    for console in select.select(alive, [], [], seconds)[0]:
        console.read()
