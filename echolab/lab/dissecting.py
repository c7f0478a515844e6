"""Read TCP segments out of IP packets; whoever made them is not trusted."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from echolab.formats.syn import tcp_options
from echolab.lab.segments import Address, End, Flag

__all__ = ["Segment", "dissect"]

IPV4, IPV6, TCP = 4, 6, 6
IPV4_HEADER, IPV6_HEADER, TCP_HEADER = 20, 40, 20
OFFSET_OF_FRAGMENT = 0x1FFF
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
WINDOW_SCALE = 3
MOST_SCALE = 14
FLAGS = 0x1F


class Segment(NamedTuple):
    """A TCP segment.

    Attributes:
        source: its sender.
        target: its receiver.
        flags: what it is.
        seq: its sequence number.
        ack: the next byte that its sender expects, if it has `Flag.ACK`.
        window: as its header has it: not scaled.
        scale: by how many bits the sender's later windows are shifted; None if the
            segment does not say: only a SYN does.
        length: how many bytes of data it has.
        data: its data; None if the capture has only a part of it.
    """

    source: End
    target: End
    flags: Flag
    seq: int
    ack: int
    window: int
    scale: int | None
    length: int
    data: bytes | None


def dissect(packet: bytes, missing: int = 0) -> Segment | None:
    """Return the segment in an IP packet; None if there is none, or not its header.

    Args:
        packet: an IP packet, or as much of it as was captured. What follows its end is
            ignored.
        missing: how many bytes of it were not captured.
    """
    version = packet[0] >> 4 if packet else 0
    if version == IPV4:
        return _of_ipv4(packet, missing)
    if version == IPV6:
        return _of_ipv6(packet, missing)
    return None


def _of_ipv4(packet: bytes, missing: int) -> Segment | None:
    if len(packet) < IPV4_HEADER:
        return None
    words, total, fragment, protocol = struct.unpack_from("!BxHxxHxB", packet)
    start = (words & 15) * 4
    if protocol != TCP or fragment & OFFSET_OF_FRAGMENT or start < IPV4_HEADER:
        return None
    # A packet that the network card is to cut may have no length yet.
    length = (total or len(packet) + missing) - start
    hosts = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
    return _of_tcp(hosts, packet[start:], length)


def _of_ipv6(packet: bytes, missing: int) -> Segment | None:
    if len(packet) < IPV6_HEADER:
        return None
    payload, following = struct.unpack_from("!HB", packet, 4)
    length = payload or len(packet) + missing - IPV6_HEADER
    at = IPV6_HEADER
    while following != TCP:
        if len(packet) < at + 8:
            return None
        if following == FRAGMENT:
            if struct.unpack_from("!H", packet, at + 2)[0] >> 3:
                return None
            size = 8
        elif following in (HOP_BY_HOP, ROUTING, DESTINATION):
            size = packet[at + 1] * 8 + 8
        else:
            return None
        following = packet[at]
        at += size
        length -= size
    hosts = IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
    return _of_tcp(hosts, packet[at:], length)


def _of_tcp(
    hosts: tuple[Address, Address], segment: bytes, length: int
) -> Segment | None:
    if min(len(segment), length) < TCP_HEADER:
        return None
    ports_and_more = struct.unpack_from("!HHIIBBH", segment)
    source, target, seq, ack, words, flags, window = ports_and_more
    start = (words >> 4) * 4
    if not TCP_HEADER <= start <= length:
        return None
    data = segment[start:length]
    return Segment(
        End(hosts[0], source),
        End(hosts[1], target),
        Flag(flags & FLAGS),
        seq,
        ack,
        window,
        _scale(segment[TCP_HEADER:start]) if flags & Flag.SYN else None,
        length - start,
        data if len(data) == length - start else None,
    )


def _scale(options: bytes) -> int | None:
    """Return what the window is shifted by, if the options of a SYN say it."""
    for kind, value in tcp_options(options):
        if kind == WINDOW_SCALE and len(value) == 1:
            return min(value[0], MOST_SCALE)
    return None
