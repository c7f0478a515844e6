"""The bytes of both directions: how calls, reads and writes share them out."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING

from echolab.events import Called
from echolab.facts import Sampled
from echolab.lab.ledger import RECEIVES, SENDS, Data, End

if TYPE_CHECKING:
    from echolab.lab.joining import Account
    from echolab.lab.ledger import Side

__all__ = ["Streams"]


class Streams:
    """What is known of the bytes of an account.

    Args:
        account: the account.
    """

    def __init__(self, account: Account) -> None:
        self._ends = {end: _OneEnd(account.side(end)) for end in End}
        self._places: Counter[tuple[End, bool]] = Counter()

    def has_calls(self, end: End) -> bool:
        """Whether calls of an end were recorded."""
        return self._ends[end].has_calls

    def shows_calls(self, end: End, *, sends: bool) -> bool:
        """Whether the calls of an end have the bytes that its program has.

        With TLS, they have others.
        """
        known = self._ends[end]
        called, told = known.called[sends], known.told[sends]
        # What the kernel has not taken yet is told, but not called.
        are_fewer = sends and called < told and known.reads_plain
        return called > 0 and (called == told or are_fewer)

    def sent_bytes(self, end: End) -> int | None:
        """Return how many bytes the kernel took of an end, if its calls tell.

        A program may have had more to send when the connection ended.
        """
        known = self._ends[end]
        return known.called[True] if known.has_calls and known.reads_plain else None

    def is_drawn_by_sender(self, end: End) -> bool:
        """Whether the bytes of an end are drawn where it sent them.

        Otherwise, they are drawn where they were received.
        """
        known, other = self._ends[end], self._ends[end.other]
        if other.has_calls != known.has_calls:
            return known.has_calls
        return known.has(sends=True)

    def counts_segments(self, end: End, sender: End) -> bool:
        """Whether the counters of an end tell of a sender's segments."""
        return end is sender or not self._ends[sender].has_samples

    def next_span(self, end: End, number: int, *, sends: bool) -> tuple[int, int]:
        """Return which bytes the next call of an end has sent or received."""
        start = self._places[end, sends]
        self._places[end, sends] += number
        return start, number

    def head(self, end: End, start: int, number: int, *, sends: bool) -> bytes:
        """Return the first of the ``number`` bytes from ``start`` on, as far as kept.

        Several writes may be in one send, and one write in several.
        """
        known = self._ends[end]
        if known.has_calls and not self.shows_calls(end, sends=sends):
            return b""
        datas = known.datas[sends]
        at = bisect_right(datas, start, key=lambda each: each.start) - 1
        found = b""
        while 0 <= at < len(datas) and len(found) < number:
            data = datas[at]
            place = start + len(found) - data.start
            found += data.head[place:]
            if place + len(data.head[place:]) < data.size:
                break  # No more of it was kept.
            at += 1
        return found[:number]

    def answers_at_once(self, end: End) -> bool | None:
        """Whether the FIN of an end was its only answer to the other's FIN.

        The kernel's counters tell, unless data travelled meanwhile; None if unknown.
        """
        known = self._ends[end]
        if known.is_open is None or known.is_closed is None:
            return None
        before, after = map(_counted, (known.is_open, known.is_closed))
        if before[1:] != after[1:] or after[0] - before[0] not in {1, 2}:
            return None
        return after[0] - before[0] == 1


class _OneEnd:
    """What one recording says of the bytes; nothing if there is none."""

    def __init__(self, side: Side | None) -> None:
        self.called = {True: 0, False: 0}  # by whether they were sent
        self.told = {True: 0, False: 0}
        self.datas: dict[bool, list[Data]] = {True: [], False: []}
        self.has_calls = self.has_samples = False
        self.is_open: Sampled | None = None  # before the other's FIN
        self.is_closed: Sampled | None = None  # after both
        for entry in side.entries if side else ():
            match entry.what:
                case Data() as data:
                    sends = data.kind == "write"
                    self.told[sends] += data.size
                    self.datas[sends].append(data)
                case Called() as call:
                    self._called(call)
                case Sampled() as sample:
                    self._sampled(sample)
                case _:
                    pass

    def _sampled(self, sample: Sampled) -> None:
        if sample.data_segments_out is None:
            return
        self.has_samples = True
        if sample.state == "ESTABLISHED":
            self.is_open = sample
        elif sample.state in {"LAST_ACK", "CLOSED"}:
            self.is_closed = sample

    def _called(self, call: Called) -> None:
        self.has_calls = True
        receives = call.call in RECEIVES
        if receives or call.call in SENDS:
            self.called[not receives] += max(0, call.result)

    @property
    def reads_plain(self) -> bool:
        """Whether its calls have received what its program has: with TLS, more."""
        return self.called[False] == self.told[False]

    def has(self, *, sends: bool) -> bool:
        """Whether any bytes were recorded in this direction."""
        return bool(self.called[sends] or self.told[sends])


def _counted(sample: Sampled) -> tuple[int, int, int]:
    """Return how many segments an end had sent, and those with data of both ends."""
    return (
        sample.segments_out or 0,
        sample.data_segments_out or 0,
        sample.data_segments_in or 0,
    )
