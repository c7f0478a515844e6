"""Lay out an account as rows: what the lanes say, and the arrows between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.ends import ORDERLY, EndCause
from echolab.events import (
    Accepted,
    Called,
    Connected,
    Finished,
    HalfClosed,
    Misbehaved,
    Mistaken,
    Unanswered,
)
from echolab.facts import Diagnosed, Listening, Sampled
from echolab.formats.figure_words import size
from echolab.lab.arrivals import with_arrivals, without_guesses
from echolab.lab.beginnings import Beginning
from echolab.lab.capture import Packet
from echolab.lab.endings import Endings
from echolab.lab.kernel import ACK, HALF_CLOSED, KernelView
from echolab.lab.labels import (
    call_text,
    finish_text,
    harmless_row,
    quoted,
    waited_text,
)
from echolab.lab.ledger import RECEIVES, SENDS, Data, End, Entry
from echolab.lab.packets import PacketView
from echolab.lab.rows import Arrow, Line, Row
from echolab.lab.streams import Streams

if TYPE_CHECKING:
    from echolab.lab.joining import Account

__all__ = ["lay_out"]

NOTICED = "end of the stream"
_SETUP = {"socket", "bind", "listen", "close"}


def lay_out(account: Account, figure: str) -> list[Row]:
    """Return the rows of a figure: ``calls``, ``packets`` or ``both``."""
    layout = _Layout(account, figure)
    for entry in account.entries:
        layout.take(entry)
    rows = layout.rows
    if account.is_captured and figure != "calls":
        rows = without_guesses(rows)
    return [harmless_row(row) for row in with_arrivals(rows)]


class _Layout:
    """Turn entries into rows, one by one."""

    def __init__(self, account: Account, figure: str) -> None:
        self.rows: list[Row] = []
        self._calls = figure != "packets"
        address = account.client_address or account.server_address
        self._wire = figure != "calls" and address is not None
        self._wire = self._wire and getattr(address, "family", "") != "UNIX"
        self._streams = Streams(account)
        # A capture has the segments themselves.
        captured = self._wire and account.is_captured
        counts = self._streams.counts_segments
        self._kernel = KernelView((lambda *_: False) if captured else counts)
        self._packets = PacketView()
        self._account = account
        self._gone: set[End] = set()  # whose kernel has no connection any more
        self._held: set[End] = set()  # whose FIN waits behind unsent bytes
        self._beginning = Beginning(account, self._say, self._draw, wire=self._wire)
        self._endings = Endings(self.rows, self._streams, wire=self._wire)

    def take(self, entry: Entry) -> None:
        """Add the rows of an entry."""
        match entry.what:
            case Called() as call:
                self._called(entry, call)
            case Data() as data:
                self._data(entry, data)
            case Accepted() | Connected():
                self._beginning.make(entry, {})
                if not self._streams.has_calls(entry.end):
                    self._say(entry, type(entry.what).__name__.lower())
            case HalfClosed():
                self._ended_by_peer(entry, NOTICED)
            case Unanswered(number=number):
                self._say(entry, f"no answer fits message {number}")
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
                if diagnosed.end == "own" or self._endings.has_ended(entry.end.other):
                    self.rows += self._kernel.diagnosed(entry, diagnosed)
            case Listening() as listening:
                server = self._account.server
                if server is not None and server.queued is entry:
                    self._beginning.make(entry, {})
                self.rows += self._kernel.listening(entry, listening)
            case _:
                pass

    def _sampled(self, entry: Entry, sample: Sampled) -> list[Row]:
        """Return the rows of a sample: those that say more than the calls do."""
        endings = self._endings
        other = entry.end.other
        if entry.end in self._held and not sample.unsent_bytes:
            self._held.remove(entry.end)
            if not endings.has_ended(entry.end):
                self._end(entry, entry.end, "")
        has_got_fin = sample.state in HALF_CLOSED and not sample.unread_bytes
        if has_got_fin and not endings.has_ended(other):
            self._end(entry, other, "")  # The program has not noticed it yet.
        ended = endings.has_ended(entry.end)
        refuses = self._kernel.refuses(entry.end, sample) and not endings.is_reset
        # A connection that is gone before its program has ended it was reset.
        gone = sample.state == "CLOSED" and not ended
        gone = gone and self._streams.has_calls(entry.end)
        told = self._kernel.sampled(entry, sample, self.rows, has_ended=ended)
        if refuses or gone:
            self.rows += told
            endings.reset(entry.end if refuses else other, entry.time, {})
            return []
        # The ends of both are drawn with their acknowledgements.
        return [row for row in told if not (endings.are_over and row.folds == ACK)]

    def _say(
        self,
        entry: Entry,
        text: str,
        *,
        span: tuple[int, int] | None = None,
        answers: tuple[str, ...] = (),
        aside: str = "",
    ) -> None:
        """Add a text beside a lane."""
        if self._calls:
            timed = not entry.of_listener and entry.certainty != "between"
            row = Row(entry.time, timed, {entry.end: text})
            self.rows.append(replace(row, span=span, answers=answers, aside=aside))

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

    def _called(self, entry: Entry, call: Called) -> None:
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
                text = f"accept() = {call.peer}"
                self._say(entry, text, answers=("ACK", "connection"))
            case name if name in SENDS and call.result > 0:
                self._moved(entry, text, call.result, sends=True)
            case name if name in RECEIVES and call.result > 0:
                self._moved(entry, text, call.result, sends=False)
            case name if name in RECEIVES and not call.errno:
                self._ended_by_peer(entry, text)
            case "getsockopt" if call.errno and not self._beginning.is_made:
                self._beginning.connect(entry, call, text)
            case name if name in RECEIVES | SENDS and call.errno == "ECONNRESET":
                self._reset_by_peer(entry, text)
            case "shutdown" if call.errno == "ENOTCONN":
                self._gone.add(entry.end)  # What follows sends no packet.
                self._say(entry, text)
            case "shutdown" | "close" if not entry.of_listener and call.result >= 0:
                self._ends(entry, call, text)
            case _:
                self._say(entry, text)

    def _data(self, entry: Entry, data: Data) -> None:
        """Show what a program has read or written, where no call shows it."""
        if self._streams.shows_calls(entry.end, sends=data.kind == "write"):
            return
        words = "wrote" if data.kind == "write" else "read"
        text = f"{words} {size(data.size)} {quoted(data.head, data.size)}".rstrip()
        if self._streams.has_calls(entry.end):
            self._say(entry, text)  # TLS: the calls have other bytes.
            return
        span = data.start, data.size
        if data.kind == "messages":
            # They lack what separated them, so these are not all bytes of a read.
            self._arrow(entry, "got messages", span, sends=False, of=" of messages")
        else:
            self._arrow(entry, words, span, sends=data.kind == "write")

    def _moved(self, entry: Entry, text: str, number: int, *, sends: bool) -> None:
        """Show a send or a recv of bytes."""
        aside = waited_text(getattr(entry.what, "waited_seconds", None))
        span = self._streams.next_span(entry.end, number, sends=sends)
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
        if sends == self._streams.is_drawn_by_sender(sender):
            head = self._streams.head(entry.end, span[0], sends=sends)
            shown = quoted(head, span[1])
            label = f"{size(span[1])}{of}"
            arrow = Arrow(sender.other, Line.SEEN, label, span, head=shown)
            self._draw(entry.time, arrow, {entry.end: text}, aside=aside)
        else:
            self._say(entry, text, span=span, aside=aside)

    def _ended_by_peer(self, entry: Entry, text: str) -> None:
        """Show the end of the peer's side, as this side has noticed it."""
        if not self._endings.has_ended(entry.end.other):
            self._end(entry, entry.end.other, text)
        elif text != NOTICED:
            self._say(entry, text, answers=("FIN", "FIN, ACK", "end"))

    def _reset_by_peer(self, entry: Entry, text: str) -> None:
        if self._wire and not self._endings.is_reset:
            texts = {entry.end: text} if self._calls else {}
            self._endings.reset(entry.end.other, entry.time, texts)
        else:
            self._say(entry, text, answers=("RST",))

    def _ends(self, entry: Entry, call: Called, text: str) -> None:
        """Show a shutdown or a close; the first of them ends this side's stream."""
        if entry.end is End.CLIENT:
            self._beginning.give_up(entry)
        end = entry.end
        closes = call.call == "close"
        ends = self._beginning.is_made and (closes or call.arguments != "SHUT_RD")
        if not ends or end in self._gone or self._endings.is_reset:
            self._say(entry, text)
        elif self._wire and closes and self._streams.discards(end):
            texts = {end: text} if self._calls else {}
            self._endings.reset(end, entry.time, texts)
        elif self._wire and self._streams.holds_fin(end, entry.latest):
            self._held.add(end)
            self._say(entry, text)
        elif end in self._held or self._endings.has_ended(end):
            self._say(entry, text)
        else:
            self._end(entry, end, text)

    def _end(self, entry: Entry, end: End, text: str) -> None:
        texts = {entry.end: text} if self._calls and text else {}
        self._endings.end(end, entry.time, texts)

    def _finished(self, entry: Entry, finished: Finished) -> None:
        """Show an end that no call has shown, or that was not orderly."""
        text = finish_text(finished)
        if self._streams.has_calls(entry.end):
            if finished.cause not in ORDERLY:
                self._say(entry, text)
            return
        if finished.cause is EndCause.EOF:
            self._ended_by_peer(entry, NOTICED)
        elif finished.cause is EndCause.RESET:
            self._reset_by_peer(entry, "reset")
        self._say(entry, text)
