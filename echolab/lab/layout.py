"""Lay out an account as rows: what the lanes say, and the arrows between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.ends import ORDERLY
from echolab.events import (
    Accepted,
    Called,
    Connected,
    Finished,
    HalfClosed,
    Misbehaved,
    Mistaken,
)
from echolab.facts import Diagnosed, Listening, Sampled, SynSaved
from echolab.lab.arrivals import with_arrivals
from echolab.lab.kernel import ACK, KernelView
from echolab.lab.ledger import RECEIVES, SENDS, Data, End, Entry
from echolab.lab.rows import Arrow, Line, Row
from echolab.lab.streams import Streams
from echolab.lab.syn import syn_options
from echolab.lab.wording import NO_BREAK, duration, harmless, preview, size

if TYPE_CHECKING:
    from echolab.lab.joining import Account

__all__ = ["lay_out"]

PREVIEW_CELLS = 22
SOON_SECONDS = 0.1
"""A FIN that answers another one sooner than this may acknowledge it as well."""
NOTICED = "end of the stream"
_SETUP = {"socket", "bind", "listen", "close"}


def lay_out(account: Account, figure: str) -> list[Row]:
    """Return the rows of a figure: ``calls``, ``packets`` or ``both``."""
    layout = _Layout(account, figure)
    for entry in account.entries:
        layout.take(entry)
    return [_harmless(row) for row in with_arrivals(layout.rows)]


def _harmless(row: Row) -> Row:
    """Return a row whose texts cannot drive a terminal, whoever has recorded them."""
    texts = {end: harmless(text) for end, text in row.texts.items()}
    arrow = row.arrow and replace(row.arrow, label=harmless(row.arrow.label))
    return replace(row, texts=texts, arrow=arrow)


class _Layout:
    """Turn entries into rows, one by one."""

    def __init__(self, account: Account, figure: str) -> None:
        self.rows: list[Row] = []
        self._calls = figure != "packets"
        address = account.client_address or account.server_address
        self._wire = figure != "calls" and address is not None
        self._wire = self._wire and getattr(address, "family", "") != "UNIX"
        self._streams = Streams(account)
        self._kernel = KernelView(self._streams.counts_segments)
        self._account = account
        self._syn = self._saved_syn()
        self._began = False  # whether the handshake is drawn
        self._asked = False  # whether the client's SYN is drawn
        self._gone: dict[End, float] = {}  # when an end's FIN or RST was drawn
        self._acked: set[End] = set()

    def take(self, entry: Entry) -> None:
        """Add the rows of an entry."""
        match entry.what:
            case Called() as call:
                self._called(entry, call)
            case Data() as data:
                self._data(entry, data)
            case Accepted() | Connected():
                self._handshake(entry, {})
                if not self._streams.has_calls(entry.end):
                    self._say(entry, type(entry.what).__name__.lower())
            case HalfClosed():
                self._ended_by_peer(entry, NOTICED)
            case Misbehaved(behaviour=behaviour):
                self._say(entry, f"misbehaves: {behaviour}")
            case Mistaken(protocol=protocol):
                self._say(entry, f"the client speaks {protocol}")
            case Finished() as finished:
                self._finished(entry, finished)
            case Sampled() as sample if self._wire:
                self.rows += self._sampled(entry, sample)
            case Diagnosed() as diagnosed if self._wire:
                self.rows += self._kernel.diagnosed(entry, diagnosed)
            case Listening() as listening:
                self.rows += self._kernel.listening(entry, listening)
            case _:
                pass

    def _sampled(self, entry: Entry, sample: Sampled) -> list[Row]:
        ended = entry.end in self._gone
        told = self._kernel.sampled(entry, sample, self.rows, has_ended=ended)
        if len(self._gone) == len(End):
            # The ends of both are drawn with their acknowledgements.
            return [row for row in told if row.folds != ACK]
        return told

    def _saved_syn(self) -> str | None:
        for entry in self._account.entries:
            if isinstance(entry.what, SynSaved):
                return syn_options(entry.what.packet)
        return None

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
        text = _call_text(call)
        if entry.of_listener and call.call == "close":
            text = f"listener: {text}"
        match call.call:
            case "connect":
                self._connect(entry, call, text)
            case "accept" if call.result >= 0:
                self._handshake(entry, {})
                text = f"accept() = {call.peer}"
                self._say(entry, text, answers=("ACK", "connection"))
            case name if name in SENDS and call.result > 0:
                self._moved(entry, text, call.result, sends=True)
            case name if name in RECEIVES and call.result > 0:
                self._moved(entry, text, call.result, sends=False)
            case name if name in RECEIVES and not call.errno:
                self._ended_by_peer(entry, text)
            case "getsockopt" if call.errno and not self._began:
                self._connect(entry, call, text)
            case name if name in RECEIVES | SENDS and call.errno == "ECONNRESET":
                self._reset_by_peer(entry, text)
            case "shutdown" | "close" if not entry.of_listener and call.result >= 0:
                self._ends(entry, call, text)
            case _:
                self._say(entry, text)

    def _connect(self, entry: Entry, call: Called, text: str) -> None:
        texts = {entry.end: text}
        if self._wire and not self._asked and not self._began:
            self._ask(entry, texts)
            texts = {}
        if not call.errno:
            self._handshake(entry, texts)
        elif self._wire and call.errno == "ECONNREFUSED":
            refusal = Arrow(End.CLIENT, Line.DEDUCED, "RST")
            self._draw(entry.latest, refusal, texts, is_timed=bool(texts))
        elif texts:
            self._say(entry, text)
        if call.errno and call.errno != "EINPROGRESS":
            self._asked = False  # Another try has a SYN of its own.

    def _ask(self, entry: Entry, texts: dict[End, str]) -> None:
        """Draw the client's SYN, once."""
        if self._asked:
            return
        self._asked = True
        line = Line.DEDUCED if self._syn is None else Line.SEEN
        arrow = Arrow(End.SERVER, line, f"SYN{self._syn or ''}")
        self._draw(entry.time, arrow, texts, is_timed=entry.end is End.CLIENT)

    def _handshake(self, entry: Entry, texts: dict[End, str]) -> None:
        """Draw what has made the connection, once.

        Args:
            entry: the entry that tells of it.
            texts: what to write beside it.
        """
        if self._began:
            for text in texts.values():
                self._say(entry, text)
            return
        self._began = True
        if self._wire:
            self._ask(entry, {})
            back = Arrow(End.CLIENT, Line.DEDUCED, "SYN, ACK")
            self._draw(entry.latest, back, texts, is_timed=bool(texts))
            there = Arrow(End.SERVER, Line.DEDUCED, "ACK")
            self._draw(entry.latest, there, {}, is_timed=False)
        else:
            both = self._account.client and self._account.server
            line = Line.SEEN if both else Line.DEDUCED
            arrow = Arrow(End.SERVER, line, "connection")
            self._draw(entry.latest, arrow, texts, is_timed=bool(texts))

    def _data(self, entry: Entry, data: Data) -> None:
        """Show what a program has read or written, where no call shows it."""
        if self._streams.shows_calls(entry.end, sends=data.kind == "write"):
            return
        words = "wrote" if data.kind == "write" else "read"
        text = f"{words} {size(data.size)} {_quoted(data.head, data.size)}".rstrip()
        if self._streams.has_calls(entry.end):
            self._say(entry, text)  # TLS: the calls have other bytes.
            return
        span = data.start, data.size
        self._arrow(entry, words, span, sends=data.kind == "write")

    def _moved(self, entry: Entry, text: str, number: int, *, sends: bool) -> None:
        """Show a send or a recv of bytes."""
        waited: float | None = getattr(entry.what, "waited_seconds", None)
        aside = "" if waited is None else f"waited {duration(waited)}"
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
    ) -> None:
        sender = entry.end if sends else entry.end.other
        if sends == self._streams.is_drawn_by_sender(sender):
            head = self._streams.head(entry.end, span[0], sends=sends)
            shown = _quoted(head, span[1])
            arrow = Arrow(sender.other, Line.SEEN, size(span[1]), span, head=shown)
            self._draw(entry.time, arrow, {entry.end: text}, aside=aside)
        else:
            self._say(entry, text, span=span, aside=aside)

    def _ended_by_peer(self, entry: Entry, text: str) -> None:
        """Show the end of the peer's side, as this side has noticed it."""
        other = entry.end.other
        if other in self._gone:
            if text != NOTICED:
                self._say(entry, text, answers=("FIN", "FIN, ACK", "end"))
            return
        self._draw_end(entry, other, {entry.end: text}, is_timed=True)

    def _reset_by_peer(self, entry: Entry, text: str) -> None:
        other = entry.end.other
        if self._wire and not self._streams.was_reset_by(other, self._gone):
            self._gone[other] = entry.time
            arrow = Arrow(entry.end, Line.BETWEEN, "RST")
            self._draw(entry.time, arrow, {entry.end: text})
        else:
            self._say(entry, text, answers=("RST",))

    def _ends(self, entry: Entry, call: Called, text: str) -> None:
        """Show a shutdown or a close; the first of them ends this side's stream."""
        ends = call.call == "close" or call.arguments != "SHUT_RD"
        if not ends or entry.end in self._gone or not self._began:
            self._say(entry, text)
        else:
            self._draw_end(entry, entry.end, {entry.end: text}, is_timed=True)

    def _draw_end(
        self, entry: Entry, end: End, texts: dict[End, str], *, is_timed: bool
    ) -> None:
        """Draw the FIN of an end, or its RST."""
        line, label = Line.BETWEEN, "end"
        before = self._gone.get(end.other)
        self._gone[end] = entry.time
        if self._wire and self._streams.resets(end):
            label = "RST"
        elif self._wire:
            label = "FIN"
            soon = before is not None and entry.time - before < SOON_SECONDS
            if before is not None and end not in self._acked:
                if soon:
                    label = "FIN, ACK"
                else:
                    self._acknowledge(before, end)
        self._draw(entry.time, Arrow(end.other, line, label), texts, is_timed=is_timed)
        if before is not None and label.startswith("FIN"):
            arrow = Arrow(end, Line.DEDUCED, "ACK")
            self._draw(entry.time, arrow, {}, is_timed=False)

    def _acknowledge(self, at: float, end: End) -> None:
        """Draw that an end has acknowledged the other's FIN."""
        self._acked.add(end)
        arrow = Arrow(end.other, Line.DEDUCED, "ACK")
        row = Row(at, is_timed=False, arrow=arrow)
        place = next(
            (n for n, each in enumerate(self.rows) if each.at > at), len(self.rows)
        )
        self.rows.insert(place, row)

    def _finished(self, entry: Entry, finished: Finished) -> None:
        """Show an end that no call has shown, or that was not orderly."""
        cause = finished.cause
        why = f" ({finished.detail})" if finished.detail else ""
        if not self._streams.has_calls(entry.end):
            if cause.value == "eof":
                self._ended_by_peer(entry, NOTICED)
            elif cause.value == "reset":
                self._reset_by_peer(entry, f"reset{why}")
            self._say(entry, f"finished: {cause.value}{why}")
        elif cause not in ORDERLY:
            self._say(entry, f"finished: {cause.value}{why}")


def _quoted(head: bytes, number: int) -> str:
    """Return the first bytes in quotes; nothing if they were not kept."""
    return preview(head, PREVIEW_CELLS, whole=len(head) >= number) if head else ""


def _call_text(call: Called) -> str:
    """Return a call as in a program: ``recv(65536) = 6``."""
    text = f"{call.call}({call.arguments})"
    if call.errno:
        return f"{text} ={NO_BREAK}{call.result}{NO_BREAK}{call.errno}"
    if call.call in {"socket", "bind", "listen", "shutdown", "close"}:
        return text  # It succeeded, and returned 0 or a descriptor.
    return f"{text} ={NO_BREAK}{call.result}"
