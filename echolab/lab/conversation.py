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
    Received,
    Sent,
)
from echolab.facts import Diagnosed, Sampled
from echolab.lab.dissecting import dissect
from echolab.lab.made_up import SCALE, ends_of
from echolab.lab.segments import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event
    from echolab.facts import SynSaved
    from echolab.lab.made_up import MadePacket, Side
    from echolab.lab.places import Places

__all__ = ["Conversation"]

NO_OPERATION_AND_SCALE = bytes([1, 3, 3])
BROKEN = {"ECONNRESET", "EPIPE"}
"""What calls say of a connection that the peer has reset."""
ACKNOWLEDGED = {"FIN_WAIT_2", "TIME_WAIT"}
"""In these states, the peer has acknowledged this side's end too."""
CLOSED_BY_PEER = {"CLOSE_WAIT", "LAST_ACK", "CLOSING"}
"""In these states, the peer's end has come."""
OURS = {EndCause.STOPPED, EndCause.IDLE, EndCause.MALFORMED, EndCause.OVERLONG}
"""The end causes with which this side closes."""
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

    Attributes:
        over: whether nothing more can come.
    """

    def __init__(
        self,
        begun: Accepted | Connected,
        places: Places,
        syn: SynSaved | None = None,
        asked: float | None = None,
    ) -> None:
        self._begun = begun
        self._time = begun.time if asked is None else asked
        self._syn = syn if syn and len(syn.packet) <= MOST_PACKET else None
        self._note = places.note
        # Other numbers in each connection: the same addresses may come again.
        self._peer, self._own = ends_of(places.peer, places.own, begun.peer.number)
        self._first = 0  # this side's sequence number where acked_bytes begin
        self._calls = False  # whether there were any
        self._shut = False  # whether shutdown was called
        self._read: int | None = None  # what the last read returned
        self._waited = ""  # how long its bytes had waited
        self._changed = False  # whether the socket has other bytes: TLS, PROXY
        self._counted = False  # whether the kernel has told of acknowledged bytes
        self._unread = 0
        self._peer_closed = False  # whether the kernel has said so
        self._end_read = False  # whether the peer's end was read, but is not written
        self._given = self._taken = 0  # bytes: by echolab, by the kernel
        self._waiting = b""
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
        self._time = max(self._time, event.time)
        if self._end_read and not isinstance(event, Chunk | Received | Sampled):
            yield from self._end_of_peer()
        match event:
            case Chunk(data=data):
                self._changed |= self._read not in (None, len(data))
                what = f"the bytes of one read{self._waited}"
                yield from self._peer.send(self._time, data, what)
                yield from self._own.acknowledge(self._time)
            case Sent(data=data, taken_bytes=taken):
                yield from self._sent(data, taken)
            case HalfClosed():
                yield from self._end_of_peer()
            case Called():
                self._calls = True
                yield from self._called(event)
            case Sampled():
                yield from self._sampled(event)
            case Diagnosed(end="own"):
                yield from self._diagnosed(event.state)
            case Finished():
                yield from self._finished(event)
            case _:
                pass

    def _sent(self, data: bytes, taken: int | None) -> Iterator[MadePacket]:
        reported = self._begun.local is not None  # whether calls are
        if reported and taken is not None:
            self._waiting += data
            self._given += len(data)
            self._taken = max(self._taken, taken)
            yield from self._leave()
        else:
            self._changed |= reported
            yield from self._own.send(self._time, data, "the bytes of one write")
            yield from self._acknowledged()

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
            case "recv" | "recvmsg" if not event.errno and self._changed:
                self._end_read = True  # TLS may still have bytes.
            case "recv" | "recvmsg" if not event.errno:
                yield from self._end_of_peer()
            case "send" if event.result > 0:
                self._taken += event.result
                yield from self._leave()
            case "shutdown":
                self._shut = True
                if event.result == 0 and event.arguments != "SHUT_RD":
                    yield from self._end_of_own(f"shutdown({event.arguments})")
            case "close" if self._unread:
                yield self._reset(self._own, f"close, {self._unread} bytes unread")
            case "close" if not self._shut:
                yield self._reset(self._own, "close without shutdown")
            case _:
                pass
        if event.errno in BROKEN:
            yield self._reset(self._peer, f"{event.call} said {event.errno}")

    def _sampled(self, event: Sampled) -> Iterator[MadePacket]:
        self._unread = event.unread_bytes
        self._peer_closed = event.state in CLOSED_BY_PEER
        if event.state == "CLOSED" and self._calls and not self._own.ended:
            yield self._reset(self._peer, "the kernel says CLOSED")
            return
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

    def _diagnosed(self, state: str) -> Iterator[MadePacket]:
        """Yield what the state of this side's end tells after its close."""
        why = f", deduced from {state}"
        both = self._own.ended and self._peer.ended
        if state in ACKNOWLEDGED or (state == "CLOSED" and both):
            yield from self._peer.acknowledge(self._time, why)
        if state == "TIME_WAIT":
            yield from self._end_of_peer(why)
        self.over = self._peer.ended and self._own.ended

    def _end_of_peer(self, why: str = "") -> Iterator[MadePacket]:
        self._end_read = False
        if not self._peer.ended:
            yield self._peer.finish(self._time, f"the peer's end{why}")
            yield from self._own.acknowledge(self._time)

    def _end_of_own(self, why: str) -> Iterator[MadePacket]:
        if self._peer_closed and not self._unread:
            yield from self._end_of_peer(", deduced from CLOSE_WAIT")
        if not self._own.ended:
            yield self._own.finish(self._time, why + self._lost())
            yield from self._acknowledged()

    def _reset(self, side: Side, why: str) -> MadePacket:
        self.over = True
        return side.packet(self._time, Flag.RST | Flag.ACK, why + self._lost())

    def _lost(self) -> str:
        """Return what is to be said of bytes that the kernel never took."""
        lost = len(self._waiting)
        return f"; {lost} bytes of this side were never sent" if lost else ""

    def _finished(self, event: Finished) -> Iterator[MadePacket]:
        """Yield the ends that no call has told of."""
        if event.cause is EndCause.RESET and not (self._calls and self._peer.ended):
            yield self._reset(self._peer, event.detail or "reset")
            return
        if event.cause is EndCause.EOF:
            yield from self._end_of_peer()
        if self._calls:
            return
        if event.cause in OURS and event.unread_bytes:
            yield self._reset(self._own, f"close, {event.unread_bytes} bytes unread")
        elif event.cause in {*OURS, EndCause.EOF}:
            yield from self._end_of_own("close")
        self.over = True
