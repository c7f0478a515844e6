"""The format that draws each connection while it happens: calls beside packets."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echolab.counting import count
from echolab.events import (
    Accepted,
    Called,
    Chunk,
    Connected,
    Finished,
    Misbehaved,
    Mistaken,
    Refused,
    Sent,
    Unanswered,
)
from echolab.facts import Diagnosed, Listening, Sampled, SynSaved
from echolab.formats.figure_words import cells, clock_time, duration, harmless, size
from echolab.formats.flow_rows import (
    ARROW_CELLS,
    BETWEEN,
    DEDUCED,
    SEEN,
    arrow,
    as_called,
    end_name,
    labelled,
    take,
)
from echolab.formats.style import Needs, Style
from echolab.formats.syn import syn_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event

__all__ = ["Flow"]

TIME_CELLS = 10
"""With a read of 64 KiB and the number of its connection, a row has 80 cells."""
LEGEND = "──── seen   ─ ─  between two looks   ···· deduced\n"
RESETS = {"ECONNRESET", "ECONNREFUSED"}
QUIET = {"EAGAIN", "EINPROGRESS"}
ASCII = str.maketrans("│─·◀▶…µ", "|-.<>.u")


@dataclass(slots=True)
class _Lane:
    """What is known of one connection.

    Attributes:
        named: whether its line with the addresses is printed.
        accept: the call that accepted it, until that is shown.
        recv: the last read, until its bytes are known.
        later: what the kernel has said since that.
        unsent: the bytes that were given to the transport, not to the kernel yet.
        reads: how many reads returned bytes.
        sent_bytes: how many bytes the kernel has taken.
        has_ended: whether this side has ended, or tried to.
        sample: what the kernel said last of this end.
        told: the state of either end that was told last.
    """

    named: bool = False
    accept: Called | None = None
    recv: Called | None = None
    later: list[Sampled | Diagnosed] = field(default_factory=list)
    unsent: deque[memoryview] = field(default_factory=deque)
    reads: int = 0
    sent_bytes: int = 0
    has_ended: bool = False
    sample: Sampled | None = None
    told: str = ""


class Flow:
    """Two lanes for each connection: what travels, and the calls of this side.

    Solid arrows were seen; dashed ones lie between two looks at the kernel; dotted
    ones are deduced. Times are seconds since the first event of all.

    Args:
        style: how peers are shown; ``unicode``: whether lines and arrows may be drawn
            with other characters than those of ASCII.

    Attributes:
        needs: see `Needs`.
    """

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        self._lanes: dict[int, _Lane] = {}
        self._began: float | None = None
        self.needs = Needs(chunks=True, sent=True, ledger=True)

    def __call__(self, event: Event) -> bytes:
        """Return the lines to print for an event."""
        lines = ""
        if self._began is None:
            self._began = event.time
            if isinstance(event, Called):
                self._began -= event.seconds
            lines = LEGEND
        lines += "".join(f"{line}\n" for line in self._lines(event))
        if not self._style.unicode:
            lines = lines.translate(ASCII)
        return lines.encode()

    def _lines(self, event: Event) -> Iterator[str]:
        if isinstance(event, Refused):
            yield self._row(event, f"{event.cause.value}: {harmless(event.detail)}")
            return
        lane = self._lane(event)
        accepts = isinstance(event, Called) and event.call == "accept"
        if event.peer.number and not lane.named and not accepts:
            lane.named = True
            yield self._names(event)
        if lane.accept is not None and not isinstance(event, Accepted):
            yield from self._accepted(event, lane, lane.accept)
        if lane.recv is not None and isinstance(event, Called | Finished):
            yield from self._read(lane, b"")  # TLS needed it for itself.
        match event:
            case Called():
                yield from self._called(event, lane)
            case Chunk(data=data):
                yield from self._chunk(event, lane, data)
            case Sent(data=data):
                lane.unsent.append(memoryview(data))
            case Sampled() | Diagnosed() if lane.recv is not None:
                lane.later.append(event)
            case Sampled() | Diagnosed():
                yield from self._told(event, lane)
            case Listening(waiting=waiting, backlog=backlog) if waiting > 1:
                yield self._row(event, f"{waiting} of {backlog} wait to be accepted")
            case Unanswered(number=number):
                yield self._row(event, f"no answer fits message {number}")
            case Misbehaved(behaviour=behaviour):
                yield self._row(event, f"misbehaves: {behaviour}")
            case Mistaken(protocol=protocol):
                yield self._row(event, f"the client speaks {protocol}")
            case Finished():
                yield from self._finished(event, lane)
            case _:
                pass

    def _lane(self, event: Event) -> _Lane:
        """Return what is known of a connection; of one that has ended, nothing new."""
        number = event.peer.number
        if number not in self._lanes:
            if isinstance(event, Sampled | Diagnosed):
                return _Lane(named=True)
            self._lanes[number] = _Lane()
        return self._lanes[number]

    def _names(self, event: Event) -> str:
        """Return the line with the addresses, as far as they are known."""
        number, peer = f"#{event.peer.number}", harmless(str(event.peer))
        if not isinstance(event, Accepted | Connected) or event.local is None:
            return f"{number}  {peer}"
        here = "server" if isinstance(event, Accepted) else "client"
        gap = " " * max(2, TIME_CELLS + ARROW_CELLS + 4 - cells(number + peer))
        return f"{number}  {peer}{gap}this {here} {harmless(str(event.local))}"

    def _accepted(self, event: Event, lane: _Lane, call: Called) -> Iterator[str]:
        """Show the accept, with the client's SYN if the kernel has kept it."""
        lane.accept = None
        if isinstance(event, SynSaved):
            options = syn_options(event.packet)
            yield self._row(call, "", f"SYN{options}", SEEN, timed=False)
            yield self._row(call, "", "SYN, ACK", DEDUCED, out=True, timed=False)
            yield self._row(call, "", "ACK", DEDUCED, timed=False)
            yield self._row(call, as_called(call))
        else:
            yield self._row(call, as_called(call))

    def _called(self, call: Called, lane: _Lane) -> Iterator[str]:
        done = call.result >= 0 and not call.errno
        match call.call:
            case "accept" if done:
                lane.accept = call
            case "recv" | "recvmsg" if call.result > 0:
                lane.recv = call
            case "recv" | "recvmsg" if done:
                yield self._row(call, as_called(call), end_name(call), BETWEEN)
            case "connect" if done and call.peer.family != "UNIX":
                yield self._row(call, "", "SYN", DEDUCED, out=True, timed=False)
                yield self._row(call, "", "SYN, ACK", DEDUCED, timed=False)
                yield self._row(call, "", "ACK", DEDUCED, out=True, timed=False)
                yield self._row(call, as_called(call))
            case _ if call.errno in RESETS:
                yield self._row(call, as_called(call), "RST", BETWEEN)
            case "send" if call.result > 0:
                yield from self._sent(call, lane)
            case "shutdown" | "close" if call.peer.number:
                yield self._ended(call, lane)
            case "accept" if call.errno in QUIET:
                pass
            case _:
                yield self._row(call, as_called(call))

    def _ended(self, call: Called, lane: _Lane) -> str:
        """Show how this side ends: with its first shutdown; a close alone resets."""
        done = call.result >= 0 and not call.errno
        first, lane.has_ended = not lane.has_ended, True
        if not first or not done:
            return self._row(call, as_called(call))
        if call.call == "shutdown":
            return self._row(call, as_called(call), end_name(call), BETWEEN, out=True)
        if call.peer.family == "UNIX":
            return self._row(call, as_called(call))
        return self._row(call, as_called(call), "RST", DEDUCED, out=True)

    def _sent(self, call: Called, lane: _Lane) -> Iterator[str]:
        lane.sent_bytes += call.result
        label = size(call.result)
        taken = b""
        if call.result > sum(map(len, lane.unsent)):
            lane.unsent.clear()  # TLS has encrypted it.
        else:
            taken = take(lane.unsent, call.result)
        yield self._row(call, as_called(call), labelled(label, taken), SEEN, out=True)

    def _chunk(self, chunk: Chunk, lane: _Lane, data: bytes) -> Iterator[str]:
        lane.reads += 1
        if lane.recv is not None and lane.recv.result == len(data):
            yield from self._read(lane, data)
            return
        yield from self._read(lane, b"")
        # TLS has decrypted it, or there is no socket.
        yield self._row(chunk, labelled(size(len(data)), data))

    def _read(self, lane: _Lane, data: bytes) -> Iterator[str]:
        """Show the last recv, with its bytes if they are known."""
        call, lane.recv = lane.recv, None
        if call is None:
            return
        text = as_called(call)
        if call.waited_seconds is not None:
            text += f" waited {duration(call.waited_seconds)}"
        yield self._row(call, text, labelled(size(call.result), data), SEEN)
        later, lane.later = lane.later, []
        for fact in later:
            yield from self._told(fact, lane)

    def _told(self, fact: Sampled | Diagnosed, lane: _Lane) -> Iterator[str]:
        """Show what the kernel says, if it is news."""
        if isinstance(fact, Sampled):
            yield from self._sampled(fact, lane)
        elif fact.state not in ("ESTABLISHED", lane.told):
            lane.told = fact.state
            yield self._diagnosed(fact)

    def _sampled(self, sample: Sampled, lane: _Lane) -> Iterator[str]:
        before, lane.sample = lane.sample, sample
        if before is None:
            return
        if sample.state == "CLOSED" and not lane.has_ended:
            lane.has_ended = True
            yield self._row(sample, "", "RST", BETWEEN)
        # What is left of a closed connection, inet_diag tells.
        if sample.state not in (before.state, "CLOSED"):
            yield self._row(sample, sample.state)
        if again := sample.retransmits - before.retransmits:
            label = count(again, "retransmit")
            yield self._row(sample, "", label, BETWEEN, out=True)
        if sample.send_window == 0 and before.send_window:
            yield self._row(sample, "the peer's window is full")
        if before.send_window == 0 and sample.send_window:
            yield self._row(sample, "the peer's window is open again")

    def _diagnosed(self, fact: Diagnosed) -> str:
        whose = "" if fact.end == "own" else "the peer: "
        timer = ""
        if fact.state == "TIME_WAIT" and fact.timer_seconds is not None:
            timer = f" {duration(fact.timer_seconds)}"
        return self._row(fact, f"{whose}{fact.state}{timer}")

    def _finished(self, event: Finished, lane: _Lane) -> Iterator[str]:
        why = f" ({harmless(event.detail)})" if event.detail else ""
        words = [
            f"finished: {event.cause.value}{why}",
            f"{count(event.received_bytes, 'byte')} in {count(lane.reads, 'read')}",
        ]
        if event.messages is not None:
            words.append(count(event.messages, "message"))
        if lane.sent_bytes:
            words.append(f"{count(lane.sent_bytes, 'byte')} sent")
        yield self._row(event, ", ".join(words))
        del self._lanes[event.peer.number]

    def _row(
        self,
        event: Event,
        text: str,
        label: str = "",
        line: str = "",
        *,
        out: bool = False,
        timed: bool = True,
    ) -> str:
        """Return one line.

        Args:
            event: when it happened, and to whom.
            text: what this side did or learned.
            label: what travelled.
            line: how certain that is; empty for no arrow.
            out: whether it travelled to the peer.
            timed: whether it is known when.
        """
        number = ""
        if event.peer.number and self._style.label != "never":
            number = f"#{event.peer.number}"
        at = event.time - (self._began or 0.0)
        middle = arrow(label, line, out=out) if line else " " * ARROW_CELLS
        when = clock_time(max(0.0, at)) if timed else ""
        return f"{number:3}{when:>{TIME_CELLS}}  │{middle}│ {text}".rstrip()
