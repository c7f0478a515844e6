"""Reports that are passed on at a bounded rate, and the number of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from echolab.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.interfaces import AnyClock

__all__ = ["BoundedReports"]

WITHHELD_SECONDS = 1.0
"""How long a report may be withheld before it is counted in another."""

_Report = TypeVar("_Report")


class BoundedReports(Generic[_Report]):
    """Passes a few reports a second on, and soon says how many the others were.

    Args:
        clock: measures the seconds; the time of day may be set back.
        report: takes what is passed on, and how many others were withheld.
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
        """Pass one on, if not too many were just now."""
        others = self._throttle(self._clock.seconds())
        if others is not None:
            self._last = None
            self._report(what, others)
            return
        self._last = what
        if self._overdue is None:
            self._overdue = self._clock.callLater(WITHHELD_SECONDS, self._catch_up)

    def catch_up(self) -> None:
        """Pass the last of those on that are withheld, and the others' number."""
        if self._overdue is not None:
            self._overdue.cancel()
            self._catch_up()

    def _catch_up(self) -> None:
        self._overdue = None
        last, self._last = self._last, None
        if last is not None:
            self._report(last, self._throttle.take() - 1)
