"""A terminal as the text stream that libraries write to."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TerminalStream"]


class TerminalStream(io.TextIOBase):
    """Writes text through an output, in order with what else goes there.

    So a library that draws on a terminal never blocks, even if nobody reads it.

    Args:
        write: an output's ``write``, to the terminal.
        fd: the terminal's descriptor, to be asked for its size.
    """

    encoding = "utf-8"

    def __init__(self, write: Callable[[bytes], None], fd: int) -> None:
        super().__init__()
        self._write = write
        self._fd = fd

    @override
    def write(self, text: str) -> int:
        """Write text."""
        self._write(text.encode("utf-8", "surrogateescape"))
        return len(text)

    @override
    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._fd

    @override
    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True
