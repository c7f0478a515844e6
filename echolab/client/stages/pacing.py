"""Limit the lines per second."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from typing_extensions import override

from echolab.client.stages.base import Stage

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from echolab.interfaces import AnyClock

__all__ = ["Pacer"]


class Pacer(Stage):
    """Pass on a limited number of lines per second.

    The source is paused while lines wait. Bytes after the last newline are passed on
    with the end, or in pieces if they are more than ``MAX_BYTES``; only the last
    piece counts as a line.

    Args:
        clock: tells the time.
        rate: how many lines per second.
    """

    TURN_SECONDS = 0.01
    MAX_BYTES = 65536

    def __init__(self, clock: AnyClock, rate: float) -> None:
        self._clock = clock
        self._rate = rate
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._at_end = False
        self._paused = True
        self._turn: IDelayedCall | None = None
        self._next = 0.0  # when the next line is due

    @override
    def received(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._lines += [line + b"\n" for line in lines]
        if len(self._rest) > self.MAX_BYTES:
            self._lines.append(self._rest)
            self._rest = b""
        self._go_on()

    @override
    def ended(self) -> None:
        """Take the end; it is passed on after all lines."""
        self._at_end = True
        if self._rest:
            self._lines.append(self._rest)
        self._go_on()

    @override
    def pauseProducing(self) -> None:
        self._paused = True
        self._cancel()
        self._source.pauseProducing()

    @override
    def resumeProducing(self) -> None:
        self._paused = False
        self._go_on()

    @override
    def stopProducing(self) -> None:
        self.pauseProducing()
        self._lines.clear()
        self._source.stopProducing()

    def _go_on(self) -> None:
        """Pass on the lines that are due; then wait, read more, or end."""
        if self._paused or self._turn is not None:
            return
        now = self._clock.seconds()
        # After a time without lines, the rate is not exceeded to catch up.
        self._next = max(self._next, now - self.TURN_SECONDS)
        while self._lines and self._next <= now and not self._paused:
            line = self._lines.popleft()
            if line.endswith(b"\n"):
                self._next += 1 / self._rate
            self._taker.received(line)
        if self._lines:
            self._source.pauseProducing()
            self._turn_in(max(self._next - now, self.TURN_SECONDS))
        elif self._at_end:
            self._taker.ended()
        elif not self._paused:
            self._source.resumeProducing()

    def _turn_in(self, seconds: float) -> None:
        if not self._paused:
            self._turn = self._clock.callLater(seconds, self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        self._go_on()

    def _cancel(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()
