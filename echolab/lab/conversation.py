"""Turn the events of one connection into packets whose headers are made up.

True are the bytes, their cut into reads and writes, who ended, and when this side
saw all this. The sequence numbers, the acknowledgements of data that was read, and
the handshake are made up; if there is a client's saved SYN, that one is true. What
the peer has acknowledged, and the windows, are the kernel's, where it was asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.ends import EndCause
from echolab.events import (
    Accepted,
    Called,
    Chunk,
    Connected,
    Finished,
    HalfClosed,
    LeftOut,
    Received,
    Sent,
)
from echolab.facts import Diagnosed, Sampled
from echolab.formats.closing import Closing, Mark
from echolab.lab.dissecting import dissect
from echolab.lab.made_up import SCALE, ends_of
from echolab.lab.segments import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event
    from echolab.facts import SynSaved
    from echolab.lab.made_up import MadePacket
    from echolab.lab.places import Places

__all__ = ["Conversation"]

NO_OPERATION_AND_SCALE = bytes([1, 3, 3])
ACKNOWLEDGED = {"FIN_WAIT_2", "TIME_WAIT"}
"""In these states, the peer has acknowledged this side's end too."""
HANDSHAKE = "handshake"
MOST_PACKET = 0xFFFF
AFTER = ", {:.6f} s after the last of them had come"


