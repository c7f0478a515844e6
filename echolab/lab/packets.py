"""Rows of captured packets: what each of them says, and how they fold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.lab.kernel import ACK
from echolab.lab.labels import packet_arrow
from echolab.lab.rows import Row
from echolab.lab.segments import Flag

if TYPE_CHECKING:
    from echolab.lab.capture import Packet
    from echolab.lab.ledger import End, Entry

__all__ = ["PacketView"]

ALL_NUMBERS = 1 << 32
"""Sequence numbers begin again after so many."""
MARKS = Flag.SYN | Flag.FIN | Flag.RST


class PacketView:
    """Turn captured packets into rows, each with what the ones before it say of it."""

    def __init__(self) -> None:
        self._next: dict[End, int] = {}  # the next sequence number of each end
        self._talks = False  # whether a packet had data

    def row(self, entry: Entry, packet: Packet) -> Row:
        """Return the row of the next packet."""
        arrow = packet_arrow(packet, entry.end.other)
        marked = bool(packet.flags & MARKS)
        end = packet.seq + packet.length
        end += bool(packet.flags & Flag.SYN) + bool(packet.flags & Flag.FIN)
        new = (end - self._next.get(entry.end, packet.seq)) % ALL_NUMBERS
        is_old = new == 0 or new >= ALL_NUMBERS // 2
        if not is_old or entry.end not in self._next:
            self._next[entry.end] = end % ALL_NUMBERS
        folds = ""
        if marked:
            # A FIN is not folded, even if it has data.
            label = f"{arrow.label}, again" if is_old and packet.length else arrow.label
            arrow = replace(arrow, label=label, span=None)
        elif packet.length and is_old:
            # Sent again, or captured twice: these bytes are not counted again.
            arrow = replace(arrow, label=f"{arrow.label}, again", span=None)
            folds = "packet again"
        elif packet.length:
            folds = "packet"
        elif arrow.label == ACK:
            is_probe = new == ALL_NUMBERS - 1
            more = ", probe" if is_probe else "" if packet.window else ", window 0"
            arrow = replace(arrow, label=f"{ACK}{more}")
            # What is called ACK in a fold is deduced, and not counted.
            folds = arrow.label if more else "bare ACK"
            folds = folds if self._talks else ""
        self._talks = self._talks or bool(packet.length)
        return Row(entry.time, arrow=arrow, folds=folds, of_capture=True)
