"""Printed lines as entries of Twisted's log, for a daemon without a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger
from typing_extensions import override
from zope.interface import implementer

from echolab.interfaces import IOutput
from echolab.outputs.buffered import MAX_BUFFERED_BYTES, BufferedOutput

if TYPE_CHECKING:
    from echolab.interfaces import AnyClock

__all__ = ["LogOutput"]

TURN_SECONDS = 0.01
BYTES_A_TURN = 1 << 16
LINES_A_TURN = 100
LINE_COST = BYTES_A_TURN // LINES_A_TURN
"""An entry takes as much time as so many bytes, whatever is in it."""


@implementer(IOutput)
class LogOutput(BufferedOutput):
    """Logs each printed line, at a bounded rate.

    A hundred entries, or 64 KiB, are logged in 10 ms. The rest waits, so that
    the reactor has time for others; the producers are paused when too much
    does. More than a hundred lines that wait become one entry of many lines: a
    peer that sends nothing but newlines keeps nobody waiting.

    Args:
        clock: tells the time.
        max_buffered_bytes: how many bytes may wait before the producers are told.
    """

    _log = Logger()

    def __init__(
        self, clock: AnyClock, max_buffered_bytes: int = MAX_BUFFERED_BYTES
    ) -> None:
        super().__init__("log", clock, max_buffered_bytes)
        self._left = BYTES_A_TURN

    @override
    def write_some(self, view: memoryview) -> int:
        if self._left <= 0:
            raise BlockingIOError
        piece = _whole_lines(view)
        lines = piece.decode("utf-8", "backslashreplace").removesuffix("\n").split("\n")
        if len(lines) > LINES_A_TURN:
            lines = ["\n".join(lines)]
        if self._retry is None:
            self.try_again_in(TURN_SECONDS)
        self._left -= len(piece) + LINE_COST * len(lines)
        for line in lines:
            # Twisted's log has no entry for an empty one.
            self._log.info("{line}", line=line or " ")
        return len(piece)

    @override
    def wait(self) -> None:
        """Do nothing: the turn that began with the first entry will end."""

    @override
    def _try_again(self) -> None:
        self._left = BYTES_A_TURN
        super()._try_again()


def _whole_lines(view: memoryview) -> bytes:
    """What can be logged in a turn; one line if that is more."""
    data = bytes(view[:BYTES_A_TURN])
    if end := data.rfind(b"\n") + 1:
        return data[:end]
    line, newline, _ = bytes(view).partition(b"\n")
    return line + newline
