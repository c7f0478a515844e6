"""The clients that have introduced themselves, and what was taken from each."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = [
    "MOST_NUMBER",
    "Clients",
    "Introduction",
    "Taken",
    "begins_introduction",
    "introduction_in",
]

MOST_NUMBER = 2**63 - 1
MOST_IDLE = 1 << 16
"""So many clients without a connection are remembered."""


_WORD = b"echolab-client "
_INTRODUCTION = re.compile(rb"echolab-client ([A-Za-z0-9._-]{1,64}) ([1-9]\d{0,18})")


class Introduction(NamedTuple):
    """How a client introduces itself: its id, and the number of its next message."""

    client: str
    first: int


def introduction_in(message: bytes) -> Introduction | None:
    """Read an introduction; None if the message is none."""
    found = _INTRODUCTION.fullmatch(message)
    if found is None or (first := int(found[2])) > MOST_NUMBER:
        return None
    return Introduction(found[1].decode(), first)


def begins_introduction(message: bytes) -> bool:
    """Whether a message without an end is the start of an introduction."""
    return _WORD.startswith(message) or message.startswith(_WORD)


class Taken:
    """What was taken from one client, on all its connections.

    Attributes:
        number: the highest number of a message that was taken.
        pieces: how many pieces of the next message were taken.
        reported: the highest number that all sinks were given.
        durable: the highest number that all outputs have durably.
        connections: how many connections the client has.
    """

    __slots__ = ("connections", "durable", "number", "pieces", "reported")

    def __init__(self) -> None:
        self.number = 0
        self.pieces = 0
        self.reported = 0
        self.durable = 0
        self.connections = 0

    def begin(self, first: int) -> None:
        """Note that the client needs nothing before a number any more."""
        if first - 1 > self.number:
            self.number = first - 1
            self.pieces = 0
            self.reported = first - 1


class Clients:
    """What is known of each client; those without a connection are forgotten in time.

    Args:
        most_idle: how many clients without a connection are remembered: the last ones.
    """

    def __init__(self, most_idle: int = MOST_IDLE) -> None:
        self._most_idle = most_idle
        self._connected: dict[Hashable, Taken] = {}
        self._idle: OrderedDict[Hashable, Taken] = OrderedDict()

    def enter(self, client: Hashable) -> Taken:
        """Return what is known of a client, which has a connection more."""
        taken = self._connected.get(client) or self._idle.pop(client, None) or Taken()
        taken.connections += 1
        self._connected[client] = taken
        return taken

    def leave(self, client: Hashable) -> None:
        """Note that a client has a connection less."""
        taken = self._connected[client]
        taken.connections -= 1
        if taken.connections:
            return
        self._idle[client] = self._connected.pop(client)
        if len(self._idle) > self._most_idle:
            self._idle.popitem(last=False)
