"""Two kinds of time: spans, which a clock measures, and the time of day.

The clock that is handed in measures spans. It may be monotonic, and then does not
know the time of day. The system tells the time of day, for prints and recordings.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from twisted.internet.task import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.interfaces import AnyClock


__all__ = ["TimeOfDay", "make_monotonic", "monotonic", "time_of_day"]

STEP_SECONDS = 1.0
"""How far the time of day must jump ahead to count as set forward."""


def time_of_day(clock: AnyClock) -> Callable[[], float]:
    """Return a function that tells the time of day, in POSIX seconds.

    Args:
        clock: measures spans. A test's ``Clock`` also tells the time of day, so that
            a test knows the times of its events.
    """
    return clock.seconds if isinstance(clock, Clock) else time.time


def monotonic(clock: AnyClock) -> Callable[[], float]:
    """Return a function that tells CLOCK_MONOTONIC, in seconds.

    Args:
        clock: measures spans. A test's ``Clock`` is monotonic itself.
    """
    return clock.seconds if isinstance(clock, Clock) else time.monotonic


class TimeOfDay:
    """The time of day of one connection's events.

    It never runs backwards, even if the system's clock is set back. It follows if
    that clock is set forward, or the machine wakes up from sleep.

    Args:
        clock: measures spans.
    """

    __slots__ = ("_ahead", "_tell")

    def __init__(self, clock: AnyClock) -> None:
        self._tell = time_of_day(clock)
        self._ahead = self._tell() - clock.seconds()

    def __call__(self, now: float) -> float:
        """Return the time of day, in POSIX seconds.

        Args:
            now: the clock's time now, in seconds.
        """
        ahead = self._tell() - now
        if ahead - self._ahead > STEP_SECONDS:
            self._ahead = ahead
        return now + self._ahead


def make_monotonic(reactor: Any) -> None:
    """Run a reactor's timers on a clock that cannot be set (CLOCK_MONOTONIC).

    Twisted's reactors use ``time.time``: if the system's clock is set back by an
    hour, every timer waits an hour longer. Call this before the reactor runs.
    """
    before = reactor.seconds
    reactor.seconds = time.monotonic
    for call in reactor.getDelayedCalls():
        left = call.getTime() - before()
        call.seconds = time.monotonic
        call.reset(max(0.0, left))
