"""The bytes of both directions: how calls, reads and writes share them out."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from echolab.events import LeftOut
from echolab.facts import Sampled
from echolab.lab.ledger import Data, End
from echolab.lab.stretches import stretches_of

if TYPE_CHECKING:
    from echolab.events import Called
    from echolab.lab.joining import Account
    from echolab.lab.ledger import Side

__all__ = ["UNKNOWN", "Streams"]

UNKNOWN = -1
"""The place of bytes of which it is not known how many came before."""


class Streams:
    """What is known of the bytes of an account.

    Args:
        account: the account.
    """

    def __init__(self, account: Account) -> None:
        self._ends = {end: _OneEnd(account.side(end)) for end in End}

    def has_calls(self, end: End) -> bool:
        """Whether calls of an end were recorded."""
        return self._ends[end].has_calls

    def begins_with_calls(self, end: End) -> bool:
        """Whether the first calls of an end were recorded."""
        return self._ends[end].stretches[0].has_calls

    def has_gaps(self, end: End) -> bool:
        """Whether events of an end were not kept."""
        return self._ends[end].has_gaps

    def is_called(self, end: End, data: Data) -> bool | None:
        """Whether a call of an end shows these bytes, which its program has.

        With TLS, the calls have others. None if there is no call of them.
        """
        return self._ends[end].is_called.get(id(data))

    def sent_bytes(self, end: End) -> int | None:
        """Return how many bytes the kernel took of an end, if its calls tell.

        A program may have had more to send when the connection ended.
        """
        known = self._ends[end]
        if known.has_gaps or not known.has_calls or not known.stretches[0].reads_plain:
            return None
        return known.stretches[0].called[True]

    def is_drawn_by_sender(self, end: End) -> bool:
        """Whether the bytes of an end are drawn where it sent them.

        Otherwise, they are drawn where they were received.
        """
        known, other = self._ends[end], self._ends[end.other]
        if other.has_calls != known.has_calls:
            return known.has_calls
        return known.has_sent

    def is_drawn(self, end: End, span: tuple[int, int], *, sends: bool) -> bool:
        """Whether the bytes that an end has sent or received are drawn there.

        What the other end should draw is drawn here if it has not kept it.
        """
        by_sender = self.is_drawn_by_sender(end if sends else end.other)
        other = self._ends[end.other]
        lacks = other.is_plain and other.lacks(*span, sends=by_sender)
        return sends == by_sender or lacks

    def lacks(self, end: End, start: int, *, sends: bool) -> bool:
        """Whether an end may have sent or received a byte in a gap of its recording."""
        known = self._ends[end]
        is_unknown = known.has_gaps and not known.is_plain
        return is_unknown or known.lacks(start, 1, sends=sends)

    def counts_segments(self, end: End, sender: End) -> bool:
        """Whether the counters of an end tell of a sender's segments."""
        return end is sender or not self._ends[sender].has_samples

    def span(self, end: End, call: Called) -> tuple[int, int]:
        """Return which bytes a call of an end has sent or received.

        They begin at `UNKNOWN` if that is not known.
        """
        return self._ends[end].places[id(call)], call.result

    def head(self, end: End, start: int, number: int, *, sends: bool) -> bytes:
        """Return the first of the ``number`` bytes from ``start`` on, as far as kept.

        Several writes may be in one send, and one write in several.
        """
        datas = self._ends[end].datas[sends]
        at = bisect_right(datas, start, key=lambda each: each.start) - 1
        found = b""
        while 0 <= at < len(datas) and len(found) < number:
            data = datas[at]
            place = start + len(found) - data.start
            if not 0 <= place <= data.size:
                break  # What is between was not kept.
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
        entries = side.entries if side else []
        self.stretches = stretches_of(entries)
        self.has_gaps = len(self.stretches) > 1
        self.has_calls = any(each.has_calls for each in self.stretches)
        self.has_sent = any(
            each.called[True] or each.told[True] or each.gap[True]
            for each in self.stretches
        )
        self.is_plain = all(each.reads_plain for each in self.stretches)
        self.places: dict[int, int] = {}  # of calls, by their ids
        self.is_called: dict[int, bool] = {}  # of reads and writes, by their ids
        self.datas: dict[bool, list[Data]] = {True: [], False: []}
        self._gaps: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        for sends in (True, False):
            self._share_out(sends=sends)
        self.has_samples = False
        self.is_open: Sampled | None = None  # before the other's FIN
        self.is_closed: Sampled | None = None  # after both
        for entry in entries:
            if isinstance(entry.what, Sampled):
                self._sampled(entry.what)
            elif isinstance(entry.what, LeftOut):
                self.is_open = self.is_closed = None

    def _share_out(self, *, sends: bool) -> None:
        """Note where calls of a direction stand, what they show, what is missing."""
        for stretch in self.stretches:
            first = stretch.first_place(sends=sends)
            for call, place in stretch.calls[sends]:
                self.places[id(call)] = UNKNOWN if first is None else first + place
            shows = stretch.shows(sends=sends)
            if stretch.has_calls:
                self.is_called |= {id(data): shows for data in stretch.datas[sends]}
            if not sends:
                self.datas[sends] += stretch.uncalled
            if shows or not stretch.has_calls:
                self.datas[sends] += stretch.datas[sends]
            end = stretch.ends[sends]
            if stretch.gap[sends]:
                self._gaps[sends].append((end, end + stretch.gap[sends]))

    def lacks(self, start: int, number: int, *, sends: bool) -> bool:
        """Whether all of some bytes were sent or received in one gap."""
        end = start + number
        return any(first <= start and end <= last for first, last in self._gaps[sends])

    def _sampled(self, sample: Sampled) -> None:
        if sample.data_segments_out is None:
            return
        self.has_samples = True
        if sample.state == "ESTABLISHED":
            self.is_open = sample
        elif sample.state in {"LAST_ACK", "CLOSED"}:
            self.is_closed = sample


def _counted(sample: Sampled) -> tuple[int, int, int]:
    """Return how many segments an end had sent, and those with data of both ends."""
    return (
        sample.segments_out or 0,
        sample.data_segments_out or 0,
        sample.data_segments_in or 0,
    )
