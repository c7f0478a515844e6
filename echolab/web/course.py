"""How one connection has gone: its bytes over time, and what the kernel said."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from echolab.events import Chunk, LeftOut, Sent
from echolab.facts import Sampled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.events import Event
    from echolab.web.known import Known
    from echolab.web.totals import Row

__all__ = ["Course"]

SLOT_SECONDS = 0.25
"""Bytes that moved within so short a time are told together."""
MOST_SECONDS = 10.0
"""When bytes moved is not known, if nobody has looked for longer than this."""


class Moved(NamedTuple):
    """Bytes that moved in a span of time, and none since the span before.

    Attributes:
        since: when the first of them moved, in POSIX seconds.
        time: when the last of them did.
        received_bytes: how many bytes were received until then, in all.
        sent_bytes: how many were given to the transport until then.
        is_known: whether it was seen when they moved; otherwise this is a gap.
    """

    since: float
    time: float
    received_bytes: int
    sent_bytes: int
    is_known: bool


class Seen(NamedTuple):
    """What the kernel said; it is so until it says something else.

    Attributes:
        time: when, in POSIX seconds.
        unread_bytes: see `Row`.
        waiting_bytes: see `Row`; None where a gap begins.
        rtt_seconds: see `Row`.
    """

    time: float
    unread_bytes: int | None = None
    waiting_bytes: int | None = None
    rtt_seconds: float | None = None


class Course:
    """What a browser is told of the course of one connection.

    At first and at its end this is all that its kept events tell; in between, what its
    counts tell of the time since the update before.
    """

    def __init__(self) -> None:
        self._last: Moved | None = None
        self._is_over = False

    def next(
        self, known: Known, row: Row | None, time: float
    ) -> tuple[list[Moved], list[Seen]]:
        """Return what is new.

        Args:
            known: what is known of the connection.
            row: the connection now; None if it has ended.
            time: the time now, in POSIX seconds.
        """
        moved: list[Moved] = []
        seen: list[Seen] = []
        before = self._last
        if not self._is_over and (before is None or row is None):
            moved, seen, end = _kept(known.events())
            before = before or Moved(
                end, end, *(moved[-1][2:4] if moved else (0, 0)), False
            )
        self._is_over = row is None
        if row is not None and before is not None:
            counts = row.received_bytes, row.sent_bytes
            is_known = counts == before[2:4] or (
                self._last is not None and time - before.time <= MOST_SECONDS
            )
            self._last = Moved(before.time, time, *counts, is_known)
            moved.append(self._last)
            seen.append(
                Seen(time, row.unread_bytes, row.waiting_bytes, row.rtt_seconds)
            )
        return moved, seen


def _kept(events: Iterable[Event]) -> tuple[list[Moved], list[Seen], float]:
    """Return what kept events tell, and the time of the last."""
    moved: list[Moved] = []
    seen: list[Seen] = []
    received = sent = 0
    last = 0.0
    for event in events:
        if not event.peer.number:  # of the listening socket
            continue
        match event:
            case Chunk(time=time, data=data):
                received += len(data)
                _move(moved, time, received, sent)
            case Sent(time=time, data=data):
                sent += len(data)
                _move(moved, time, received, sent)
            case LeftOut(time=time):
                received += event.received_bytes
                sent += event.sent_bytes
                moved.append(Moved(last, time, received, sent, False))
                seen.append(Seen(last))
            case Sampled():
                seen.append(_seen(event, sent))
            case _:
                pass
        last = event.time
    return moved, seen, last


def _move(moved: list[Moved], time: float, received: int, sent: int) -> None:
    """Add bytes to the last slot, or begin a new one."""
    since = time
    if moved and moved[-1].is_known and time - moved[-1].since <= SLOT_SECONDS:
        since = moved.pop().since
    moved.append(Moved(since, time, received, sent, True))


def _seen(sample: Sampled, sent: int) -> Seen:
    waiting = sample.unacknowledged_bytes
    if sample.acked_bytes is not None:  # With those that the kernel has not taken.
        waiting = max(waiting, sent - sample.acked_bytes)
    return Seen(sample.time, sample.unread_bytes, waiting, sample.rtt_seconds)
