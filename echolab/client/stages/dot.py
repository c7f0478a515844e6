"""The rule of the dot: the lecture's way to quit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from typing_extensions import override

from echolab.client.stages.base import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DotQuit"]

_find_line = re.compile(rb"\n\.").search  # Faster than ``bytes.find``.


class DotQuit(Stage):
    """End the input at the first line that begins with ``.``, as in the lecture.

    The lines may arrive in any pieces; nothing is held back. The input before that
    line is passed on; the source is stopped.

    Args:
        quits: called at that line, before the end is passed on.
    """

    def __init__(self, quits: Callable[[], None]) -> None:
        self._quits = quits
        self._at_line_start = True

    @override
    def received(self, chunk: bytes) -> None:
        dot = self._find(chunk)
        if dot < 0:
            self._at_line_start = chunk.endswith(b"\n")
            self._taker.received(chunk)
            return
        if dot:
            self._taker.received(chunk[:dot])
        self._quits()
        self._source.stopProducing()
        self._taker.ended()

    def _find(self, chunk: bytes) -> int:
        """Return where that line begins in a chunk; -1 if it does not."""
        if b"." not in chunk:  # Searching one byte is much faster than two.
            return -1
        if self._at_line_start and chunk.startswith(b"."):
            return 0
        found = _find_line(chunk)
        return found.end() - 1 if found else -1
