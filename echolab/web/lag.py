"""How late the event loop is: a loop that is busy serves nobody."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from echolab.interfaces import AnyClock

__all__ = ["BOUNDS", "Lag"]

EVERY_SECONDS = 0.25
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""The upper bounds of the buckets, in seconds; one more bucket has no bound."""


class Lag:
    """Measures four times a second how late a delayed call comes.

    Args:
        clock: the reactor, or a test's clock.

    Attributes:
        counts: how many calls were late by at most each of `BOUNDS`, but not by at
            most the one before; the last are those that were later.
        sum_seconds: by how much all of them were late.
    """

    def __init__(self, clock: AnyClock) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum_seconds = 0.0
        self._clock = clock
        self._latest: deque[float] = deque([0.0], maxlen=round(1 / EVERY_SECONDS))
        self._next: IDelayedCall | None = None
        self._due = 0.0

    @property
    def seconds(self) -> float:
        """The most that a call was late during the last second."""
        return max(self._latest)

    def start(self) -> None:
        """Begin to measure, unless this has begun."""
        if self._next is None:
            self._wait()

    def stop(self) -> None:
        """Measure no more."""
        waiting, self._next = self._next, None
        if waiting is not None and waiting.active():
            waiting.cancel()

    def _wait(self) -> None:
        self._due = self._clock.seconds() + EVERY_SECONDS
        self._next = self._clock.callLater(EVERY_SECONDS, self._measure)

    def _measure(self) -> None:
        late = max(0.0, self._clock.seconds() - self._due)
        self.counts[bisect_left(BOUNDS, late)] += 1
        self.sum_seconds += late
        self._latest.append(late)
        self._wait()
