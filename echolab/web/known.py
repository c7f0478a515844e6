"""What is known of one connection: its latest events, and its first ones."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from echolab.events import (
    Accepted,
    Chunk,
    Finished,
    HalfClosed,
    Introduced,
    LeftOut,
    Misbehaved,
    Mistaken,
    Received,
    Sent,
)
from echolab.web.packing import Packer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.addresses import Peer
    from echolab.events import Event
    from echolab.web.packing import Packed
    from echolab.web.port_events import PortEvents
    from echolab.web.watched import WatchedConnection

__all__ = ["Known", "Numbered"]

FIRST_EVENTS = 60
"""So many events of a connection's beginning are kept, in half of its bytes."""
MOST_EVENTS = 1000
ALWAYS_KEPT = frozenset(
    {Accepted, HalfClosed, Introduced, Misbehaved, Mistaken, Finished}
)
"""A connection that is skimmed has these events too."""


class Numbered(NamedTuple):
    """A kept event, and its number among all events of the server."""

    number: int
    event: Event
    size: int


class Known:
    """One connection: its kept events, and whether it is followed closely.

    Args:
        connection: the connection.
        peer: its peer.
        ports: the events of the listening sockets.

    Attributes:
        number: the number of its peer.
        peer: its peer.
        connection: the connection; None when it has ended.
        revision: grows with each event that is kept.
        is_skimmed: whether most events are not kept.
        shift_seconds: what the times of its events are set ahead, since the clock of
            the machine was set.
        has_half_closed: whether the peer has ended its side.
        began: when it was accepted, in POSIX seconds.
    """

    __slots__ = (
        "_bytes",
        "_counted",
        "_dropped",
        "_first",
        "_latest",
        "_left_out",
        "_pack",
        "_ports",
        "_received_bytes",
        "_sent_bytes",
        "_taken",
        "_told",
        "began",
        "connection",
        "has_half_closed",
        "is_skimmed",
        "number",
        "peer",
        "revision",
        "shift_seconds",
    )

    def __init__(
        self, connection: WatchedConnection, peer: Peer, ports: PortEvents
    ) -> None:
        self.number = peer.number
        self.peer = peer
        self.connection: WatchedConnection | None = connection
        self.revision = 0
        self.is_skimmed = connection.is_skimmed
        self.has_half_closed = False
        self.began = 0.0
        self.shift_seconds = 0.0
        self._ports = ports
        self._pack = Packer()
        self._first: list[Numbered] = []
        self._dropped = LeftOut(peer, 0.0, 0, 0, 0)  # between the first and the latest
        self._latest: deque[Numbered] = deque()
        self._bytes = 0
        # How many bytes the kept and the dropped events have told of.
        self._received_bytes = self._sent_bytes = 0
        self._taken = 0  # events that came
        self._counted = 0  # events until this second
        self._left_out = 0  # events that came and were not kept
        self._told = 0  # events that were not kept and that a `LeftOut` tells of

    @property
    def is_open(self) -> bool:
        """Whether the connection has not ended."""
        return self.connection is not None

    def take(self, number: int, event: Event, most_bytes: int) -> Packed | None:
        """Take the next event; return it as it is kept, or None.

        Args:
            number: its number among all events.
            event: the event.
            most_bytes: how many bytes the kept events may take.
        """
        if self.is_skimmed:
            if type(event) not in ALWAYS_KEPT:
                self.skip()
                return None
            self._note_skipped(number, event.time, most_bytes)
        self._taken += 1
        self._note(event)
        return self._keep(number, event, most_bytes)

    def skip(self) -> None:
        """Do not keep the next event, but count it."""
        self._taken += 1
        self._left_out += 1

    @property
    def _skimmed(self) -> int:
        """How many events its connection has counted instead."""
        return self.connection.skimmed_events if self.connection is not None else 0

    @property
    def left_out(self) -> int:
        """How many events were not kept while it was skimmed."""
        return self._left_out + self._skimmed

    @property
    def events_now(self) -> int:
        """How many events there were in this second."""
        return self._taken + self._skimmed - self._counted

    def next_second(self) -> None:
        """Begin a new second."""
        self._counted = self._taken + self._skimmed

    def _note(self, event: Event) -> None:
        """Note what an event tells of the connection."""
        match event:
            case Chunk(data=data):
                self._received_bytes += len(data)
            case Sent(data=data):
                self._sent_bytes += len(data)
            case Accepted(time=time):
                self.began = time
            case HalfClosed():
                self.has_half_closed = True
            case Finished():
                self._left_out = self.left_out
                self.connection = None
            case _:
                pass

    def _keep(self, number: int, event: Event, most_bytes: int) -> Packed:
        packed = self._pack(event)
        kept = Numbered(number, *packed)
        self.revision += 1
        self._bytes += kept.size
        is_first = len(self._first) < FIRST_EVENTS and self._bytes <= most_bytes // 2
        if is_first and not self._latest:
            self._first.append(kept)
        else:
            self._latest.append(kept)
            self.trim(most_bytes)
        return packed

    def trim(self, most_bytes: int) -> None:
        """Drop the oldest of the latest events, until all take ``most_bytes``."""
        latest = self._latest
        while latest and (self._bytes > most_bytes or len(latest) > MOST_EVENTS):
            oldest = latest.popleft()
            self._bytes -= oldest.size
            self._drop(oldest.event)

    def _drop(self, event: Event) -> None:
        events, received, sent = 1, 0, 0
        match event:
            case Chunk(data=data):
                received = len(data)
            case Sent(data=data):
                sent = len(data)
            case LeftOut(events=events, received_bytes=received, sent_bytes=sent):
                pass
            case _:
                pass
        before = self._dropped
        self._dropped = LeftOut(
            self.peer,
            event.time,
            before.events + events,
            before.received_bytes + received,
            before.sent_bytes + sent,
        )

    def skim(self) -> None:
        """Keep only the few events that tell how it goes, until `follow`."""
        self.is_skimmed = True

    def follow(self, number: int, most_bytes: int) -> None:
        """Keep the events again.

        Args:
            number: the number of the last event of the server.
            most_bytes: see `take`.
        """
        if self.is_skimmed and self.connection is not None:
            self._note_skipped(number, self._now(), most_bytes)
            self.is_skimmed = False

    def _note_skipped(self, number: int, time: float, most_bytes: int) -> None:
        """Keep what is known of the events since `skim`, if there were any."""
        left = self._left(time)
        if left is not None:
            self._told = self.left_out
            self._received_bytes += left.received_bytes
            self._sent_bytes += left.sent_bytes
            self._keep(number, left, most_bytes)

    def _now(self) -> float:
        """Return the time now, as events of the connection have it."""
        assert self.connection is not None
        return self.connection.now() + self.shift_seconds

    def _left(self, time: float) -> LeftOut | None:
        """Return what the events since `skim` were, if there were any."""
        connection, skipped = self.connection, self.left_out - self._told
        if connection is None or not skipped:
            return None
        # At a late end, bytes that were read count as unread instead.
        received = max(0, connection.received_bytes - self._received_bytes)
        sent = connection.sent_bytes - self._sent_bytes
        return LeftOut(self.peer, time, skipped, received, sent)

    def numbered(self) -> Iterator[tuple[int, Event]]:
        """Yield the kept events, with their numbers, and `LeftOut` for each gap.

        All that comes after the first events is of one moment, however slowly it is
        taken: nothing is missing in it without a `LeftOut`.
        """
        for number, event, _ in self._first:
            yield number, event
        dropped, latest, left = self._dropped, [*self._latest], None
        if self.is_skimmed and self.connection is not None:
            left = self._left(self._now())
        if dropped.events:
            yield self._first[-1].number if self._first else 0, dropped
        number = 0
        for number, event, _ in latest:
            yield number, event
        if left is not None:
            yield number, left

    def events(self) -> list[Event]:
        """Return the kept events, after those of its listening socket until then."""
        kept = [*self.numbered()]
        first = kept[0][0] if kept else 0
        before = self._ports.before(first)
        return [*before, *(event for _, event in kept)]

    def since(self, taken: int) -> Iterator[tuple[int, Event]]:
        """Yield the kept messages, received and sent, after an event's number."""
        for number, event in self.numbered():
            if number > taken and isinstance(event, Received | Sent):
                yield number, event
