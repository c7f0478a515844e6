"""The keyboard of a terminal, for an editor that reads line after line."""

from __future__ import annotations

import os
import select
import termios
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from echolab.counting import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["drop_pasted", "key_by_key", "typed_ahead"]

READ_BYTES = 65536


def typed_ahead(fd: int) -> Iterator[bytes]:
    r"""Read the lines that wait in a terminal, while it is still in line mode.

    In any other mode an end of input (Ctrl-D) among them would be read as ``\0``.

    Args:
        fd: the terminal's descriptor.

    Yields:
        Each line with its newline; an empty line at the end of input.
    """
    with suppress(OSError, ValueError):  # The terminal is gone.
        while select.select([fd], [], [], 0)[0]:
            line = os.read(fd, READ_BYTES)
            yield line
            if not line:
                return


def drop_pasted(fd: int, say: Callable[[bytes], object]) -> None:
    """Drop, and count, the lines that wait behind a line with a dot.

    Nobody types so fast: they were pasted, and must not reach the shell.

    Args:
        fd: the terminal's descriptor.
        say: shows how many they were, if there were any.
    """
    dropped = sum(bool(line) for line in typed_ahead(fd))
    if dropped:
        say(f"not sent: {count(dropped, 'line')} behind the '.'\n".encode())


@contextmanager
def key_by_key(fd: int) -> Iterator[None]:
    """Switch a terminal's line mode off, also between two lines of the editor.

    Otherwise a Ctrl-D between two lines would be lost. Ctrl-C and Ctrl-Z remain
    signals, because no keys are read there. At the end the terminal is restored.

    Args:
        fd: the terminal's descriptor.
    """
    try:
        before = termios.tcgetattr(fd)
    except termios.error:  # The terminal is gone.
        yield
        return
    tty.setcbreak(fd, termios.TCSANOW)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, before)
