"""Reports at a bounded rate, with the number of suppressed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from echolab.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.interfaces import AnyClock

__all__ = ["BoundedReports"]

WITHHELD_SECONDS = 1.0
"""How long a report may be suppressed before it is passed on or counted."""

_Report = TypeVar("_Report")


class BoundedReports(Generic[_Report]):
    """Passes on a few reports per second, and soon the number of suppressed ones.

    Args:
        clock: measures the seconds; the time of day may be set back.
        report: takes a report, and how many others were suppressed before it.
    """

    def __init__(
        self, clock: AnyClock, report: Callable[[_Report, int], object]
    ) -> None:
        self._clock = clock
        self._report = report
        self._throttle = Throttle()
        self._last: _Report | None = None
        self._overdue: IDelayedCall | None = None

    def __call__(self, what: _Report) -> None:
        """Pass a report on, if there were not too many in the last second."""
        others = self._throttle(self._clock.seconds())
        if others is not None:
            self._last = None
            self._report(what, others)
            return
        self._last = what
        if self._overdue is None:
            self._overdue = self._clock.callLater(WITHHELD_SECONDS, self._catch_up)

    def catch_up(self) -> None:
        """Pass on the last suppressed report, with the number of the others."""
        if self._overdue is not None:
            self._overdue.cancel()
            self._catch_up()

    def _catch_up(self) -> None:
        self._overdue = None
        last, self._last = self._last, None
        if last is not None:
            self._report(last, self._throttle.take() - 1)
