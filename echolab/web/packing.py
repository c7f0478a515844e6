"""Events as they are kept: with bytes of their own, in as little memory as can be.

A read gets a block of 64 KiB, which is then cut to what has come, in its place. If such
bytes are kept, the heap has a hole of nearly 64 KiB behind each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from echolab.events import Called, Chunk, Received, Sent
from echolab.facts import Sampled
from echolab.messages import Batch, Lines

if TYPE_CHECKING:
    from echolab.events import Event
    from echolab.messages import Messages

__all__ = ["Packed", "Packer"]

EVENT_BYTES = 300
"""About what an event takes in memory, besides bytes of the network."""
LONG_EVENT_BYTES = 500
"""The same for one with many members."""


class Packed(NamedTuple):
    """An event as it is kept, and about how many bytes of memory it takes."""

    event: Event
    size: int


class Packer:
    """Packs the events of one connection."""

    __slots__ = ("_chunk",)

    def __init__(self) -> None:
        self._chunk = b""  # the last, whose messages come next

    def __call__(self, event: Event) -> Packed:
        """Return an event as it is to be kept."""
        match event:
            case Chunk(peer=peer, time=time, data=data):
                self._chunk = own = _own(data)
                return Packed(Chunk(peer, time, own), EVENT_BYTES + len(own))
            case Received(peer=peer, time=time, messages=messages):
                packed, size = self._packed(messages)
                return Packed(Received(peer, time, packed), EVENT_BYTES + size)
            case Sent(peer=peer, time=time, data=data):
                sent = Sent(peer, time, _own(data), event.taken_bytes, event.answers)
                return Packed(sent, EVENT_BYTES + len(data))
            case Sampled() | Called():
                return Packed(event, LONG_EVENT_BYTES)
            case _:
                return Packed(event, EVENT_BYTES)

    def _packed(self, messages: Messages) -> tuple[Messages, int]:
        chunk, self._chunk = self._chunk, b""
        if isinstance(messages, Lines):
            block, mark = messages.block, messages.mark
            if block == chunk:  # The same bytes are kept once.
                return Lines(chunk, mark), 0
            return Lines(_own(block), mark), len(block)
        own = tuple(map(_own, messages))
        return Batch(own, messages.mark), sum(map(len, own))


def _own(data: bytes) -> bytes:
    """Return a copy, in a block of its own size."""
    return bytes(memoryview(data))
