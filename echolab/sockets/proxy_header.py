"""Headers of the PROXY protocol, in which a balancer names its client.

Versions 1 and 2, as in HAProxy's ``proxy-protocol.txt``; no I/O.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import AddressValueError, ip_address

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from echolab.errors import MalformedError

__all__ = ["SIGNATURE", "V2_BYTES", "ProxyHeader", "parse_proxy_header"]

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1_BYTES = 107
"""The longest header of version 1, with its end."""
V2_BYTES = 4096
"""The longest accepted header of version 2; 232 bytes are enough for any address."""

_V2_HEAD = 16
_PORTS = 65535


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A parsed header.

    Attributes:
        source: the address of the balancer's client; None if the header has none
            (health checks, unknown protocols): then the peer is the balancer itself.
        size: how many bytes the header has.
    """

    source: IPv4Address | IPv6Address | UNIXAddress | None
    size: int


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Read a header at the start of ``data``.

    Returns:
        The header; None if more bytes are needed.

    Raises:
        MalformedError: this is not a header.
    """
    if data.startswith(SIGNATURE):
        return _parse_v2(data)
    if data.startswith(b"PROXY"):
        return _parse_v1(data)
    if SIGNATURE.startswith(data) or b"PROXY".startswith(data):
        return None
    raise MalformedError("no PROXY header")


def _parse_v1(data: bytes) -> ProxyHeader | None:
    line, end, _ = data[:V1_BYTES].partition(b"\r\n")
    if not end:
        if len(data) >= V1_BYTES:
            raise MalformedError("a PROXY header that does not end")
        return None
    size = len(line) + len(end)
    match line.split(b" "):
        case [b"PROXY", b"UNKNOWN", *_]:
            return ProxyHeader(None, size)
        case [b"PROXY", b"TCP4", source, destination, port, other]:
            host = _host(source, 4)
            _host(destination, 4), _port(other)
            return ProxyHeader(IPv4Address("TCP", host, _port(port)), size)
        case [b"PROXY", b"TCP6", source, destination, port, other]:
            host = _host(source, 6)
            _host(destination, 6), _port(other)
            return ProxyHeader(IPv6Address("TCP", host, _port(port)), size)
        case _:
            raise MalformedError("not a PROXY header of version 1")


def _host(text: bytes, version: int) -> str:
    try:
        address = ip_address(text.decode("ascii"))
    except (ValueError, AddressValueError):
        raise MalformedError("no IP address in a PROXY header") from None
    if address.version != version or b"%" in text:
        raise MalformedError("an IP address of another kind in a PROXY header")
    return socket.inet_ntop(
        socket.AF_INET if version == 4 else socket.AF_INET6, address.packed
    )


def _port(text: bytes) -> int:
    # The specification forbids leading zeros, and int() accepts more than digits.
    plain = text.isdigit() and (text == b"0" or not text.startswith(b"0"))
    if not plain or len(text) > len("65535") or int(text) > _PORTS:
        raise MalformedError("no port in a PROXY header")
    return int(text)


_ADDRESSES_BYTES = {0x11: 12, 0x21: 36, 0x31: 216}
"""How many bytes the addresses of a family have; type-length-values follow."""


def _check_values(values: bytes) -> None:
    """Check that each value ends within the header; the values are not used."""
    while values:
        size = 3 + int.from_bytes(values[1:3], "big")
        if len(values) < size:
            raise MalformedError("a value in a PROXY header that does not end")
        values = values[size:]


def _parse_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_HEAD:
        return None
    version, command = data[12] >> 4, data[12] & 15
    size = _V2_HEAD + int.from_bytes(data[14:16], "big")
    if version != 2 or command > 1:
        raise MalformedError("a PROXY header of an unknown version or command")
    if size > V2_BYTES:
        raise MalformedError(f"a PROXY header of over {V2_BYTES} bytes")
    if len(data) < size:
        return None
    family, body = data[13], data[_V2_HEAD:size]
    if command == 0 or family == 0:  # LOCAL, or UNSPEC
        return ProxyHeader(None, size)
    if family in _ADDRESSES_BYTES:
        _check_values(body[_ADDRESSES_BYTES[family] :])
    if family == 0x11 and len(body) >= 12:
        host = socket.inet_ntop(socket.AF_INET, body[:4])
        port = int.from_bytes(body[8:10], "big")
        return ProxyHeader(IPv4Address("TCP", host, port), size)
    if family == 0x21 and len(body) >= 36:
        host = socket.inet_ntop(socket.AF_INET6, body[:16])
        port = int.from_bytes(body[32:34], "big")
        return ProxyHeader(IPv6Address("TCP", host, port), size)
    if family == 0x31 and len(body) >= 216:
        return ProxyHeader(UNIXAddress(body[:108].rstrip(b"\0")), size)
    raise MalformedError("a PROXY header of an unknown family")
