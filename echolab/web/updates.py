"""What a browser is told: all at first, then what is new since the update before."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from echolab.events import Sent
from echolab.web.course import Course
from echolab.web.newest import count_messages, newest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from echolab.events import Event, Refused
    from echolab.web.figures import Figures
    from echolab.web.known import Known
    from echolab.web.newest import Shown
    from echolab.web.totals import EndedRow, Row, Totals
    from echolab.web.watching import Watch

__all__ = ["Moment", "Updates"]

_T = TypeVar("_T")


class Moment(NamedTuple):
    """What is the same for all browsers.

    Attributes:
        time: when, in POSIX seconds by the clock of the page.
        ahead_seconds: what the time of day is ahead of that.
        rows: the open connections, by number.
        totals: the counts of the whole server.
        lag_seconds: how late the event loop is.
    """

    time: float
    ahead_seconds: float
    rows: dict[int, Row]
    totals: Totals
    lag_seconds: float | None


class Updates:
    """The updates of one browser.

    Args:
        watch: knows what happens.
        figures: know of which revision figures are drawn.
        number: the connection that the browser looks at; None if at none.
        after: the number of the last event that it has seen; None if it has seen none.
    """

    def __init__(
        self, watch: Watch, figures: Figures, number: int | None, after: int | None
    ) -> None:
        self._watch = watch
        self._figures = figures
        self._number = number
        self._after = after or 0
        self._whole = True
        self._rows: dict[int, Row] = {}
        self._ended: EndedRow | None = None
        self._refused: Refused | None = None
        self._total: int | None = None  # of messages, at the last update
        self._course = Course()

    def next(self, moment: Moment) -> dict[str, object]:
        """Return what is new, for JSON."""
        watch, rows = self._watch, moment.rows
        before = self._rows
        ended = _new(watch.ended, self._ended)
        refused = _new(watch.refused, self._refused)
        update: dict[str, object] = {
            "run": watch.run,
            "time": moment.time,
            "ahead": moment.ahead_seconds,
            "whole": self._whole,
            "rows": [row for row in rows.values() if before.get(row.number) != row],
            "gone": [number for number in before if number not in rows],
            "ended": ended,
            "refused": [_of_refused(each) for each in refused],
            "totals": asdict(moment.totals) | {"lag_seconds": moment.lag_seconds},
        }
        known = None if self._number is None else watch.known(self._number)
        messages = [*self._messages(known)]
        shown = newest(reversed(messages))
        update["messages"] = shown
        update["left_out"] = self._left_out(messages, shown, moment)
        if self._number is not None:
            update["detail"] = self._detail(known, moment)
        self._rows = rows
        self._ended = ended[-1] if ended else self._ended
        self._refused = refused[-1] if refused else self._refused
        self._after = watch.taken
        self._whole = False
        return update

    def _messages(self, known: Known | None) -> Iterator[tuple[int, Event]]:
        """Yield the messages since the last update, of all connections or the one."""
        if self._number is not None:
            return iter(()) if known is None else known.since(self._after)
        return (each for each in self._watch.recent if each[0] > self._after)

    def _left_out(
        self,
        messages: Sequence[tuple[int, Event]],
        shown: Sequence[Shown],
        moment: Moment,
    ) -> int:
        """Return how many messages since the last update are not shown."""
        total = None
        if self._number is None:
            total = moment.totals.received_messages + moment.totals.sent_messages
        elif row := moment.rows.get(self._number):
            total = row.messages
        before, self._total = self._total, total
        if before is None or total is None:
            return count_messages(messages) - len(shown)
        # Those that were not kept are known only from the counts.
        new = total - before
        if self._number is not None:
            new += sum(isinstance(event, Sent) for _, event in messages)
        return max(0, new - len(shown))

    def _detail(self, known: Known | None, moment: Moment) -> dict[str, object]:
        assert self._number is not None
        if known is None:
            return {"peer": self._number, "open": False, "unknown": True}
        row = moment.rows.get(self._number)
        moved, seen = self._course.next(known, row, moment.time)
        return {
            "peer": self._number,
            "open": known.is_open,
            "revision": self._figures.revision(known),
            "followed": not known.is_skimmed,
            "moved": moved,
            "seen": seen,
        }


def _new(kept: Iterable[_T], last: _T | None) -> list[_T]:
    """Return what was kept after the last that was told."""
    new: list[_T] = []
    for each in kept:
        if each is last:
            new.clear()
        else:
            new.append(each)
    return new


def _of_refused(refused: Refused) -> tuple[object, ...]:
    cause = refused.cause.value
    return refused.time, str(refused.peer), cause, refused.detail, refused.others
