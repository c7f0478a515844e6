"""Learn whether the peer's kernel has taken all sent bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.task import LoopingCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.client.line import Line
    from echolab.interfaces import AnyClock

__all__ = ["Delivery"]

LOOK_SECONDS = 0.01


class Delivery:
    """Polls the kernel for the last bytes, since the reactor tells nothing of them.

    Args:
        line: the connection; the kernel has taken all written bytes.
        clock: tells the time.
        seconds: how long the peer may acknowledge nothing; None for ever.
        taken: called when all is acknowledged, or nothing can be known.
        broken: called when the connection has broken, for example by a reset, the
            answer of a peer that has closed.
        stuck: called when the peer has acknowledged nothing for too long.
    """

    def __init__(
        self,
        line: Line,
        *,
        clock: AnyClock,
        seconds: float | None,
        taken: Callable[[], None],
        broken: Callable[[], None],
        stuck: Callable[[], None],
    ) -> None:
        self._line = line
        self._clock = clock
        self._seconds = seconds
        self._taken = taken
        self._broken = broken
        self._stuck = stuck
        self._left = 0
        self._since = clock.seconds()
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def start(self) -> None:
        """Poll, now and until one of the three is called."""
        self._loop.start(LOOK_SECONDS)

    def stop(self) -> None:
        """Stop polling; none of the three is called."""
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> None:
        left = self._line.undelivered_bytes()
        now = self._clock.seconds()
        if left != self._left:
            self._left, self._since = left, now
        if self._line.broken():
            call = self._broken
        elif not left:
            call = self._taken
        elif self._seconds is not None and now - self._since >= self._seconds:
            call = self._stuck
        else:
            return
        self._loop.stop()
        call()
