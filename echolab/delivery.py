"""Whether the peer's kernel has taken all that was sent, after both sides ended."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from twisted.internet.task import LoopingCall

from echolab.kernel import unacknowledged_bytes, was_reset

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.interfaces import AnyClock, IStreamTransport

__all__ = ["Delivery", "Outcome"]

LOOK_SECONDS = 0.01


class Outcome(enum.Enum):
    """What became of the bytes."""

    TAKEN = enum.auto()
    """The peer's kernel has acknowledged them, or nothing is known."""
    RESET = enum.auto()
    """The peer had closed, or did before it read them."""
    STUCK = enum.auto()
    """The peer has acknowledged none of them for too long."""


class Delivery:
    """Looks after the last bytes of a connection that is no longer read.

    A server that has closed answers them with a reset (RFC 9293, 3.10.7.4), one
    that has only ended its side acknowledges them. The reactor tells neither.

    Args:
        transport: the connection; all that was written is with the kernel.
        clock: tells the time.
        seconds: how long the peer may acknowledge nothing; None for ever.
        call: called once with the outcome, perhaps before `start` returns.
    """

    def __init__(
        self,
        transport: IStreamTransport,
        *,
        clock: AnyClock,
        seconds: float | None,
        call: Callable[[Outcome], object],
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._seconds = seconds
        self._call = call
        self._left = 0
        self._since = clock.seconds()
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def start(self) -> None:
        """Look, now and until the outcome is known."""
        self._loop.start(LOOK_SECONDS)

    def stop(self) -> None:
        """Look no more; ``call`` is not called."""
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> None:
        left = unacknowledged_bytes(self._transport)
        now = self._clock.seconds()
        if left != self._left:
            self._left, self._since = left, now
        if was_reset(self._transport):
            outcome = Outcome.RESET
        elif not left:
            outcome = Outcome.TAKEN
        elif self._seconds is not None and now - self._since >= self._seconds:
            outcome = Outcome.STUCK
        else:
            return
        self._loop.stop()
        self._call(outcome)
