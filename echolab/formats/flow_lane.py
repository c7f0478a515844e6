"""One connection in the format flow: the rows of its events."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from echolab.counting import count
from echolab.events import (
    Accepted,
    Called,
    Chunk,
    Connected,
    Finished,
    Introduced,
    Misbehaved,
    Mistaken,
    Sent,
    Unanswered,
)
from echolab.facts import Diagnosed, Listening, Sampled, SynSaved
from echolab.formats.closing import Closing
from echolab.formats.figure_words import NO_BREAK, duration, harmless, size
from echolab.formats.flow_rows import (
    BETWEEN,
    DEDUCED,
    SEEN,
    as_called,
    labelled,
    take,
)
from echolab.formats.syn import sender_of, syn_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event
    from echolab.formats.closing import Mark

__all__ = ["Lane", "Row"]

QUIET = {"EAGAIN", "EINPROGRESS"}
UNORDERED = "which FIN came first is unknown"
CAME_BEFORE = "it came before the other FIN"
RESET_BY_ONE = "gone: one side has reset it"


class Row(NamedTuple):
    """A row of a connection.

    Attributes:
        event: when it happened, and to whom.
        text: what this side did or learned.
        label: what travelled.
        line: how certain that is; empty for no arrow.
        out: whether it travelled to the peer.
        timed: whether it is known when.
    """

    event: Event
    text: str
    label: str = ""
    line: str = ""
    out: bool = False
    timed: bool = True


class Lane:
    """What is known of one connection.

    Args:
        has_packets: whether it has any: a UNIX socket has none.

    Attributes:
        is_named: whether the line with its addresses is printed.
        begun: the event with which it has begun.
    """

    def __init__(self, *, has_packets: bool) -> None:
        self.is_named = False
        self.begun: Accepted | Connected | None = None
        self._has_packets = has_packets
        self._closing = Closing(
            "own", "peer", has_packets=has_packets, after_bytes=True
        )
        self._undecided: list[Event] = []  # until it is known what they tell
        self._marks: list[Mark[str]] = []  # what they have told so far
        self._recv: Called | None = None  # until its bytes are known
        # What the kernel has said since that.
        self._later: list[tuple[Sampled | Diagnosed, list[Mark[str]]]] = []
        # The bytes that were given to the transport, not to the kernel yet.
        self._unsent: deque[memoryview] = deque()
        self._reads = 0  # how many returned bytes
        self._is_encrypted = False  # whether the calls have other bytes
        self._sent_bytes = 0  # how many the kernel has taken
        self._sample: Sampled | None = None
        self._states: dict[str, str] = {}  # of each end, as they were told last
        self._queue = ""  # what was told last of the accept queue
        self._listens = False

    def rows(self, event: Event) -> Iterator[Row]:
        """Yield the rows of an event."""
        if event.peer.number:
            self._marks += self._closing.take("own", event)
        self._undecided.append(event)
        if isinstance(event, Accepted | Connected):
            self.begun = event
        if self._closing.is_undecided or self._is_beginning(event):
            return
        events, self._undecided = self._undecided, []
        marks, self._marks = self._marks, []
        if len(events) == 1:
            yield from self._rows(event, marks, None)
            return
        syn = next((each for each in events if isinstance(each, SynSaved)), None)
        for each in events:
            here = [mark for mark in marks if mark.at is each]
            if each is event:
                here += [m for m in marks if all(m.at is not e for e in events)]
            yield from self._rows(each, here, syn)

    def _is_beginning(self, event: Event) -> bool:
        """Whether more is to come of a beginning: calls of TLS, the client's SYN."""
        if self.begun is None:
            is_early = isinstance(event, Called | Sampled | Diagnosed)
            return is_early and event.peer.number > 0
        return isinstance(event, Accepted) and len(self._undecided) > 1

    def _rows(
        self, event: Event, marks: list[Mark[str]], syn: SynSaved | None
    ) -> Iterator[Row]:
        if self._recv is not None and isinstance(event, Called | Finished):
            yield from self._read(b"")  # TLS needed it for itself.
        match event:
            case Called(call="accept") if event.result >= 0:
                yield from self._accepted(event, syn)
            case Called():
                yield from self._called(event, marks)
            case Chunk(data=data):
                yield from self._chunk(event, data)
            case Sent(data=data):
                self._unsent.append(memoryview(data))
            case Sampled() | Diagnosed() if self._recv is not None:
                self._later.append((event, marks))
            case Sampled() | Diagnosed():
                yield from self._kernel(event, marks)
            case Listening():
                yield from self._listening(event)
            case Unanswered(number=number):
                yield Row(event, f"no answer fits message {number}")
            case Introduced(client=client, number=number):
                yield Row(event, f"{client} goes on with message {number}")
            case Misbehaved(behaviour=behaviour):
                yield Row(event, f"misbehaves: {behaviour}")
            case Mistaken(protocol=protocol):
                yield Row(event, f"the client speaks {protocol}")
            case Finished():
                yield from self._finished(event, marks)
            case _:
                pass

    def _accepted(self, call: Called, syn: SynSaved | None) -> Iterator[Row]:
        """Show the accept, with the client's SYN if the kernel has kept it."""
        if syn is not None:
            options = syn_options(syn.packet)
            yield Row(call, "", f"SYN{options}", SEEN, timed=False)
            yield Row(call, "", "SYN, ACK", DEDUCED, out=True, timed=False)
            yield Row(call, "", "ACK", DEDUCED, timed=False)
            call = replace(call, peer=sender_of(call.peer, syn.packet))
        yield Row(call, as_called(call))

    def _listening(self, event: Listening) -> Iterator[Row]:
        """Show an accept queue in which more than one wait, or ignored clients."""
        drops = f", {event.drops} ignored" if event.drops else ""
        text = f"{event.waiting} of {event.backlog} wait to be accepted{drops}"
        if text != self._queue and (event.waiting > 1 or self._queue):
            yield Row(event, text)
            self._queue = text if event.waiting > 1 else ""

    def _called(self, call: Called, marks: list[Mark[str]]) -> Iterator[Row]:
        done = call.result >= 0 and not call.errno
        is_tcp = call.peer.family != "UNIX"
        match call.call:
            case "accept" if call.errno in QUIET:
                pass
            case "recv" | "recvmsg" if call.result > 0:
                self._recv = call
            case "connect" if done and is_tcp:
                yield Row(call, "", "SYN", DEDUCED, out=True, timed=False)
                yield Row(call, "", "SYN, ACK", DEDUCED, timed=False)
                yield Row(call, "", "ACK", DEDUCED, out=True, timed=False)
                yield Row(call, as_called(call))
            case "connect" if call.errno == "ECONNREFUSED" and is_tcp:
                yield Row(call, "", "SYN", DEDUCED, out=True, timed=False)
                yield Row(call, as_called(call), "RST", DEDUCED)
            case "send" if call.result > 0:
                yield from self._sent(call)
            case name:
                self._listens |= name == "listen"
                ends = name in {"shutdown", "close"} and not call.peer.number
                listener = "listener: " if ends and self._listens else ""
                yield from self._ends(call, marks, f"{listener}{as_called(call)}")

    def _ends(
        self, event: Event, marks: list[Mark[str]], text: str = ""
    ) -> Iterator[Row]:
        """Show the FIN and RST that an event, or one before it, has told of.

        Args:
            event: the event.
            marks: what has travelled.
            text: what the event itself says, beside the last of them.
        """
        for mark in marks:
            is_last = mark.at is event and mark is marks[-1]
            said, text = (text, "") if is_last else ("", text)
            line = BETWEEN if mark.is_noticed else DEDUCED
            if mark.end is None:
                yield Row(mark.at, RESET_BY_ONE)
                continue
            is_own = mark.end == "own"
            kind = mark.kind if self._has_packets else "end"
            yield Row(mark.at, said, kind, line, out=is_own)
            if mark.is_late:
                yield Row(mark.at, CAME_BEFORE, timed=False)
            known = self._closing.marks
            if not self._closing.is_ordered and len(known) > 1 and mark is known[-1]:
                yield Row(mark.at, UNORDERED, timed=False)
        if text:
            yield Row(event, text)

    def _sent(self, call: Called) -> Iterator[Row]:
        self._sent_bytes += call.result
        label = size(call.result)
        taken = b""
        if call.result > sum(map(len, self._unsent)):
            self._unsent.clear()  # TLS has encrypted it.
        else:
            taken = take(self._unsent, call.result)
        yield Row(call, as_called(call), labelled(label, taken), SEEN, out=True)

    def _chunk(self, chunk: Chunk, data: bytes) -> Iterator[Row]:
        self._reads += 1
        if self._recv is not None and self._recv.result == len(data):
            yield from self._read(data)
            return
        yield from self._read(b"")
        # TLS has decrypted it, or there is no socket.
        yield Row(chunk, labelled(size(len(data)), data))

    def _read(self, data: bytes) -> Iterator[Row]:
        """Show the last recv, with its bytes if they are known."""
        call, self._recv = self._recv, None
        if call is None:
            return
        self._is_encrypted |= not data
        text = as_called(call)
        if call.waited_seconds is not None:
            text += f" waited {duration(call.waited_seconds)}"
        yield Row(call, text, labelled(size(call.result), data), SEEN)
        later, self._later = self._later, []
        for fact, marks in later:
            yield from self._kernel(fact, marks)

    def _kernel(
        self, fact: Sampled | Diagnosed, marks: list[Mark[str]]
    ) -> Iterator[Row]:
        """Show what the kernel says, if it is news."""
        yield from self._ends(fact, marks)
        if isinstance(fact, Sampled):
            yield from self._sampled(fact)
        elif fact.state not in ("ESTABLISHED", self._states.get(fact.end)):
            self._states[fact.end] = fact.state
            yield self._diagnosed(fact)

    def _sampled(self, sample: Sampled) -> Iterator[Row]:
        before, self._sample = self._sample, sample
        if before is None:
            return
        # What is left of a closed connection, inet_diag tells.
        if sample.state not in (before.state, "CLOSED"):
            self._states["own"] = sample.state
            yield Row(sample, sample.state)
        if again := sample.retransmits - before.retransmits:
            yield Row(sample, "", f"{again} sent again", BETWEEN, out=True)
        if sample.send_window == 0 and before.send_window:
            unsent = size(sample.unsent_bytes)
            yield Row(sample, f"peer's window 0, {unsent} unsent")
        if before.send_window == 0 and sample.send_window:
            yield Row(sample, "peer's window is open again")

    def _diagnosed(self, fact: Diagnosed) -> Row:
        whose = "" if fact.end == "own" else "the peer: "
        timer = ""
        if fact.state == "TIME_WAIT" and fact.timer_seconds is not None:
            timer = f" {duration(fact.timer_seconds)}"
        return Row(fact, f"{whose}{fact.state}{timer}")

    def _finished(self, event: Finished, marks: list[Mark[str]]) -> Iterator[Row]:
        for mark in marks:
            yield from self._ends(mark.at, [mark])
        why = f", {harmless(event.detail)}" if event.detail else ""
        words = [
            f"finished: {event.cause.value}{why}",
            f"{count(event.received_bytes, 'byte')} in {count(self._reads, 'read')}",
        ]
        if event.messages is not None:
            words.append(count(event.messages, "message"))
        sent = self._sent_bytes
        if self._is_encrypted:
            sent = event.sent_bytes or 0
        if sent:
            words.append(f"{count(sent, 'byte')} sent")
        text = ", ".join(word.replace(" ", NO_BREAK) for word in words)
        yield Row(event, text.replace(NO_BREAK, " ", 1))
