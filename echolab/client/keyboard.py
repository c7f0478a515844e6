"""A terminal's keyboard, where an editor reads one line after the other."""

from __future__ import annotations

import os
import select
import termios
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["key_by_key", "typed_ahead"]

READ_BYTES = 65536


def typed_ahead(fd: int) -> Iterator[bytes]:
    r"""Read the lines that wait in a terminal, as long as it edits lines itself.

    An end of input (Ctrl-D) among them would read as ``\0`` in any other mode.

    Args:
        fd: the terminal's descriptor.

    Yields:
        Each line with its newline; nothing where the input ends.
    """
    with suppress(OSError, ValueError):  # The terminal is gone.
        while select.select([fd], [], [], 0)[0]:
            line = os.read(fd, READ_BYTES)
            yield line
            if not line:
                return


@contextmanager
def key_by_key(fd: int) -> Iterator[None]:
    """Keep a terminal from editing lines itself, also between two lines.

    Otherwise Ctrl-D that is typed there would be lost. Ctrl-C and Ctrl-Z remain
    signals, since nobody reads keys there. At the end the terminal is as it was.

    Args:
        fd: the terminal's descriptor.
    """
    try:
        before = termios.tcgetattr(fd)
    except termios.error:  # It is gone.
        yield
        return
    tty.setcbreak(fd, termios.TCSANOW)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, before)
