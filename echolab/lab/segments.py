"""Make TCP segments in IP packets."""

from __future__ import annotations

import enum
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeAlias

from typing_extensions import override

from echolab.addresses import host_and_port

__all__ = ["MOST_DATA", "Address", "End", "Flag", "segment"]

Address: TypeAlias = IPv4Address | IPv6Address

IPV4, IPV6, TCP = 4, 6, 6
DONT_FRAGMENT = 0x4000
HOPS = 64
TCP_HEADER = 20
MOST_DATA = 65_000
"""How many bytes of data fit into one packet, whatever its headers are."""


class Flag(enum.IntFlag):
    """The flags of a TCP header (RFC 9293)."""

    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16


class End(NamedTuple):
    """One end of a connection."""

    host: Address
    port: int

    @override
    def __str__(self) -> str:
        """``127.0.0.1:60612``, ``[::1]:60612``."""
        return host_and_port(str(self.host), self.port)


def segment(
    source: End,
    target: End,
    flags: Flag,
    *,
    seq: int,
    ack: int = 0,
    window: int,
    options: bytes = b"",
    data: bytes = b"",
) -> bytes:
    """Return an IP packet with right checksums.

    Args:
        source: its sender; its host has the version of the target's.
        target: its receiver.
        flags: what it is.
        seq: its sequence number.
        ack: the next byte that its sender expects; with `Flag.ACK`.
        window: the field of the header: not scaled.
        options: TCP options; a multiple of four bytes.
        data: its bytes, `MOST_DATA` at most.
    """
    words = (TCP_HEADER + len(options)) // 4
    tcp = struct.pack(
        "!HHIIBBHHH",
        *(source.port, target.port),
        seq,
        ack,
        words << 4,
        flags,
        window,
        0,
        0,
    )
    tcp += options + data
    hosts = source.host.packed + target.host.packed
    checksum = _checksum(hosts + struct.pack("!II", len(tcp), TCP) + tcp)
    tcp = tcp[:16] + struct.pack("!H", checksum) + tcp[18:]
    if source.host.version == IPV6:
        return struct.pack("!IHBB", IPV6 << 28, len(tcp), TCP, HOPS) + hosts + tcp
    length = 20 + len(tcp)
    head = struct.pack("!BBHHHBB", 0x45, 0, length, 0, DONT_FRAGMENT, HOPS, TCP)
    checksum = _checksum(head + hosts)
    return head + struct.pack("!H", checksum) + hosts + tcp


def _checksum(data: bytes) -> int:
    """Return the checksum of the Internet (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    # The sum of 16-bit words with the carries added again: a remainder, since
    # 65,536 leaves 1.
    return 0xFFFF - (int.from_bytes(padded, "big") % 0xFFFF or 0xFFFF)
