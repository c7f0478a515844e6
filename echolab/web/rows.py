"""A connection as a row of the page: its counts, its state, the kernel's view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.connection.states import Holder
from echolab.sockets.tcp_info import Counters, Counting
from echolab.web import totals
from echolab.web.totals import EndedRow, Row

if TYPE_CHECKING:
    from echolab.events import Finished
    from echolab.web.known import Known
    from echolab.web.watched import WatchedConnection

__all__ = ["Looking", "ended_row"]

UNFINISHED_SECONDS = 1.0
"""After so long a silence in the middle of a message, its peer may have stopped."""


class Looking:
    """Looks at a connection again and again.

    Args:
        known: what is known of it.

    Attributes:
        row: what was seen last; the same object while nothing changes.
    """

    __slots__ = ("_counters", "_counting", "_known", "row")

    def __init__(self, known: Known) -> None:
        self._known = known
        self._counting: Counting | None = None
        self._counters: Counters | None = None
        self.row: Row | None = None

    def look(self, now: float, *, asks: bool) -> None:
        """Look at it.

        Args:
            now: the clock's time.
            asks: whether to ask the kernel.
        """
        known, connection = self._known, self._known.connection
        if connection is None:
            return
        counting = self._counting
        if counting is None or counting.watched is not connection.watched:
            counting = self._counting = Counting(connection.watched)
        if asks:
            self._counters = counting.changed() or self._counters
        row = self._seen(known, connection, now)
        if row != self.row:
            self.row = row

    def _seen(self, known: Known, connection: WatchedConnection, now: float) -> Row:
        counters = self._counters
        watched = connection.watched
        sent = connection.sent_bytes
        waiting = 0
        if watched is not None and not connection.over_tls:
            waiting = max(0, sent - watched.sent_bytes)
        if counters is not None:
            waiting += counters[5]
        window = counters[12] if counters else None
        silent = now - connection.heard
        return Row(
            known.number,
            str(known.peer),
            known.began,
            known.began + connection.heard - connection.began,
            _state(known, connection, silent, blocked=bool(waiting) and window == 0),
            counters[0] if counters else None,
            connection.received_bytes,
            connection.messages,
            sent,
            counters[1] if counters else None,
            counters[3] if counters else None,
            waiting,
            counters[2] if counters else None,
            window,
            counters[13] if counters else None,
            known.left_out,
        )


def _state(
    known: Known, connection: WatchedConnection, silent: float, *, blocked: bool
) -> str:
    if connection.verdict is not None:
        return totals.ENDING
    if blocked or connection.is_held_by(Holder.PEER):
        return totals.UNREAD
    if connection.is_held:
        return totals.PAUSED
    if known.has_half_closed:
        return totals.HALF_CLOSED
    if connection.is_in_message and silent > UNFINISHED_SECONDS:
        return totals.UNFINISHED
    return totals.OPEN


def ended_row(known: Known, connection: WatchedConnection, end: Finished) -> EndedRow:
    """Return the row of a connection that has ended."""
    return EndedRow(
        known.number,
        str(known.peer),
        known.began,
        end.time,
        end.cause.value,
        end.detail,
        end.received_bytes,
        connection.messages,
        connection.sent_bytes,
        end.unread_bytes,
        connection.unsent_bytes,
    )
