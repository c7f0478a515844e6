"""Read recordings: sort their events by connection, and put them on an axis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from echolab.addresses import ANY_IPV4, ANY_IPV6
from echolab.events import (
    Accepted,
    Called,
    Chunk,
    Connected,
    Finished,
    LeftOut,
    Received,
    Refused,
    Sent,
)
from echolab.facts import Diagnosed, Sampled
from echolab.formats.recording import read_recording
from echolab.lab.ledger import Data, End, Entry, Side
from echolab.lab.queueing import note_queued

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from echolab.addresses import Peer
    from echolab.events import Event
    from echolab.lab.ledger import Certainty, Source

__all__ = ["certainty_of", "read_sides", "sides_of"]

HEAD_BYTES = 64
"""How many bytes of each read and write a ledger keeps."""

FIRST = {"socket", "accept"}
"""Calls that come before a connection."""


def certainty_of(event: Event) -> Certainty:
    """Return how certain the time of an event is."""
    if isinstance(event, Called):
        return "exact" if event.exact else "between"
    return "between" if isinstance(event, Sampled | Diagnosed) else "exact"


def entry_of(event: Event, end: End, offset: float, data: Data | None = None) -> Entry:
    """Return the entry of an event.

    Args:
        event: the event.
        end: whose it is.
        offset: what to add to the event's time, for the axis.
        data: what to keep instead of the event.
    """
    latest = event.time + offset
    earliest = latest - event.seconds if isinstance(event, Called) else latest
    source: Source = getattr(event, "source", "app")
    return Entry(earliest, latest, end, data or event, source, certainty_of(event))


def read_sides(path: str | Path) -> list[Side]:
    """Read a recording: its connections, in the order in which they began.

    Raises:
        InputError: the file cannot be read, or is no recording.
    """
    return sides_of(read_recording(path))


def sides_of(events: Iterable[Event]) -> list[Side]:
    """Return the connections of a recording's events."""
    reader = _Reader()
    for event in events:
        reader.take(event)
    return reader.end()


@dataclass(slots=True)
class _Gathered:
    """The events of one connection, or of what came before it."""

    events: list[tuple[Event, Data | None]] = field(default_factory=list)
    received: int = 0
    sent: int = 0
    has_chunks: bool = False
    is_continued: bool = False

    def add(self, event: Event) -> None:
        match event:
            case Chunk(data=data):
                self.has_chunks = True
                kept = Data("read", self.received, len(data), data[:HEAD_BYTES])
                self.received += len(data)
                self.events.append((_without_bytes(event), kept))
            case Sent(data=data, taken_bytes=taken):
                kept = Data("write", self.sent, len(data), data[:HEAD_BYTES], taken)
                self.sent += len(data)
                self.events.append((_without_bytes(event), kept))
            case Received(messages=messages):
                if not self.has_chunks:
                    size = len(messages.join(b""))
                    first = next(iter(messages), b"")[:HEAD_BYTES]
                    kept = Data("messages", self.received, size, first)
                    self.received += size
                    self.events.append((_without_bytes(event), kept))
            case LeftOut():
                # What is not kept has chunks: the next messages may be of such bytes.
                self.has_chunks = True
                self.received += event.received_bytes
                self.sent += event.sent_bytes
                self.events.append((event, None))
            case _:
                self.events.append((event, None))

    def side(
        self, end: End, peer: Peer, local: Peer | None, ahead: float | None
    ) -> Side:
        """Return all as a side.

        Args:
            end: whose it is.
            peer: the other end.
            local: this end.
            ahead: what CLOCK_MONOTONIC is ahead of the time of day, as the recording
                says it elsewhere.
        """
        side = Side(end, peer, local, is_continued=self.is_continued)
        first = next((each for each, _ in self.events if _has_both(each)), None)
        offset = ahead if first is None else _ahead(first)
        side.has_monotonic = offset is not None
        timed = iter([each for each, _ in self.events if _has_both(each)])
        following = next(timed, None)
        for event, data in self.events:
            if event is following:
                offset, following = _ahead(event), next(timed, None)
            elif following is not None and offset is not None:
                after = _ahead(following)
                if event.time + offset > following.time + after:
                    offset = after  # The clock was set forward before this event.
            side.entries.append(entry_of(event, end, offset or 0.0, data))
        return side


def _has_both(event: Event) -> bool:
    """Whether an event has its time on both clocks."""
    return getattr(event, "monotonic", None) is not None


def _ahead(event: Event) -> float:
    """Return what CLOCK_MONOTONIC is ahead of the time of day: usually below 0."""
    assert isinstance(event, Accepted | Connected | Called)
    assert event.monotonic is not None
    return event.monotonic - event.time


