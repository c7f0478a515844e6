"""The client's SYN, as the kernel of a server keeps it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from echolab.hosts import unmapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.addresses import Peer

__all__ = ["sender_of", "syn_options", "tcp_options"]

IPV4, IPV6 = 4, 6
SOURCES = {IPV4: slice(12, 16), IPV6: slice(8, 24)}
IPV6_HEADER = 40
TCP_HEADER = 20
END, NOTHING, MSS = 0, 1, 2
SHORT = 2
KIND_AND_SIZE = 2


def syn_options(packet: bytes) -> str:
    """Return what a SYN says of its sender: ``, MSS 65495``; "" if nothing.

    Args:
        packet: the IP header and the TCP header. Anybody may have written them.
    """
    tcp = _tcp_header(packet)
    options = tcp[TCP_HEADER : (tcp[12] >> 4) * 4] if tcp else b""
    for kind, value in tcp_options(options):
        if kind == MSS and len(value) == SHORT:
            return f", MSS {int.from_bytes(value)}"
    return ""


def sender_of(peer: Peer, packet: bytes) -> Peer:
    """Return from where a client's SYN came: from a balancer, if that is between.

    Args:
        peer: the client.
        packet: the IP header and the TCP header.
    """
    tcp = _tcp_header(packet)
    if not tcp or peer.host is None:
        return peer
    source = ip_address(packet[SOURCES[packet[0] >> 4]])
    port = int.from_bytes(tcp[:2])
    host = unmapped(peer.host.partition("%")[0])
    if (host, peer.port) == (str(source), port):
        return peer
    return replace(peer, family=f"IPv{source.version}", host=str(source), port=port)


def _tcp_header(packet: bytes) -> bytes:
    """Return the TCP header of a packet; nothing if there is none."""
    version = packet[0] >> 4 if packet else 0
    if version not in SOURCES:
        return b""
    tcp = packet[(packet[0] & 15) * 4 if version == IPV4 else IPV6_HEADER :]
    return tcp if len(tcp) >= TCP_HEADER else b""


def tcp_options(options: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the value of each option of a TCP header (RFC 9293, 3.1).

    Args:
        options: what stands behind the fixed header. Anybody may have written it.
    """
    at = 0
    while at < len(options) and options[at] != END:
        if options[at] == NOTHING:
            at += 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if size > KIND_AND_SIZE and at + size <= len(options):
            yield options[at], options[at + KIND_AND_SIZE : at + size]
        at += max(size, KIND_AND_SIZE)
