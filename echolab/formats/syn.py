"""The client's SYN, as the kernel of a server keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["syn_options", "tcp_options"]

IPV4, IPV6 = 4, 6
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
    version = packet[0] >> 4 if packet else 0
    if version == IPV4:
        tcp = packet[(packet[0] & 15) * 4 :]
    elif version == IPV6:
        tcp = packet[IPV6_HEADER:]
    else:
        return ""
    if len(tcp) < TCP_HEADER:
        return ""
    for kind, value in tcp_options(tcp[TCP_HEADER : (tcp[12] >> 4) * 4]):
        if kind == MSS and len(value) == SHORT:
            return f", MSS {int.from_bytes(value)}"
    return ""


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
