"""The headers of the PROXY protocol, valid and invalid."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from echolab import MalformedError
from echolab.sockets.proxy_header import (
    SIGNATURE,
    V2_BYTES,
    ProxyHeader,
    parse_proxy_header,
)

V4 = IPv4Address("TCP", "192.0.2.1", 56324)
V6 = IPv6Address("TCP", "2001:db8::1", 56324)


def v2(command: int, family: int, body: bytes, version: int = 2) -> bytes:
    head = bytes([version << 4 | command, family]) + len(body).to_bytes(2, "big")
    return SIGNATURE + head + body


ADDRESSES4 = socket.inet_aton("192.0.2.1") + socket.inet_aton("192.0.2.2")
PORTS = (56324).to_bytes(2, "big") + (443).to_bytes(2, "big")
ADDRESSES6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") * 2
PATHS = b"/client".ljust(108, b"\0") + b"/server".ljust(108, b"\0")

GOOD: list[tuple[bytes, IPv4Address | IPv6Address | UNIXAddress | None]] = [
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", V4),
    (b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", V6),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 \x1b[2J 0 0\r\n", None),
    (v2(1, 0x11, ADDRESSES4 + PORTS), V4),
    (v2(1, 0x11, ADDRESSES4 + PORTS + b"\x04\0\1x"), V4),
    (v2(1, 0x21, ADDRESSES6 + PORTS), V6),
    (v2(1, 0x31, PATHS), UNIXAddress(b"/client")),
    (v2(0, 0x11, b""), None),
    (v2(1, 0x00, b"whatever"), None),
]
BAD = [
    b"hello\r\n",
    b"PROXYTCP4\r\n",
    b"PROXY\r\n",
    b"PROXY TCP4 \x1b[2J 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 1\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 01 1\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 1\r\n",
    b"PROXY TCP4 192.0.2.1 nonsense 1 1\r\n",
    b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
    b"PROXY TCP6 fe80::1%\x1b 2001:db8::2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
    b"PROXY UNKNOWN" + b"x" * 94,
    v2(1, 0x11, ADDRESSES4),
    v2(2, 0x11, ADDRESSES4 + PORTS),
    v2(1, 0x12, ADDRESSES4 + PORTS),
    v2(1, 0x11, ADDRESSES4 + PORTS + b"\2\xff\xff"),
    v2(1, 0x11, ADDRESSES4 + PORTS + b"\x04\0\1x\x04\0"),
    v2(1, 0x11, ADDRESSES4 + PORTS, version=3),
    v2(1, 0x11, b"x" * V2_BYTES),
]


class ParseTests(SynchronousTestCase):
    def test_good_headers_whole_and_bytewise(self) -> None:
        for data, source in GOOD:
            self.assertEqual(
                parse_proxy_header(data + b"rest"), ProxyHeader(source, len(data))
            )
            for size in range(len(data)):
                self.assertIsNone(parse_proxy_header(data[:size]), data[:size])

    def test_bad_headers(self) -> None:
        for data in BAD:
            with self.assertRaises(MalformedError, msg=str(data)):
                parse_proxy_header(data)

    @given(
        st.binary(max_size=300),
        st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"!"]),
    )
    def test_anything_is_a_header_or_not_or_waits(
        self, data: bytes, start: bytes
    ) -> None:
        try:
            header = parse_proxy_header(start + data)
        except MalformedError:
            return
        if header is None:
            self.assertLess(len(start + data), V2_BYTES)
        else:
            self.assertLessEqual(header.size, len(start + data))
