"""What a recording, a capture and a figure say of one connection."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from echolab import Called, Chunk, Diagnosed, Event
from echolab.lab.capture import Packet
from echolab.lab.conversations import packets_of
from echolab.lab.dissecting import Segment, dissect
from echolab.lab.layout import lay_out
from echolab.lab.ledger import End
from echolab.lab.segments import Flag

if TYPE_CHECKING:
    from echolab.lab.joining import Account

T = TypeVar("T")

ENDS = Flag.SYN | Flag.FIN | Flag.RST


class Ledger:
    """What a recording says of one connection.

    Args:
        events: its events.
        server_port: the server's port.
    """

    def __init__(self, events: list[Event], server_port: int) -> None:
        self.events = events
        made = [*packets_of(events)]
        # Over TLS, a capture has the ciphertext.
        made = [each for each in made if each.encrypted] or made
        packets = [dissect(each.data) for each in made]
        self.ends = ends([each for each in packets if each], server_port)
        encrypted = [each.data for each in self.calls("recv") if each.data is not None]
        self.received = b"".join(encrypted or [each.data for each in self.all(Chunk)])
        self.sent_bytes = sum(
            each.result for each in self.calls("send") if each.result > 0
        )

    def all(self, kind: type[T]) -> list[T]:
        return [each for each in self.events if isinstance(each, kind)]

    def calls(self, name: str) -> list[Called]:
        return [each for each in self.all(Called) if each.call == name]

    def states(self, end: str) -> list[str]:
        """Return what inet_diag told of an end."""
        return [each.state for each in self.all(Diagnosed) if each.end == end]


class Captured:
    """What a capture says of one connection; each packet is there once.

    Args:
        packets: its packets.
        server_port: the server's port.
    """

    def __init__(self, packets: list[Packet], server_port: int) -> None:
        self.packets = packets
        # A busy machine may send a FIN again, of which a recording knows nothing.
        first: dict[object, Packet] = {}
        for each in packets:
            key = each.source if each.flags & Flag.FIN else each.number
            first.setdefault(key, each)
        self.ends = ends([*first.values()], server_port)
        self._port = server_port

    def data(self, *, of_server: bool) -> bytes:
        """Put a stream together, by the sequence numbers."""
        found = bytearray()
        first: int | None = None
        for each in self.packets:
            if (each.source.port == self._port) != of_server:
                continue
            if each.flags & Flag.SYN:
                first = each.seq + 1
            elif each.length:
                assert first is not None
                assert each.data is not None
                at = (each.seq - first) % 2**32
                found[at : at + each.length] = each.data
        return bytes(found)

    def windows(self, *, of_server: bool) -> list[int]:
        return [
            each.window
            for each in self.packets
            if (each.source.port == self._port) == of_server
            and not each.flags & (Flag.SYN | Flag.RST)
        ]


def ends(packets: list[Packet] | list[Segment], server_port: int) -> list[str]:
    """Return each SYN, FIN and RST in order: ``client SYN``, ``server FIN``, …"""
    return [
        f"{'server' if each.source.port == server_port else 'client'} "
        f"{(each.flags & ENDS).name}"
        for each in packets
        if each.flags & ENDS
    ]


class Drawn(NamedTuple):
    """What the figure of a connection says.

    Attributes:
        ends: like those of `Ledger`.
        moved: how many bytes went to each end.
    """

    ends: list[str]
    moved: Counter[str]


def drawn(account: Account) -> Drawn:
    """Return what the figure of packets says."""
    arrows = [row.arrow for row in lay_out(account, "packets") if row.arrow]
    found = Drawn([], Counter())
    for arrow in arrows:
        source = "server" if arrow.to is End.CLIENT else "client"
        found.ends.extend(
            f"{source} {flag}" for flag in re.findall("SYN|FIN|RST", arrow.label)
        )
        if arrow.span:
            found.moved[arrow.to.name] += arrow.span[1]
    # A FIN is drawn without the place of its bytes.
    last = {
        (entry.end, entry.what.seq): entry.what.length
        for entry in account.entries
        if isinstance(entry.what, Packet) and entry.what.flags & Flag.FIN
    }
    for (end, _), length in last.items():
        if length:
            found.moved[end.other.name] += length
    return found
