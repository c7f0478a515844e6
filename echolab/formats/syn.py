"""The client's SYN, as the kernel of a server keeps it."""

from __future__ import annotations

import struct

__all__ = ["syn_options"]

IPV4, IPV6 = 4, 6
IPV6_HEADER = 40
TCP_HEADER = 20
END, NOTHING, MSS = 0, 1, 2


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
    options = tcp[TCP_HEADER : (tcp[12] >> 4) * 4]
    at = 0
    while at < len(options) and options[at] != END:
        if options[at] == NOTHING:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if options[at] == MSS and length == 4 and at + 4 <= len(options):
            return f", MSS {struct.unpack_from('!H', options, at + 2)[0]}"
        at += max(length, 2)
    return ""
