"""Join what the two ends of a connection tell, on one time axis.

On one machine, both programs share CLOCK_MONOTONIC. Clocks of two machines are put
together by the handshake: the server accepts about half a round trip after the client's
connect has returned.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from heapq import merge
from ipaddress import ip_address
from operator import attrgetter
from typing import TYPE_CHECKING

from echolab.events import Accepted, Called, Connected
from echolab.facts import SynSaved
from echolab.formats.figure_words import duration
from echolab.formats.syn import sender_of
from echolab.hosts import unmapped
from echolab.lab.ledger import Data, End, Entry, Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echolab.addresses import Peer
    from echolab.lab.ledger import Told

__all__ = ["Account", "join"]

APART_SECONDS = 3600.0
"""Clocks that put accept and connect further apart than this are not shared."""
EARLY_SECONDS = 0.001
"""How much earlier than its connect an accept may seem, on one clock."""


@dataclass(frozen=True, slots=True)
class Account:
    """All that is known of a connection, of one end or of both.

    Attributes:
        client: the client's recording of it, if there is one.
        server: the server's recording of it, if there is one.
        entries: the entries of both, in order, on one axis.
        clocks: how the two axes became one: ``""`` for one recording.
        is_captured: whether the entries have the packets of a capture.
    """

    client: Side | None
    server: Side | None
    entries: tuple[Entry, ...]
    clocks: str = ""
    is_captured: bool = False

    @property
    def number(self) -> int:
        """The number of the connection in its recording: of the server, if known."""
        return (self.server or self._some).peer.number

    @property
    def was_made(self) -> bool:
        """Whether there was a connection, not only a try."""
        begins = Accepted | Connected
        return self.is_continued or any(
            isinstance(entry.what, begins) for entry in self.entries
        )

    @property
    def is_continued(self) -> bool:
        """Whether its beginning is not in the recording."""
        return self._some.is_continued

    @property
    def client_address(self) -> Peer | None:
        """The client's address, if known."""
        if self.server is not None:
            return self.server.peer
        return self._some.local

    @property
    def server_address(self) -> Peer | None:
        """The server's address, if known."""
        if self.client is not None:
            return self.client.peer
        return self._some.local

    @property
    def syn(self) -> SynSaved | None:
        """The client's SYN, if the kernel has kept it."""
        whats = (entry.what for entry in self.entries)
        return next((what for what in whats if isinstance(what, SynSaved)), None)

    @property
    def sender(self) -> Peer | None:
        """From where the client's packets come: from a balancer, if one is between."""
        client, syn = self.client_address, self.syn
        return (
            client if client is None or syn is None else sender_of(client, syn.packet)
        )

    @property
    def has_packets(self) -> bool:
        """Whether it is one of TCP: a UNIX socket has no packets."""
        address = self.client_address or self.server_address
        return address is not None and address.family != "UNIX"

    @property
    def _some(self) -> Side:
        side = self.server or self.client
        assert side is not None, "an account has a side"
        return side

    def side(self, end: End) -> Side | None:
        """Return the recording of an end, if there is one."""
        return self.client if end is End.CLIENT else self.server


def join(recordings: Sequence[Iterable[Side]]) -> list[Account]:
    """Make accounts of the connections of all recordings, in their order."""
    sides = [side for recording in recordings for side in recording]
    servers: dict[object, list[Side]] = defaultdict(list)
    for side in sides:
        if side.end is End.SERVER and (ends := _ends(side)) is not None:
            servers[ends].append(side)
    clients: dict[int, Side] = {}  # by the id of the server's side
    for side in sides:
        if side.end is End.CLIENT and (ends := _ends(side)) is not None:
            found = [each for each in servers[ends] if id(each) not in clients]
            if found:
                clients[id(min(found, key=partial(_apart, side)))] = side
    joined = {id(side) for side in clients.values()}
    return [
        _account(clients.get(id(side)), side)
        if side.end is End.SERVER
        else _account(side, None)
        for side in sides
        if id(side) not in joined
    ]


def _ends(side: Side) -> object | None:
    """Return what names a connection at both of its ends; None if unknown."""
    local, peer = side.local, side.peer
    if peer.family == "UNIX":
        client = peer if side.end is End.SERVER else local
        if client is None or client.pid is None:
            return None
        return peer.path, client.pid
    if local is None:
        return None
    ends = _address(local), _address(peer)
    return ends if side.end is End.CLIENT else ends[::-1]


def _address(peer: Peer) -> object:
    """Return the address; IPv4 in IPv6 is the same as IPv4."""
    return unmapped(peer.host or ""), peer.port


