"""Number the connections of several receivers as if one had accepted them all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from echolab.carrying.latest import Latest
from echolab.events import Finished

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echolab.addresses import Peer
    from echolab.carrying.schema import Carried
    from echolab.events import Event

__all__ = ["Numbering"]

_Key: TypeAlias = tuple[str, str, int]

MOST_OPEN = 1 << 20
MOST_ENDED = 1 << 10
"""The kernel says something of a connection even after its end."""


class Numbering:
    """Gives each connection of each run of each receiver a number of its own.

    It counts the connections in the order of their first events. So what a single
    server has carried has that server's numbers again. From the second receiver on,
    peers name their receiver.

    Args:
        most_open: how many connections are known; if there are more, the one that was
            silent for longest is forgotten, and seems to be a new one when it goes on.
        most_ended: how many connections are known after their end.
    """

    def __init__(
        self, most_open: int = MOST_OPEN, most_ended: int = MOST_ENDED
    ) -> None:
        self._count = 0
        self._open: Latest[_Key, int] = Latest(most_open)
        self._ended: Latest[_Key, int] = Latest(most_ended)
        self._first: str | None = None
        self._several = False

    def __call__(self, carried: Carried, events: Sequence[Event]) -> Iterator[Event]:
        """Yield events of a message, with their peers as they are named here.

        Args:
            carried: the message.
            events: its events, or some of them.
        """
        first, self._first = self._first, self._first or carried.receiver
        self._several |= first not in {None, carried.receiver}
        peer: Peer | None = None
        for event in events:
            if peer is None:
                peer = self._named(carried, event.peer)
            yield event if peer is event.peer else replace(event, peer=peer)
            if isinstance(event, Finished):
                self._end((carried.receiver, carried.run, event.peer.number))

    def _end(self, key: _Key) -> None:
        if (number := self._open.pop(key, None)) is not None:
            self._ended.put(key, number)

    def _named(self, carried: Carried, peer: Peer) -> Peer:
        receiver = peer.receiver
        if receiver is None and self._several:
            receiver = carried.receiver
        if not peer.number:
            return replace(peer, receiver=receiver)
        key = carried.receiver, carried.run, peer.number
        number = self._ended.get(key) or self._open.get(key)
        if number is None:
            self._count = number = self._count + 1
        if key not in self._ended:
            self._open.put(key, number)
        if (number, receiver) == (peer.number, peer.receiver):
            return peer
        return replace(peer, number=number, receiver=receiver)
