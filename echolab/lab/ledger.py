"""Ledgers: all that is known of a connection, on one time axis.

A recording becomes one `Side` per connection (`echolab.lab.reading`). Two sides of one
connection, from the recordings of its server and of its client, become one account
(`echolab.lab.joining`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from echolab.events import Called, Event
from echolab.lab.capture import Packet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.addresses import Peer

__all__ = [
    "RECEIVES",
    "SENDS",
    "Certainty",
    "Data",
    "End",
    "Entry",
    "Side",
    "Source",
    "Told",
]

Source: TypeAlias = Literal["app", "sample", "diag", "capture"]
Certainty: TypeAlias = Literal["exact", "between", "deduced"]

SENDS, RECEIVES = {"send", "sendmsg"}, {"recv", "recvmsg"}
"""The calls that move bytes."""
_WHILE_CALLING = {*SENDS, "connect", "shutdown", "close"}
"""Calls that the peer may notice before they return."""


class End(enum.Enum):
    """An end of a connection: a lane of a figure."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> End:
        """The end at the other side."""
        return End.SERVER if self is End.CLIENT else End.CLIENT


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes that a program has read or written.

    Attributes:
        kind: ``read``, ``write``, or ``messages``, if only messages were recorded.
        start: how many bytes of this connection and direction came before.
        size: how many bytes these are; of messages, without what separates them.
        head: the first of them.
        taken: of a write: how many bytes of its direction the kernel had taken
            before; None if that is unknown.
    """

    kind: Literal["read", "write", "messages"]
    start: int
    size: int
    head: bytes
    taken: int | None = None


Told: TypeAlias = Event | Data | Packet


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger.

    Attributes:
        earliest: when it happened at the earliest, in seconds on the axis.
        latest: when it happened at the latest.
        end: whose entry it is.
        what: what happened.
        source: ``app`` for the program, ``sample`` and ``diag`` for the kernel,
            ``capture`` for a capture of packets.
        certainty: ``exact``; ``between`` if it happened between the two times;
            ``deduced`` if nobody saw it.
        of_listener: whether it is of the listening socket, not of this connection.
    """

    earliest: float
    latest: float
    end: End
    what: Told
    source: Source = "app"
    certainty: Certainty = "exact"
    of_listener: bool = False

    @property
    def time(self) -> float:
        """Where it stands on the axis.

        A send stands where it began, since its bytes may arrive before it returns; a
        recv stands where it returned.
        """
        what = self.what
        early = isinstance(what, Called) and what.call in _WHILE_CALLING
        return self.earliest if early else self.latest


@dataclass(slots=True)
class Side:
    """A connection as one recording tells it.

    Attributes:
        end: whose recording it is.
        peer: the other end; its number is the number in the recording.
        local: this end, if the recording has it.
        entries: in order.
        has_monotonic: whether the times are those of CLOCK_MONOTONIC; otherwise they
            are POSIX seconds.
        listener: entries of the listening socket: of a server.
        queued: the first look at the accept queue that had this connection in it.
        is_continued: whether its beginning is missing, as after a rotation. Only
            servers rotate their recordings.
    """

    end: End
    peer: Peer
    local: Peer | None = None
    entries: list[Entry] = field(default_factory=list)
    has_monotonic: bool = False
    listener: list[Entry] = field(default_factory=list)
    queued: Entry | None = None
    is_continued: bool = False

    def find(self, *calls: str) -> Iterator[tuple[Entry, Called]]:
        """Yield the calls of these names."""
        for entry in self.entries:
            if isinstance(entry.what, Called) and entry.what.call in calls:
                yield entry, entry.what
