"""Put the packets of a capture onto the axis of the connections that they are of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from echolab.events import Accepted, Connected
from echolab.hosts import unmapped
from echolab.lab.ledger import End, Entry
from echolab.lab.reading import HEAD_BYTES
from echolab.lab.segments import Flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echolab.addresses import Peer
    from echolab.lab.capture import Packet
    from echolab.lab.joining import Account

__all__ = ["with_packets"]

EARLY_SECONDS, LATE_SECONDS = 5.0, 70.0
"""How long before and after a connection its packets may have been captured."""


def with_packets(
    accounts: Sequence[Account], packets: Iterable[Packet]
) -> list[Account]:
    """Return accounts with the packets that belong to them."""
    wanted = {ends for account in accounts if (ends := _ends(account)) is not None}
    found: dict[object, list[tuple[End, Packet]]] = defaultdict(list)
    for packet in packets:
        source, target = _address(*packet.source), _address(*packet.target)
        for end, ends in (
            (End.CLIENT, (source, target)),
            (End.SERVER, (target, source)),
        ):
            if ends in wanted:
                head = packet.data and packet.data[:HEAD_BYTES]
                found[ends].append((end, packet._replace(data=head)))
    return [_with(account, found.get(_ends(account), [])) for account in accounts]


def _ends(account: Account) -> object | None:
    client, server = account.sender, account.server_address
    if client is None or server is None or client.family == "UNIX":
        return None
    return _peer_address(client), _peer_address(server)


def _peer_address(peer: Peer) -> object:
    return _address(peer.host or "", peer.port or 0)


def _address(host: object, port: int) -> object:
    return unmapped(str(host)), port


def _with(account: Account, found: Sequence[tuple[End, Packet]]) -> Account:
    """Return an account with its packets, on its own axis.

    A capture has the time of day, and so have the beginnings that programs record. The
    beginning that is nearest to the capture's is of the same machine.
    """
    begins = [
        (entry.what.time, entry.latest)
        for entry in account.entries
        if isinstance(entry.what, Accepted | Connected)
    ]
    if not begins or not found:
        return account
    (time, at), own = min(
        ((begin, part) for begin in begins for part in _parts(found)),
        key=lambda each: abs(each[1][0][1].time - each[0][0]),
    )
    last = max(entry.latest for entry in account.entries) - at + time
    entries = [
        Entry(packet.time - time + at, packet.time - time + at, end, packet, "capture")
        for end, packet in own
        if time - EARLY_SECONDS <= packet.time <= last + LATE_SECONDS
    ]
    if not entries:
        return account
    both = sorted([*account.entries, *entries], key=attrgetter("time"))
    return replace(account, entries=tuple(both), is_captured=True)


def _parts(found: Sequence[tuple[End, Packet]]) -> list[list[tuple[End, Packet]]]:
    """Sort packets between the same ends by connection: each has its own first number.

    The same one may be in several captures.
    """
    parts: dict[int | None, list[tuple[End, Packet]]] = defaultdict(list)
    number: int | None = None
    for end, packet in found:
        if packet.flags & (Flag.SYN | Flag.ACK) == Flag.SYN:
            number = packet.seq
        parts[number].append((end, packet))
    return [*parts.values()]
