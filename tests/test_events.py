"""Peers, addresses and causes read as users write them."""

from __future__ import annotations

from errno import ECONNRESET, EIO, ETIMEDOUT

from twisted.internet import error
from twisted.internet.address import (
    HostnameAddress,
    IPv4Address,
    IPv6Address,
    UNIXAddress,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from echolab import Accepted, EndCause, Event, Peer, tee
from echolab.addresses import format_address
from echolab.ends import end_of

V4 = IPv4Address("TCP", "192.0.2.1", 8888)
V6 = IPv6Address("TCP", "2001:db8::1", 8888)
NAMED = UNIXAddress("/run/lab.sock")
UNNAMED = UNIXAddress("")
ABSTRACT = UNIXAddress("\0lab")
OTHER = HostnameAddress(b"example.com", 80)


class PeerTests(SynchronousTestCase):
    def test_families(self) -> None:
        self.assertEqual(Peer.of(1, V4, V4), Peer(1, "IPv4", "192.0.2.1", 8888))
        self.assertEqual(Peer.of(2, V6, V6), Peer(2, "IPv6", "2001:db8::1", 8888))
        self.assertEqual(
            Peer.of(3, UNNAMED, NAMED), Peer(3, "UNIX", path="/run/lab.sock")
        )
        self.assertEqual(Peer.of(4, ABSTRACT, NAMED), Peer(4, "UNIX", path="@lab"))
        self.assertEqual(Peer.of(5, OTHER, V4), Peer(5, "hostname"))

    def test_a_peer_reads_as_its_address(self) -> None:
        for address in (V4, V6, NAMED, ABSTRACT, OTHER):
            self.assertEqual(str(Peer.of(1, address, V4)), format_address(address))

    def test_addresses(self) -> None:
        self.assertEqual(format_address(V4), "192.0.2.1:8888")
        self.assertEqual(format_address(V6), "[2001:db8::1]:8888")
        self.assertEqual(format_address(NAMED), "unix:/run/lab.sock")
        self.assertEqual(format_address(ABSTRACT), "unix:@lab")


class CauseTests(SynchronousTestCase):
    def test_causes(self) -> None:
        for exception, number, end in (
            (error.ConnectionDone(), 0, (EndCause.EOF, "")),
            (error.ConnectionLost(), 0, (EndCause.RESET, "")),
            (error.ConnectionLost(), ECONNRESET, (EndCause.RESET, "ECONNRESET")),
            (error.ConnectionLost(), ETIMEDOUT, (EndCause.TIMEOUT, "ETIMEDOUT")),
            (error.ConnectionLost(), EIO, (EndCause.ERROR, "EIO")),
            (error.ConnectionAborted(), 0, (EndCause.STOPPED, "")),
            (ValueError("odd"), 0, (EndCause.ERROR, "odd")),
        ):
            self.assertEqual(end_of(Failure(exception), number), end)


class TeeTests(SynchronousTestCase):
    def test_every_sink_in_order(self) -> None:
        seen: list[tuple[str, Event]] = []
        event = Accepted(Peer.of(1, V4, V4), 0.0)
        tee(lambda e: seen.append(("a", e)), lambda e: seen.append(("b", e)))(event)
        self.assertEqual(seen, [("a", event), ("b", event)])
