"""What the faults of one connection do later."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.interfaces import AnyClock

__all__ = ["Timers"]


class Timers:
    """Calls that are made later, unless all of them are stopped.

    Args:
        clock: measures the time.
    """

    def __init__(self, clock: AnyClock) -> None:
        self._clock = clock
        self._calls: set[IDelayedCall] = set()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function after so many seconds."""

        def due() -> None:
            self._calls.discard(timer)
            call()

        timer = self._clock.callLater(seconds, due)
        self._calls.add(timer)

    def stop(self) -> None:
        """Make none of the calls that are to come."""
        calls, self._calls = self._calls, set()
        for each in calls:
            each.cancel()
