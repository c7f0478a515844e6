"""Packets with made-up headers: the two ends of a connection, and what they send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from echolab.counting import count
from echolab.lab.segments import MOST_DATA, End, Flag, segment

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MADE_UP", "SCALE", "MadePacket", "Side", "ends_of"]

SCALE = 7
"""How made-up windows are shifted: so they can be eight megabytes."""
LARGEST = 0xFFFF
MOST_SEQ = 1 << 32
MADE_UP = "made-up header"


class MadePacket(NamedTuple):
    """A packet for a capture.

    Attributes:
        time: when, in POSIX seconds.
        data: its bytes from the IP header on.
        comment: what is true of it, and what is made up.
        encrypted: whether it is of the ciphertext of a connection over TLS.
    """

    time: float
    data: bytes
    comment: str
    encrypted: bool = False


@dataclass(slots=True)
class Side:
    """One end of a connection, and what it has sent.

    Attributes:
        end: its address.
        seq: its next sequence number.
        acked: the other's sequence number up to which it has acknowledged.
        window: how many bytes it takes.
        scale: how its windows are shifted.
        ended: whether it has sent its FIN.
        missing: how many bytes before its next packet were not kept.
        exact: whether that is their number; otherwise, there were more.
        other: the other end.
    """

    end: End
    seq: int
    acked: int = 0
    window: int = LARGEST
    scale: int = SCALE
    ended: bool = False
    missing: int = 0
    exact: bool = True
    _other: Side | None = field(default=None, repr=False)

    @property
    def other(self) -> Side:
        """The other end."""
        assert self._other is not None
        return self._other

    def face(self, other: Side) -> None:
        """Make this and another side the two ends of a connection."""
        self._other, other._other = other, self

    def packet(
        self,
        time: float,
        flags: Flag,
        comment: str,
        *,
        data: bytes = b"",
        options: bytes = b"",
    ) -> MadePacket:
        """Return a packet from this side to the other."""
        window = self.window
        if not flags & Flag.SYN:  # The windows of those are not scaled.
            window = -(-window >> self.scale)
        packet = segment(
            self.end,
            self.other.end,
            flags,
            seq=self.seq,
            ack=self.acked if flags & Flag.ACK else 0,
            window=min(window, LARGEST),
            options=options,
            data=data,
        )
        counted = len(data) + bool(flags & (Flag.SYN | Flag.FIN))
        self.seq = (self.seq + counted) % MOST_SEQ
        missing, self.missing = self.missing, 0
        if missing:
            least = "" if self.exact else "at least "
            comment += f"; {least}{count(missing, 'byte')} before it were not kept"
        return MadePacket(time, packet, f"{MADE_UP}: {comment}")

    def skip(self, number: int) -> None:
        """Go on behind bytes that were not kept: its next packet says so."""
        self.seq = (self.seq + number) % MOST_SEQ
        self.missing += number

    def send(self, time: float, data: bytes, what: str) -> Iterator[MadePacket]:
        """Yield the packets with these bytes: one, unless they are too many."""
        pieces = range(0, len(data), MOST_DATA)
        for at in pieces:
            part = f", from {at} on, of {len(data)}" if len(pieces) > 1 else ""
            piece = data[at : at + MOST_DATA]
            yield self.packet(time, Flag.PSH | Flag.ACK, what + part, data=piece)

    def acknowledge(self, time: float, why: str = "") -> Iterator[MadePacket]:
        """Yield an acknowledgement of all that the other has sent, if it is new."""
        yield from self.acknowledge_to(time, self.other.seq, f"acknowledgement{why}")

    def acknowledge_to(self, time: float, seq: int, why: str) -> Iterator[MadePacket]:
        """Yield an acknowledgement up to a number, if it is new and was sent."""
        seq %= MOST_SEQ
        more = (seq - self.acked) % MOST_SEQ
        if 0 < more <= (self.other.seq - self.acked) % MOST_SEQ:
            self.acked = seq
            yield self.packet(time, Flag.ACK, why)

    def finish(self, time: float, why: str) -> MadePacket:
        """Return the end of this side (FIN)."""
        self.ended = True
        return self.packet(time, Flag.FIN | Flag.ACK, why)


def ends_of(peer: End, own: End, first: int) -> tuple[Side, Side]:
    """Return both ends of a connection: the peer's and this side's.

    Args:
        peer: the peer's address.
        own: this side's address.
        first: the first sequence number of both.
    """
    sides = Side(peer, first % MOST_SEQ), Side(own, first % MOST_SEQ)
    sides[0].face(sides[1])
    return sides
