"""A terminal as a text stream, for libraries."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TerminalStream"]


class TerminalStream(io.TextIOBase):
    """Write text through an output, in order with its other bytes.

    So a library that draws on a terminal never blocks, even if the terminal does.

    Args:
        write: the ``write`` of the terminal's output.
        fd: the terminal's descriptor, to get its size.
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
        """Return the terminal's descriptor."""
        return self._fd

    @override
    def isatty(self) -> bool:
        """Return True: this is a terminal."""
        return True
