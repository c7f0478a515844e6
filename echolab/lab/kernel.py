"""Rows of what the kernel says: states, acknowledgements, segments, windows, queues."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from echolab.counting import count
from echolab.facts import Sampled
from echolab.formats.figure_words import duration, size
from echolab.formats.tcp_states import GOT_FIN
from echolab.lab.rows import Arrow, Line, Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.facts import Diagnosed, Listening
    from echolab.lab.ledger import End, Entry

__all__ = ["ACK", "WAITED", "KernelView"]

ACK = "ACK"
WAITED = "waited for peer's window"
STILL_WAITS = "still waits for peer's window"
OPEN = {"ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2"}
"""The states of an end that has not got the other's FIN."""
LASTING = {"TIME_WAIT"}
"""The states whose timer ends them; other timers send something again."""
STALL_SECONDS = 0.01
"""How much longer a sender must have waited for a window to be worth a row."""


class KernelView:
    """Turn looks at the kernel's counters into rows: what has changed between two.

    Args:
        counts_segments: whether the counters of the first end tell of the segments
            that the second has sent.
    """

    def __init__(self, counts_segments: Callable[[End, End], bool]) -> None:
        self._counts_segments = counts_segments
        self._before: dict[End, Sampled] = {}
        self._stalls: dict[End, _Stall] = {}
        self._states: dict[End, str] = {}
        self._groups: dict[tuple[End, End], _Group] = {}
        self._unseen: set[End] = set()  # the ends with a gap before the next look
        self._queue: tuple[int, int] | None = None  # None while it is short

    def sampled(
        self, entry: Entry, sample: Sampled, rows: list[Row], *, has_ended: bool
    ) -> list[Row]:
        """Return the rows of a sample.

        Args:
            entry: the entry of the sample.
            sample: the sample.
            rows: those before it; the counted segments are noted on their arrows.
            has_ended: whether this end has sent its FIN, which counts as a byte.
        """
        end = entry.end
        before = self._before.get(end)
        self._before[end] = sample
        is_unseen = end in self._unseen
        self._unseen.discard(end)
        said = self._state(entry, end, sample.state, unread=sample.unread_bytes)
        # Segments that were counted in a gap carried no bytes that are shown.
        said += self._count(entry, None if is_unseen else before, sample, rows)
        if before is None and is_unseen:
            before = Sampled(sample.peer, sample.time, sample.state)
        if before is None:
            return said
        at = entry.time
        if sample.retransmits > before.retransmits:
            label = f"{sample.retransmits - before.retransmits} sent again"
            arrow = Arrow(end.other, Line.BETWEEN, label)
            said.append(Row(at, arrow=arrow, folds="sent again"))
        acked = _grown(before.acked_bytes, sample.acked_bytes)
        if acked > has_ended and _pure(before, sample) and not is_unseen:
            arrow = Arrow(end, Line.DEDUCED, ACK)
            said.append(Row(at, is_timed=False, arrow=arrow, folds=ACK))
        said += _windows(entry, before, sample)
        if is_unseen:
            return [*said, *_unseen_wait(entry, before, sample)]
        said += self._stall(entry, before, sample)
        return said

    def leave_out(self, end: End) -> list[Row]:
        """Return what is told of an end before a gap: what it has waited so far."""
        self._unseen.add(end)
        self._groups = {
            key: each for key, each in self._groups.items() if key[0] is not end
        }
        return self.end(end)

    def _count(
        self, entry: Entry, before: Sampled | None, sample: Sampled, rows: list[Row]
    ) -> list[Row]:
        """Count the segments of both directions."""
        said = []
        for to, count_of, rest in (
            (entry.end.other, attrgetter("data_segments_out"), sample.unsent_bytes),
            (entry.end, attrgetter("data_segments_in"), sample.unread_bytes),
        ):
            if not self._counts_segments(entry.end, to.other):
                continue
            group = self._groups.setdefault((entry.end, to), _Group())
            if before is not None:
                group.number += _grown(count_of(before), count_of(sample))
            is_over = sample.state == "CLOSED" and to is not entry.end
            if not rest or is_over:
                said += group.close(entry, rows, to)
            elif before is None:
                group.is_whole = False
        return said

    def _stall(self, entry: Entry, before: Sampled, sample: Sampled) -> list[Row]:
        """Return how long this end has waited for a window, when that is over."""
        waited = (sample.window_seconds or 0.0) - (before.window_seconds or 0.0)
        stall = self._stalls.pop(entry.end, _Stall())
        stall.at, stall.seconds = entry.time, stall.seconds + waited
        stall.unsent = max(stall.unsent, before.unsent_bytes, sample.unsent_bytes)
        if waited > STALL_SECONDS and sample.state == before.state:
            self._stalls[entry.end] = stall
            return []
        return stall.rows(entry.end, WAITED)

    def end(self, end: End) -> list[Row]:
        """Return how long an end has waited for a window when its recording ends."""
        stall = self._stalls.pop(end, None)
        return stall.rows(end, STILL_WAITS) if stall else []

    def diagnosed(self, entry: Entry, diagnosed: Diagnosed) -> list[Row]:
        """Return the rows of a diagnosis."""
        end = entry.end if diagnosed.end == "own" else entry.end.other
        timer = diagnosed.timer_seconds
        more = f" {duration(timer)}" if timer and diagnosed.state in LASTING else ""
        return self._state(entry, end, diagnosed.state, more)

    def listening(self, entry: Entry, listening: Listening) -> list[Row]:
        """Return the rows of a look at the accept queue."""
        drops = listening.drops or 0
        longer = listening.waiting > min(1, listening.backlog // 2)
        queue = (listening.waiting, drops) if longer or self._queue else (0, drops)
        if queue == (self._queue or (0, 0)):
            return []
        self._queue = queue if listening.waiting or drops else None
        text = f"{listening.waiting} of {listening.backlog} wait to be accepted"
        if listening.drops:
            text += f", {listening.drops} ignored"
        return [Row(entry.time, texts={entry.end: text})]

    def _state(
        self, entry: Entry, end: End, state: str, more: str = "", *, unread: int = 0
    ) -> list[Row]:
        if state == "CLOSED":
            return []  # The calls say so; and TIME_WAIT has a socket of its own.
        if unread and state in GOT_FIN:
            return []  # The other's FIN is drawn after the bytes that came before it.
        before = self._states.get(end)
        self._states[end] = state
        if before == state or (before is None and state == "ESTABLISHED"):
            return []
        return [Row(entry.time, texts={end: state + more})]


def _unseen_wait(entry: Entry, before: Sampled, sample: Sampled) -> list[Row]:
    """Return how long an end has waited for the other's window in a gap."""
    waited = (sample.window_seconds or 0.0) - (before.window_seconds or 0.0)
    if waited <= STALL_SECONDS:
        return []
    text = f"{WAITED}, {duration(waited)} in all"
    return [Row(entry.time, texts={entry.end: text}, unseen={entry.end: waited})]


def _grown(before: int | None, now: int | None) -> int:
    return 0 if before is None or now is None else now - before


def _pure(before: Sampled, sample: Sampled) -> bool:
    """Whether segments without data or FIN have arrived, as far as they are counted."""
    if sample.segments_in is None or before.segments_in is None:
        return True
    others = _grown(before.data_segments_in, sample.data_segments_in)
    others += before.state in OPEN and sample.state not in OPEN  # the peer's FIN
    return _grown(before.segments_in, sample.segments_in) > others


@dataclass(slots=True)
class _Stall:
    """A wait for the window of the other end.

    Attributes:
        at: when it was seen last.
        seconds: how long it has lasted.
        unsent: the most bytes that waited.
    """

    at: float = 0.0
    seconds: float = 0.0
    unsent: int = 0

    def rows(self, end: End, words: str) -> list[Row]:
        """Return its row, if it is worth one."""
        if self.seconds <= STALL_SECONDS:
            return []
        text = f"{words}, {duration(self.seconds)}"
        if self.unsent:
            text += f", with {size(self.unsent)} unsent"
        waits = {end: self.seconds}
        return [Row(self.at, texts={end: text}, folds=WAITED, waits=waits)]


@dataclass(slots=True)
class _Group:
    """Segments and the bytes that they carried: all between two quiet looks.

    While bytes wait to be read, or to be sent, it is not known whose segments are
    counted already.

    Attributes:
        number: how many segments the kernel has counted.
        since: how many rows came before.
        is_whole: whether all of its segments are counted.
    """

    number: int = 0
    since: int = 0
    is_whole: bool = True

    def close(self, entry: Entry, rows: list[Row], to: End) -> list[Row]:
        """Tell in how many segments these bytes have travelled.

        If it was one write or read, its arrow says so. Otherwise, a row does.
        """
        number, since = self.number if self.is_whole else 0, self.since
        self.number, self.since, self.is_whole = 0, len(rows), True
        if not number:
            return []
        found = [
            at
            for at in range(since, len(rows))
            if (arrow := rows[at].arrow) is not None and arrow.to is to and arrow.span
        ]
        if len(found) == 1:
            [at] = found
            arrow = rows[at].arrow
            assert arrow is not None, "it was found by its arrow"
            rows[at] = replace(rows[at], arrow=replace(arrow, segments=number))
            return []
        label = f"×{count(number, 'segment')}"
        if found:
            label = f"these in {label}"  # Others were never read.
        arrow = Arrow(to, Line.BETWEEN, label, segments=number)
        for at, row in enumerate(rows):
            if (
                row.arrow is not None
                and row.arrow.to is to
                and "FIN" in row.arrow.label
            ):
                rows.insert(at, Row(row.at, is_timed=False, arrow=arrow))
                return []  # No data comes after the FIN, even if it is counted later.
        return [Row(entry.time, arrow=arrow)]


def _windows(entry: Entry, before: Sampled, sample: Sampled) -> list[Row]:
    """Return what has become of the windows: who waits for whom."""
    found: list[tuple[str, str]] = []
    if sample.receive_window == 0 != before.receive_window:
        found.append(("window 0", f", {size(sample.unread_bytes)} unread"))
    if sample.send_window == 0 != before.send_window:
        found.append(("peer's window 0", f", {size(sample.unsent_bytes)} unsent"))
    return [
        Row(entry.time, texts={entry.end: name + more}, folds=name)
        for name, more in found
    ]
