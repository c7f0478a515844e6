"""A clock that stands still while this side reads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

__all__ = ["ReadingClock", "Wait"]

LEAST_SECONDS = 1.0
"""How long a wait that was interrupted goes on at least before it looks again."""


class ReadingClock:
    """Counts the seconds in which peers could be read.

    To stop it costs nothing for each wait: a wait looks at it when it is due.

    Args:
        clock: tells the time.

    Attributes:
        paused: whether it stands still.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.paused = False
        self._lost_seconds = 0.0
        self._paused_at = 0.0

    def pause(self) -> None:
        """Stand still until `resume`."""
        if not self.paused:
            self.paused = True
            self._paused_at = self.clock.seconds()

    def resume(self) -> None:
        """Go on."""
        if self.paused:
            self.paused = False
            self._lost_seconds += self.clock.seconds() - self._paused_at

    def seconds(self) -> float:
        """Return how many seconds there were, from some start."""
        now = self._paused_at if self.paused else self.clock.seconds()
        return now - self._lost_seconds

    def call_later(self, seconds: float, call: Callable[[], object]) -> Wait:
        """Call when so many seconds of reading have passed."""
        return Wait(self, seconds, call)


class Wait:
    """One call that is to come; as much of an IDelayedCall as is needed."""

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
        """Whether the call is still to come."""
        return bool(self._due.active())

    def cancel(self) -> None:
        """Forget the call."""
        self._due.cancel()
