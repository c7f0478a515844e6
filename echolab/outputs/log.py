"""Output to Twisted's log, for a daemon without a file."""

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
"""The fixed cost of one entry, in bytes that take the same time."""


@implementer(IOutput)
class LogOutput(BufferedOutput):
    """Log each printed line, at a bounded rate.

    At most 100 entries, or 64 KiB, are logged in 10 ms. The rest waits, so that
    the reactor has time for other work. The producers are paused if too many bytes
    wait. If more than 100 lines wait, they become one entry of many lines: a peer
    that sends only newlines does not delay others.

    Args:
        clock: tells the time.
        max_buffered_bytes: how many bytes may wait before the producers are paused.
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
            # Twisted's log makes no entry of an empty line.
            self._log.info("{line}", line=line or " ")
        return len(piece)

    @override
    def wait(self) -> None:
        """Do nothing: the next try is scheduled already, with the first entry."""

    @override
    def _try_again(self) -> None:
        self._left = BYTES_A_TURN
        super()._try_again()


def _whole_lines(view: memoryview) -> bytes:
    """Return the whole lines to log in one turn; at least one line."""
    data = bytes(view[:BYTES_A_TURN])
    if end := data.rfind(b"\n") + 1:
        return data[:end]
    line, newline, _ = bytes(view).partition(b"\n")
    return line + newline
