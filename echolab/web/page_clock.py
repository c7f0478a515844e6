"""The time of the page, which goes on evenly although the machine's clock is set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.timekeeping import time_of_day

if TYPE_CHECKING:
    from echolab.events import Event
    from echolab.interfaces import AnyClock
    from echolab.web.known import Known

__all__ = ["PageClock"]

STEP_SECONDS = 0.5
"""A clock that is set by less is taken to run unevenly."""


class PageClock:
    """Tells POSIX seconds as they were at the start, and as many as have passed since.

    So a span between two of its times is right. The times of events are those of the
    machine's clock, as it was when their connection began.

    Args:
        clock: measures the seconds.

    Attributes:
        began: when it began.
    """

    def __init__(self, clock: AnyClock) -> None:
        self._clock = clock
        self._time_of_day = time_of_day(clock)
        self._before = clock.seconds()
        self.began = self._time_of_day()

    def __call__(self) -> float:
        """Return the time now."""
        return self.began + self._clock.seconds() - self._before

    @property
    def ahead_seconds(self) -> float:
        """What the time of day is ahead of this time."""
        return self._time_of_day() - self()

    def of(self, event: Event, known: Known | None) -> Event:
        """Return an event with its time by this clock.

        Args:
            event: an event that has just happened.
            known: its connection; None if it has none.
        """
        if known is None:
            shift = _step(-self.ahead_seconds)
        elif known.connection is None:
            shift = known.shift_seconds
        else:
            step = self() - known.connection.now() - known.shift_seconds
            shift = known.shift_seconds = known.shift_seconds + _step(step)
        return replace(event, time=event.time + shift) if shift else event


def _step(seconds: float) -> float:
    """Return how far a clock was set; 0 if it only runs unevenly."""
    return seconds if abs(seconds) >= STEP_SECONDS else 0.0
