"""Lay out an account as rows: what the lanes say, and the arrows between them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.ends import ORDERLY, EndCause
from echolab.events import (
    Accepted,
    Called,
    Connected,
    Finished,
    HalfClosed,
    Introduced,
    LeftOut,
    Misbehaved,
    Mistaken,
    Unanswered,
)
from echolab.facts import Diagnosed, Listening, Sampled
from echolab.formats.figure_words import size
from echolab.lab.arrivals import in_order, with_arrivals, without_guesses
from echolab.lab.beginnings import Beginning
from echolab.lab.capture import Packet
from echolab.lab.closings import closing_of
from echolab.lab.endings import Endings
from echolab.lab.kernel import ACK, KernelView
from echolab.lab.labels import (
    call_text,
    finish_text,
    harmless_row,
    not_kept,
    quoted,
    rests_of,
    waited_text,
)
from echolab.lab.ledger import RECEIVES, SENDS, Data, End, Entry
from echolab.lab.packets import PacketView
from echolab.lab.rows import Arrow, Line, Row
from echolab.lab.streams import Streams

if TYPE_CHECKING:
    from echolab.formats.closing import Mark
    from echolab.lab.joining import Account

__all__ = ["lay_out"]

NOTICED = "end of the stream"
RESET_BY_ONE = "gone: one side has reset it"
_SETUP = {"socket", "bind", "listen", "close"}


def lay_out(account: Account, figure: str) -> list[Row]:
    """Return the rows of a figure: ``calls``, ``packets`` or ``both``."""
    layout = _Layout(account, figure)
    for entry in account.entries:
        layout.take(entry)
    rows = layout.end()
    if account.is_captured and figure != "calls":
        rows = without_guesses(rows)
    else:
        rows = in_order(rows)
    return [harmless_row(row) for row in with_arrivals(rows)]


class _Layout:
    """Turn entries into rows, one by one."""

    def __init__(self, account: Account, figure: str) -> None:
        self.rows: list[Row] = []
        self._calls = figure != "packets"
        self._wire = figure != "calls" and account.has_packets
        self._streams = Streams(account)
        # A capture has the segments themselves.
        captured = self._wire and account.is_captured
        counts = self._streams.counts_segments
        self._kernel = KernelView((lambda *_: False) if captured else counts)
        self._packets = PacketView()
        self._account = account
        self._latest: dict[End, float] = {}  # when the last kept event was
        self._unseen: set[End] = set()  # the ends whose latest calls are not kept
        self._beginning = Beginning(account, self._say, self._draw, wire=self._wire)
        closing = closing_of(account, has_packets=self._wire)
        self._marks: dict[int, list[Mark[End]]] = defaultdict(list)
        for mark in closing.marks:
            self._marks[id(mark.at)].append(mark)
        self._endings = Endings(
            self.rows, self._streams, wire=self._wire, is_ordered=closing.is_ordered
        )

    def take(self, entry: Entry) -> None:
        """Add the rows of an entry."""
        match entry.what:
            case Called() as call:
                self._called(entry, call)
            case Data() as data:
                self._data(entry, data)
            case Accepted() | Connected():
                self._beginning.make(entry, {})
                if not self._streams.begins_with_calls(entry.end):
                    self._say(entry, type(entry.what).__name__.lower())
            case HalfClosed():
                if not self._endings.has_ended(entry.end.other):
                    self._close(entry, entry.end.other, NOTICED)
            case Unanswered(number=number):
                self._say(entry, f"no answer fits message {number}")
            case Introduced(client=client, number=number):
                self._say(entry, f"{client} goes on with message {number}")
            case Misbehaved(behaviour=behaviour):
                self._say(entry, f"misbehaves: {behaviour}")
            case Mistaken(protocol=protocol):
                self._say(entry, f"the client speaks {protocol}")
            case Finished() as finished:
                self._finished(entry, finished)
            case Packet() as packet if self._wire:
                self.rows.append(self._packets.row(entry, packet))
            case Sampled() as sample if self._wire:
                self.rows += self._sampled(entry, sample)
            case Diagnosed() as diagnosed if self._wire:
                self._close(entry, entry.end, "")
                if diagnosed.end == "own" or self._endings.has_ended(entry.end.other):
                    self.rows += self._kernel.diagnosed(entry, diagnosed)
            case LeftOut() as left if not entry.of_listener:
                self._left_out(entry, left)
            case Listening() as listening:
                server = self._account.server
                if server is not None and server.queued is entry:
                    self._beginning.make(entry, {})
                self.rows += self._kernel.listening(entry, listening)
            case _:
                pass
        self._latest[entry.end] = entry.time

    def end(self) -> list[Row]:
        """Return all rows, with what goes on at the end of the recording."""
        return [*self.rows, *(row for end in End for row in self._kernel.end(end))]

    def _sampled(self, entry: Entry, sample: Sampled) -> list[Row]:
        """Return the rows of a sample: those that say more than the calls do."""
        marks = self._marks.get(id(sample), [])
        if any(mark.kind == "RST" for mark in marks):
            # Segments that a reset has answered came before it.
            has_ended = self._endings.has_ended(entry.end)
            self.rows += self._kernel.sampled(
                entry, sample, self.rows, has_ended=has_ended
            )
            self._close(entry, entry.end, "")
            return []
        self._close(entry, entry.end, "")
        has_ended = self._endings.has_ended(entry.end)
        told = self._kernel.sampled(entry, sample, self.rows, has_ended=has_ended)
        # The ends of both are drawn with their acknowledgements.
        are_over = self._endings.are_over
        return [row for row in told if not (are_over and row.folds == ACK)]

    def _say(
        self,
        entry: Entry,
        text: str,
        *,
        span: tuple[int, int] | None = None,
        answers: tuple[str, ...] = (),
        aside: str = "",
        folds: str = "",
    ) -> None:
        """Add a text beside a lane."""
        if self._calls:
            timed = not entry.of_listener and entry.certainty != "between"
            row = Row(entry.time, timed, {entry.end: text}, folds=folds)
            row = replace(row, span=span, answers=answers, aside=aside)
            self.rows.append(replace(row, rests=rests_of(entry)))

    def _draw(
        self,
        at: float,
        arrow: Arrow,
        texts: dict[End, str],
        *,
        is_timed: bool = True,
        aside: str = "",
    ) -> None:
        said = texts if self._calls else {}
        self.rows.append(Row(at, is_timed, said, arrow, aside=aside if said else ""))

    def _left_out(self, entry: Entry, left: LeftOut) -> None:
        """Say what is missing, and that it is unknown what has happened meanwhile."""
        self._close(entry, entry.end, "")
        self.rows += self._kernel.leave_out(entry.end)
        self._unseen.add(entry.end)
        if left.events or left.received_bytes or left.sent_bytes:
            note = not_kept(left, entry.end.value if self._account.clocks else "")
            since = self._latest.get(entry.end, entry.time)
            row = Row(entry.time, is_timed=False, note=note, since=since)
            self.rows.append(row)

    def _called(self, entry: Entry, call: Called) -> None:
        if not entry.of_listener:
            self._unseen.discard(entry.end)
        if entry.of_listener and not (call.call in _SETUP and call.result >= 0):
            return
        text = call_text(call)
        if entry.of_listener and call.call == "close":
            text = f"listener: {text}"
        match call.call:
            case "connect":
                self._beginning.connect(entry, call, text)
            case "accept" if call.result >= 0:
                self._beginning.make(entry, {})
                text = f"accept() = {self._account.sender or call.peer}"
                self._say(entry, text, answers=("ACK", "connection"))
            case name if name in SENDS and call.result > 0:
                self._moved(entry, call, text, sends=True)
            case name if name in RECEIVES and call.result > 0:
                self._moved(entry, call, text, sends=False)
            case name if name in RECEIVES and not call.errno:
                answers = ("FIN", "FIN, ACK", "end")
                self._close(entry, entry.end.other, text, answers=answers)
            case "getsockopt" if call.errno and not self._beginning.is_made:
                self._beginning.connect(entry, call, text)
            case "shutdown" | "close" if not entry.of_listener:
                if call.call == "close":
                    self.rows += self._kernel.end(entry.end)
                if entry.end is End.CLIENT:
                    self._beginning.give_up(entry)
                self._close(entry, entry.end, text)
            case _ if call.errno:
                self._close(entry, entry.end.other, text, answers=("RST",))
            case _:
                self._say(entry, text)

    def _data(self, entry: Entry, data: Data) -> None:
        """Show what a program has read or written, where no call shows it."""
        is_called = self._streams.is_called(entry.end, data)
        if is_called:
            return
        words = "wrote" if data.kind == "write" else "read"
        text = f"{words} {size(data.size)} {quoted(data.head, data.size)}".rstrip()
        if is_called is not None:
            self._say(entry, text, folds=words)  # TLS: the calls have other bytes.
            return
        span = data.start, data.size
        if data.kind == "messages":
            # They lack what separated them, so these are not all bytes of a read.
            self._arrow(entry, "got messages", span, sends=False, of=" of messages")
        else:
            self._arrow(entry, words, span, sends=data.kind == "write")

    def _moved(self, entry: Entry, call: Called, text: str, *, sends: bool) -> None:
        """Show a send or a recv of bytes."""
        aside = waited_text(rests_of(entry).get(entry.end))
        span = self._streams.span(entry.end, call)
        self._arrow(entry, text, span, sends=sends, aside=aside)

    def _arrow(
        self,
        entry: Entry,
        text: str,
        span: tuple[int, int],
        *,
        sends: bool,
        aside: str = "",
        of: str = "",
    ) -> None:
        sender = entry.end if sends else entry.end.other
        if self._streams.is_drawn(entry.end, span, sends=sends):
            head = self._streams.head(entry.end, *span, sends=sends)
            shown = quoted(head, span[1])
            label = f"{size(span[1])}{of}"
            arrow = Arrow(sender.other, Line.SEEN, label, span, head=shown)
            self._draw(entry.time, arrow, {entry.end: text}, aside=aside)
            self.rows[-1] = replace(self.rows[-1], rests=rests_of(entry))
        else:
            self._say(entry, text, span=span, aside=aside)

    def _close(
        self, entry: Entry, whose: End, text: str, *, answers: tuple[str, ...] = ()
    ) -> None:
        """Show what an entry tells of the end of the connection.

        Args:
            entry: the entry.
            whose: whose FIN or RST its text is about.
            text: what it says itself; "" for nothing.
            answers: what it may be the arrival of, if that is drawn already.
        """
        for mark in self._marks.pop(id(entry.what), []):
            if mark.end is None:
                self.rows.append(Row(entry.time, texts={entry.end: RESET_BY_ONE}))
            is_said = self._calls and bool(text) and mark.end is whose
            texts = {entry.end: text} if is_said else {}
            text = "" if is_said else text
            # Of a FIN that came before a call, the time is unknown.
            is_timed = mark.end is whose or not isinstance(entry.what, Called)
            self._endings.draw(mark, entry.time, texts, is_timed=is_timed)
        if text:
            self._say(entry, text, answers=answers)

    def _finished(self, entry: Entry, finished: Finished) -> None:
        """Show an end that no call has shown, or that was not orderly."""
        text = finish_text(finished)
        if self._streams.has_calls(entry.end) and entry.end not in self._unseen:
            self._close(entry, entry.end, "")
            if finished.cause not in ORDERLY:
                self._say(entry, text)
            return
        has_ended = self._endings.has_ended(entry.end.other)
        if finished.cause is EndCause.EOF and not has_ended:
            self._close(entry, entry.end.other, NOTICED)
        elif finished.cause is EndCause.RESET:
            self._close(entry, entry.end.other, "reset")
        self._close(entry, entry.end, "")
        self._say(entry, text)