def _apart(client: Side, server: Side) -> float:
    return abs(_began(server) - _began(client))


def _began(side: Side) -> float:
    """Return when a connection began, by the time of day."""
    for entry in side.entries:
        if isinstance(entry.what, Accepted | Connected):
            return entry.what.time
    return 0.0


def _account(client: Side | None, server: Side | None) -> Account:
    if client is None or server is None:
        some = client or server
        return Account(client, server, tuple(_in_order(some)) if some else ())
    ahead, clocks = _clocks(client, server)
    moved = (_moved(each, ahead) for each in _in_order(server))
    both = merge(_in_order(client), moved, key=attrgetter("time"))
    return Account(client, server, tuple(both), clocks)


def _in_order(side: Side) -> list[Entry]:
    """Return the entries of a side and of its listening socket in order.

    A recording may have told of the first calls late, when the connection was known.
    """
    return sorted([*side.listener, *side.entries], key=attrgetter("time"))


def _moved(entry: Entry, seconds: float) -> Entry:
    if not seconds:
        return entry
    return replace(
        entry, earliest=entry.earliest + seconds, latest=entry.latest + seconds
    )


def _clocks(client: Side, server: Side) -> tuple[float, str]:
    """Return what to add to the server's times, and how that is known."""
    share_a_clock = client.has_monotonic == server.has_monotonic
    if client.peer.family == "UNIX" and client.has_monotonic and share_a_clock:
        return 0.0, "one machine, one clock"
    if share_a_clock and _on_one_machine(client) and _is_plausible(client, server):
        if client.has_monotonic:
            return 0.0, "one machine, one clock"
        return 0.0, "one machine, by its time of day"
    trip = _round_trip(client)
    connected = _connected(client)
    ahead = connected + trip / 2 - _accepted(server)
    least, most = _bounds(client, server)
    if least <= most:
        ahead = min(max(ahead, least), most)
    return ahead, f"two clocks, put together by a handshake of {duration(trip)}"


def _on_one_machine(client: Side) -> bool:
    """Whether the addresses say that both ends are on one machine."""
    if client.peer.family == "UNIX":
        return True
    ends = client.local, client.peer
    hosts = [each.host for each in ends if each is not None and each.host is not None]
    if len(hosts) < len(ends):
        return False
    return hosts[0] == hosts[1] or all(map(_is_loopback, hosts))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(unmapped(host)).is_loopback
    except ValueError:
        return False


def _is_plausible(client: Side, server: Side) -> bool:
    """Whether the server accepts after the client's connect, on the same clock."""
    early = _connected(client) - _round_trip(client) - EARLY_SECONDS
    return early <= _accepted(server) <= early + APART_SECONDS


def _accepted(server: Side) -> float:
    """Return when the server accepted."""
    return min(
        entry.latest
        for entry in server.entries
        if isinstance(entry.what, Accepted) or _has_made(entry.what, "accept")
    )


def _connected(client: Side) -> float:
    """Return when the client was connected."""
    return min(
        entry.latest
        for entry in client.entries
        if isinstance(entry.what, Connected) or _has_made(entry.what, "connect")
    )


def _has_made(what: Told, call: str) -> bool:
    return isinstance(what, Called) and what.call == call and not what.errno


def _round_trip(client: Side) -> float:
    """Return how long the connect took that made the connection; 0 if unknown."""
    connected = _connected(client)
    began = connected
    for entry, call in client.find("connect"):
        if entry.earliest <= connected and call.errno in {"", "EINPROGRESS"}:
            under_way = began < connected and not call.errno
            began = began if under_way else entry.earliest
    return max(0.0, connected - began)


def _bounds(client: Side, server: Side) -> tuple[float, float]:
    """Return between which limits the server's clock may be moved.

    No byte is read before it is written.
    """
    least = _latest_lead(_moments(client, "write"), _moments(server, "read"))
    most = -_latest_lead(_moments(server, "write"), _moments(client, "read"))
    return least, most


def _moments(side: Side, kind: str) -> list[tuple[int, float]]:
    """Return how many bytes were read or written, and when."""
    moments = []
    for entry in side.entries:
        what = entry.what
        if isinstance(what, Data) and what.kind == kind:
            moments.append((what.start + what.size, entry.latest))
    return moments


def _latest_lead(
    written: list[tuple[int, float]], read: list[tuple[int, float]]
) -> float:
    """Return the most by which a write comes after the read of its last byte."""
    lead = float("-inf")
    reads = iter(read)
    total, when = 0, 0.0
    for size, time in written:
        while total < size:
            try:
                total, when = next(reads)
            except StopIteration:
                return lead
        lead = max(lead, time - when)
    return lead