def _without_bytes(event: Chunk | Sent | Received) -> Event:
    """Return an event of the same time that holds no bytes."""
    return Chunk(event.peer, event.time, b"")


class _Reader:
    """Sort the events of a recording by connection."""

    def __init__(self) -> None:
        self._waiting: dict[object, _Gathered] = {}  # before a connection, by address
        self._open: dict[int, _Gathered] = {}
        self._ended: dict[int, _Gathered] = {}
        self._sides: list[tuple[_Gathered, End, Peer, Peer | None]] = []
        self._listeners: list[tuple[Peer, _Gathered]] = []
        self._ahead: float | None = None

    def take(self, event: Event) -> None:
        """Take the next event."""
        peer = event.peer
        if isinstance(event, Refused):
            return
        if self._ahead is None and _has_both(event):
            self._ahead = _ahead(event)
        if isinstance(event, Accepted | Connected):
            end = End.SERVER if isinstance(event, Accepted) else End.CLIENT
            # A connect to a UNIX socket does not know the server's process yet.
            asked = replace(peer, pid=None) if end is End.CLIENT else peer
            gathered = self._waiting.pop(address_of(asked), None) or _Gathered()
            self._open[peer.number] = gathered
            self._sides.append((gathered, end, peer, event.local))
        else:
            gathered = self._continued(event) or self._gathered(event)
        gathered.add(event)
        if isinstance(event, Finished):
            self._open.pop(peer.number, None)
            self._ended[peer.number] = gathered
        elif isinstance(event, Called) and event.call == "listen":
            self._listeners.append((peer, gathered))

    def _continued(self, event: Event) -> _Gathered | None:
        """Return a connection that has begun before the recording, if this shows it."""
        peer = event.peer
        known = peer.number in self._open or peer.number in self._ended
        tells = isinstance(event, Chunk | Sent | Received | Finished | LeftOut)
        if known or not (tells and peer.number):
            return None
        gathered = self._waiting.pop(address_of(peer), None) or _Gathered()
        gathered.is_continued = True
        self._open[peer.number] = gathered
        self._sides.append((gathered, End.SERVER, peer, None))
        return gathered

    def _gathered(self, event: Event) -> _Gathered:
        """Return where an event belongs: to a connection, or before one."""
        number, call = event.peer.number, getattr(event, "call", "")
        if number in self._open and call not in FIRST:
            return self._open[number]
        if number in self._ended and not call:
            return self._ended[number]  # The kernel tells what remains of it.
        address = address_of(event.peer)
        known = self._waiting.get(address)
        listens = any(known is each for _, each in self._listeners)
        if known is None or (call == "socket" and listens):
            known = self._waiting[address] = _Gathered()
        return known

    def end(self) -> list[Side]:
        """Return all connections, and what was tried and has become none."""
        sides = []
        listeners = [
            (peer, self._listener(peer, gathered)) for peer, gathered in self._listeners
        ]
        for gathered, end, peer, local in self._sides:
            side = gathered.side(end, peer, local, self._ahead)
            if end is End.SERVER:
                side.listener = _of_listener(listeners, side)
            sides.append(side)
        note_queued(sides)
        for gathered in self._waiting.values():
            for event, _ in gathered.events:
                if isinstance(event, Called) and event.call == "connect":
                    peer = event.peer
                    sides.append(gathered.side(End.CLIENT, peer, None, self._ahead))
                    break
        return sides

    def _listener(self, peer: Peer, gathered: _Gathered) -> list[Entry]:
        """Return the entries of a listening socket: all its connections share them."""
        entries = gathered.side(End.SERVER, peer, None, self._ahead).entries
        return [replace(entry, of_listener=True) for entry in entries]


def _of_listener(
    listeners: Iterable[tuple[Peer, list[Entry]]], side: Side
) -> list[Entry]:
    """Return the entries of the listening socket that has accepted a connection."""
    began = side.entries[0].latest
    found: list[Entry] = []
    for peer, entries in listeners:
        if _listens_for(peer, side) and entries[0].latest <= began:
            found = entries
    return found


def address_of(peer: Peer) -> object:
    """Return what two peers at the same address have in common."""
    return peer.family, peer.host, peer.port, peer.path, peer.pid


def _listens_for(peer: Peer, side: Side) -> bool:
    local = side.local
    if peer.family == "UNIX":
        return peer.path == (local or side.peer).path
    if local is None or peer.port != local.port:
        return False
    return peer.host in {local.host, ANY_IPV4, ANY_IPV6}