class Conversation:
    """The packets of one connection, from its events.

    Args:
        begun: the event with which it begins.
        places: the addresses of its ends.
        syn: the client's SYN, if the kernel has saved it.
        asked: when a client called connect, if that is known.
        is_encrypted: whether it is of ciphertext: how much of that is not kept, is
            unknown.

    Attributes:
        over: whether nothing more can come.
    """

    def __init__(
        self,
        begun: Accepted | Connected,
        places: Places,
        syn: SynSaved | None = None,
        asked: float | None = None,
        *,
        is_encrypted: bool = False,
    ) -> None:
        self._begun = begun
        self._time = begun.time if asked is None else asked
        self._syn = syn if syn and len(syn.packet) <= MOST_PACKET else None
        self._note = places.note
        # Other numbers in each connection: the same addresses may come again.
        self._peer, self._own = ends_of(places.peer, places.own, begun.peer.number)
        self._is_encrypted = is_encrypted
        self._peer.exact = self._own.exact = not is_encrypted
        self._first = 0  # this side's sequence number where acked_bytes begin
        self._closing = Closing("own", "peer", after_bytes=True)
        self._calls = False  # whether there were any
        self._read: int | None = None  # what the last read returned
        self._waited = ""  # how long its bytes had waited
        self._changed = False  # whether the socket has other bytes: TLS, PROXY
        self._counted = False  # whether the kernel has told of acknowledged bytes
        self._ending: Mark[str] | None = None  # the peer's end, until it is written
        self._given = self._taken = 0  # bytes: by echolab, by the kernel
        self._waiting = b""
        self._unseen = False  # whether the latest calls were not kept
        self._unsure = False  # whether it is unknown how many bytes the kernel took
        self.over = False

    def open(self) -> Iterator[MadePacket]:
        """Yield the handshake."""
        sides = self._peer, self._own
        client, server = sides if isinstance(self._begun, Accepted) else sides[::-1]
        options = NO_OPERATION_AND_SCALE + bytes([SCALE])
        found = dissect(self._syn.packet) if self._syn else None
        who = f"peer {self._begun.peer.number}, {self._begun.peer}. {self._note}"
        if (
            self._syn
            and found
            and found.flags == Flag.SYN
            and (found.source, found.target) == (client.end, server.end)
        ):
            client.seq = found.seq
            client.scale = found.scale or 0
            if found.scale is None:
                server.scale, options = 0, b""
            packet = client.packet(self._time, Flag.SYN, "")
            comment = "the client's SYN as the kernel has saved it; it came earlier"
            yield packet._replace(data=self._syn.packet, comment=who + comment)
        else:
            packet = client.packet(self._time, Flag.SYN, HANDSHAKE, options=options)
            yield packet._replace(comment=who + packet.comment)
        self._time = max(self._time, self._begun.time)
        server.acked = client.seq
        yield server.packet(self._time, Flag.SYN | Flag.ACK, HANDSHAKE, options=options)
        client.acked = server.seq
        yield client.packet(self._time, Flag.ACK, HANDSHAKE)
        self._first = self._own.seq - (self._own is client)

    def take(self, event: Event) -> Iterator[MadePacket]:
        """Yield the packets of an event, in order of time."""
        if self.over:
            return
        if not isinstance(event, Chunk | Received | Sampled | LeftOut):
            yield from self._end_of_peer(self._ending)
        for mark in self._closing.take("own", event):
            # It may have travelled before the packets since then, as TIME_WAIT tells.
            self._time = max(self._time, mark.at.time)
            yield from self._closes(mark)
        if self.over:
            return
        self._time = max(self._time, event.time)
        match event:
            case Chunk(data=data):
                self._changed |= self._read not in (None, len(data))
                what = f"the bytes of one read{self._waited}"
                yield from self._peer.send(self._time, data, what)
                yield from self._own.acknowledge(self._time)
            case Sent(data=data, taken_bytes=taken):
                yield from self._sent(data, taken)
            case HalfClosed():
                yield from self._end_of_peer(Mark("peer", "FIN", event))
            case LeftOut():
                self._leave_out(event)
            case Called():
                self._calls, self._unseen = True, False
                yield from self._called(event)
            case Sampled():
                yield from self._sampled(event)
            case Diagnosed(end="own"):
                yield from self._acknowledged_end(event)
                self.over = self._own.ended and self._peer.ended
            case Finished():
                yield from self._finished(event)
            case _:
                pass

    def _sent(self, data: bytes, taken: int | None) -> Iterator[MadePacket]:
        reported = self._begun.local is not None  # whether calls are
        self._given += len(data)
        if reported and taken is not None and not self._unseen:
            self._waiting += data
            self._taken = taken if self._unsure else max(self._taken, taken)
            self._unsure = False
            yield from self._leave()
        else:
            self._changed |= reported and taken is None
            self._taken = self._given
            yield from self._own.send(self._time, data, "the bytes of one write")
            yield from self._acknowledged()

    def _leave_out(self, left: LeftOut) -> None:
        """Go on behind what was not kept, as if the kernel had taken all of it."""
        self._peer.skip(left.received_bytes)
        self._own.skip(len(self._waiting) + left.sent_bytes)
        self._given += left.sent_bytes
        self._taken, self._waiting = self._given, b""
        self._read, self._waited = None, ""
        # Of ciphertext, each send is recorded with its bytes.
        self._unseen = self._unsure = not self._is_encrypted

    def _leave(self) -> Iterator[MadePacket]:
        """Yield what the kernel has taken of the bytes that wait."""
        size = self._taken - (self._given - len(self._waiting))
        if size > 0 and self._waiting:
            data, self._waiting = self._waiting[:size], self._waiting[size:]
            yield from self._own.send(self._time, data, "the bytes of one send")
            yield from self._acknowledged()

    def _acknowledged(self) -> Iterator[MadePacket]:
        """Yield the peer's acknowledgement, unless the kernel tells when it came."""
        if self._changed or not self._counted:
            yield from self._peer.acknowledge(self._time)

    def _called(self, event: Called) -> Iterator[MadePacket]:
        match event.call:
            case "recv" | "recvmsg" if event.result > 0:
                self._read, waited = event.result, event.waited_seconds
                self._waited = "" if waited is None else AFTER.format(waited)
            case "send" if event.result > 0:
                self._taken += event.result
                yield from self._leave()
            case _:
                pass

    def _sampled(self, event: Sampled) -> Iterator[MadePacket]:
        windows = event.receive_window, event.send_window
        for side, window in zip((self._own, self._peer), windows, strict=True):
            if window is not None:
                before, side.window = side.window, window
                if bool(before) != bool(window):
                    yield side.packet(self._time, Flag.ACK, f"window {window}")
        if event.acked_bytes is not None:
            self._counted = True
            if not self._changed:
                there = self._first + event.acked_bytes
                why = "acknowledged by the peer (TCP_INFO)"
                yield from self._peer.acknowledge_to(self._time, there, why)

    def _acknowledged_end(self, fact: Diagnosed) -> Iterator[MadePacket]:
        """Yield what the state of this side's end tells of its acknowledgement."""
        both = self._own.ended and self._peer.ended
        if fact.state in ACKNOWLEDGED or (fact.state == "CLOSED" and both):
            why = f", deduced from {fact.state}"
            yield from self._peer.acknowledge(self._time, why)

    def _closes(self, mark: Mark[str]) -> Iterator[MadePacket]:
        """Yield a FIN or RST."""
        if mark.kind == "RST":
            self.over = True
            if mark.end is not None:
                side = self._own if mark.end == "own" else self._peer
                why = _told_by(mark) + self._lost()
                yield side.packet(self._time, Flag.RST | Flag.ACK, why)
        elif mark.end == "own":
            yield from self._end_of_peer(self._ending)
            yield self._own.finish(self._time, _told_by(mark) + self._lost())
            yield from self._acknowledged()
        elif self._changed or isinstance(mark.at, Sampled):
            self._ending = mark  # The last bytes, or those of TLS, are still to come.
        else:
            yield from self._end_of_peer(mark)

    def _end_of_peer(self, mark: Mark[str] | None) -> Iterator[MadePacket]:
        self._ending = None
        if mark is None or self._peer.ended:
            return
        if isinstance(mark.at, Diagnosed):
            yield from self._acknowledged_end(mark.at)
        yield self._peer.finish(self._time, f"the peer's end, {_told_by(mark)}")
        yield from self._own.acknowledge(self._time)

    def _lost(self) -> str:
        """Return what is to be said of bytes that the kernel never took."""
        lost = len(self._waiting)
        return f"; {lost} bytes of this side were never sent" if lost else ""

    def _finished(self, event: Finished) -> Iterator[MadePacket]:
        """Yield the peer's end if no call has told of it: that of TLS."""
        if event.cause is EndCause.EOF:
            yield from self._end_of_peer(Mark("peer", "FIN", event))
        self.over = not self._calls


def _told_by(mark: Mark[str]) -> str:
    """Return what has told of a FIN or RST."""
    match mark.at:
        case Called(call=name, errno=errno) if errno:
            return f"{name} said {errno}"
        case Called(call=name, arguments=arguments):
            return f"{name}({arguments})"
        case Sampled(state=state) | Diagnosed(state=state):
            return f"deduced from {state}"
        case Finished(cause=cause, detail=detail):
            return f"deduced from the end: {detail or cause.value}"
        case _:
            return "the end of the stream was read"
