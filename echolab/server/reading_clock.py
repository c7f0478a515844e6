"""A clock that stops while this side reads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

__all__ = ["ReadingClock", "Wait"]

LEAST_SECONDS = 1.0
"""How long an interrupted wait continues at least before it checks again."""


class ReadingClock:
    """Counts the seconds in which peers can be read.

    Stopping it costs the same for any number of waits: each checks the clock when due.

    Args:
        clock: tells the time.

    Attributes:
        paused: whether it is stopped.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.paused = False
        self._lost_seconds = 0.0
        self._paused_at = 0.0

    def pause(self) -> None:
        """Stop until `resume`."""
        if not self.paused:
            self.paused = True
            self._paused_at = self.clock.seconds()

    def resume(self) -> None:
        """Run again."""
        if self.paused:
            self.paused = False
            self._lost_seconds += self.clock.seconds() - self._paused_at

    def seconds(self) -> float:
        """Return the seconds counted so far, from an arbitrary start."""
        now = self._paused_at if self.paused else self.clock.seconds()
        return now - self._lost_seconds

    def call_later(self, seconds: float, call: Callable[[], object]) -> Wait:
        """Call a function after so many seconds of reading."""
        return Wait(self, seconds, call)


class Wait:
    """A scheduled call, with the needed methods of an IDelayedCall."""

    __slots__ = ("_call", "_due", "_reading", "_until")

    def __init__(
        self, reading: ReadingClock, seconds: float, call: Callable[[], object]
    ) -> None:
        self._reading = reading
        self._call = call
        self._until = reading.seconds() + seconds
        self._due = reading.clock.callLater(seconds, self._look)

    def _look(self) -> None:
        reading = self._reading
        left = self._until - reading.seconds()
        if reading.paused or left > 0:
            seconds = max(left, LEAST_SECONDS)
            self._due = reading.clock.callLater(seconds, self._look)
        else:
            self._call()

    def active(self) -> bool:
        """Whether the call is pending."""
        return bool(self._due.active())

    def cancel(self) -> None:
        """Cancel the call."""
        self._due.cancel()
