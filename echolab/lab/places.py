"""The addresses of a connection's ends in made-up packets."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, NamedTuple

from echolab.events import Accepted
from echolab.lab.segments import Address, End

if TYPE_CHECKING:
    from echolab.addresses import Peer
    from echolab.events import Connected

__all__ = ["Places", "places_of", "plain_text_places"]

LOOPBACK = IPv4Address("127.0.0.1")
DOCUMENTATION: dict[int, Address] = {
    4: IPv4Address("192.0.2.1"),
    6: IPv6Address("2001:db8::1"),
}
"""Addresses that nobody has (RFC 5737, RFC 3849)."""
SERVER_PORT = 1
"""The port of a server that has none, or whose port is unknown."""
PLAIN_TEXT_PORT = 2
"""The port of a server for the plain text of a connection over TLS."""
CLIENT_PORTS = range(1024, 65536)


class Places(NamedTuple):
    """Both ends of a connection.

    Attributes:
        peer: the peer's end.
        own: this side's end.
        note: which of the addresses are made up; "" if none is.
    """

    peer: End
    own: End
    note: str


def places_of(begun: Accepted | Connected) -> Places:
    """Return the ends of a connection; what is not known of them is made up."""
    peer, local = begun.peer, begun.local
    there, here = _host(peer), _host(local)
    if there is None:
        # A UNIX socket, or an address of another kind.
        there = here = LOOPBACK
        note = f"The addresses are made up, since this was {peer}. "
    elif here is None or here.version != there.version:
        here = there if there.is_loopback else DOCUMENTATION[there.version]
        note = "This side's address is made up: the recording does not have it. "
    else:
        return Places(_end(peer, there, 0), _end(local, here, 0), "")
    client = CLIENT_PORTS[peer.number % len(CLIENT_PORTS)]
    if isinstance(begun, Accepted):
        return Places(_end(peer, there, client), End(here, SERVER_PORT), note)
    return Places(_end(peer, there, SERVER_PORT), End(here, client), note)


def plain_text_places(begun: Accepted | Connected) -> Places:
    """Return ends for the plain text of a connection whose ciphertext has its own.

    Wireshark takes the same two ends for one stream, also on two interfaces: it would
    mix the plain text with the ciphertext. So the server has another port.
    """
    places = places_of(begun)
    if isinstance(begun, Accepted):
        server, moved = places.own, "own"
    else:
        server, moved = places.peer, "peer"
    note = f"The server's port is made up: {server} has the ciphertext. "
    end = End(server.host, PLAIN_TEXT_PORT)
    return places._replace(**{moved: end}, note=places.note + note)


def _end(peer: Peer | None, host: Address, port: int) -> End:
    """Return an end; ``port`` is for one that has none."""
    return End(host, port if peer is None or peer.port is None else peer.port)


def _host(peer: Peer | None) -> Address | None:
    """Return the address of a peer as it stands in a packet, if it has one."""
    if peer is None or peer.host is None:
        return None
    try:
        host = ip_address(peer.host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(host, IPv6Address) and host.ipv4_mapped is not None:
        return host.ipv4_mapped
    return host
