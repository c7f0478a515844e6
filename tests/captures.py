"""A small reader of captures in pcapng, and a check of the TCP in them."""

from __future__ import annotations

import struct
from collections import defaultdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


class Found(NamedTuple):
    """A packet of a capture."""

    interface: int
    ticks: int
    data: bytes
    comment: str


class Tcp(NamedTuple):
    """An IP packet with a TCP segment; its checksums were right."""

    source: str
    target: str
    flags: int
    seq: int
    ack: int
    window: int
    data: bytes

    @property
    def named(self) -> str:
        """Its flags as tcpdump shows them."""
        names = zip("FSRP.", (FIN, SYN, RST, PSH, ACK), strict=True)
        return "".join(name for name, bit in names if self.flags & bit)


def blocks(capture: bytes) -> list[tuple[int, bytes]]:
    """Return the kind and the body of each block."""
    found, at = [], 0
    while at < len(capture):
        kind, length = struct.unpack_from("<II", capture, at)
        assert length % 4 == 0
        assert capture[at + length - 4 : at + length] == struct.pack("<I", length)
        found.append((kind, capture[at + 8 : at + length - 4]))
        at += length
    return found


def options(data: bytes) -> dict[int, bytes]:
    """Return the values of options by their codes."""
    found: dict[int, bytes] = {}
    at = 0
    while True:
        code, length = struct.unpack_from("<HH", data, at)
        if not code:
            assert at + 4 == len(data)
            return found
        found[code] = data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4


def packets(capture: bytes) -> list[Found]:
    """Return the packets of all interfaces."""
    found = []
    for kind, body in blocks(capture):
        if kind == 6:
            interface, high, low, length, whole = struct.unpack_from("<IIIII", body)
            assert length == whole
            rest = body[20 + length + -length % 4 :]
            comment = options(rest)[1].decode()
            data = body[20 : 20 + length]
            found.append(Found(interface, high << 32 | low, data, comment))
    return found


def _sum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2]))
    if len(data) % 2:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def tcp(packet: bytes, *, checked: bool = True) -> Tcp:
    """Take an IP packet apart."""
    if packet[0] >> 4 == 4:
        assert packet[9] == 6
        assert int.from_bytes(packet[2:4], "big") == len(packet)
        if checked:
            assert _sum(packet[:20]) == 0xFFFF
        hosts, segment = packet[12:20], packet[20:]
    else:
        assert packet[6] == 6
        assert int.from_bytes(packet[4:6], "big") == len(packet) - 40
        hosts, segment = packet[8:40], packet[40:]
    if checked:
        pseudo = hosts + struct.pack("!II", len(segment), 6)
        assert _sum(pseudo + segment) == 0xFFFF
    half = len(hosts) // 2
    source, target, seq, ack, words, flags, window = struct.unpack_from(
        "!HHIIBBH", segment
    )
    return Tcp(
        f"{ip_address(hosts[:half])}:{source}",
        f"{ip_address(hosts[half:])}:{target}",
        flags,
        seq,
        ack,
        window,
        segment[(words >> 4) * 4 :],
    )


def streams(segments: Iterable[Tcp]) -> dict[str, bytes]:
    """Follow a connection; return the bytes of each sender.

    Fails if a number does not go on where the last one ended, or acknowledges what
    was not sent.
    """
    found: dict[str, bytes] = defaultdict(bytes)
    following: dict[str, int] = {}
    for each in segments:
        if each.source in following:
            assert each.seq == following[each.source], each
        if each.flags & ACK:
            assert (following[each.target] - each.ack) % 2**32 < 2**31, each
        counted = len(each.data) + bool(each.flags & (SYN | FIN))
        following[each.source] = (each.seq + counted) % 2**32
        found[each.source] += each.data
    return dict(found)


def shown(segments: Sequence[Tcp]) -> list[str]:
    """Return what each packet is, without pure acknowledgements."""
    client = segments[0].source
    return [
        f"{'>' if each.source == client else '<'}{each.named}{each.data.decode()}"
        for each in segments
        if each.flags != ACK or each.data
    ]
