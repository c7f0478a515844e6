"""Connections behind a balancer, in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Admission,
    AdmittingFactory,
    EndCause,
    Peer,
    ReceiverFactory,
    Refused,
    ReplyingProtocol,
    behind_proxy,
    echo,
)
from echolab.server.admission import network
from echolab.server.connections import TURN_SECONDS
from echolab.server.proxy import ProxyFactory
from echolab.server.turned_away import TurnedAway
from echolab.testing import Transcript
from tests.support import FakeTransport
from tests.test_admitting import Stranger

V4 = IPv4Address("TCP", "192.0.2.1", 56324)


class ProxyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transcript = Transcript()
        self.receivers = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            admission=Admission(deny=[network("192.0.2.1")]),
        )
        self.factory = ProxyFactory(
            self.receivers,
            [network("127.0.0.0/8")],
            connections=self.receivers.connections,
            header_seconds=5,
        )

    def connect(self, host: str = "127.0.0.1") -> FakeTransport:
        self.protocol = self.factory.buildProtocol(None)
        transport = FakeTransport()
        transport.peerAddr = IPv4Address("TCP", host, 999)
        self.protocol.makeConnection(transport)
        return transport

    def lose(self) -> Refused:
        self.protocol.connectionLost(Failure(error.ConnectionAborted()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        last = self.transcript.events[-1]
        assert isinstance(last, Refused)
        return last


class ProxyTests(ProxyCase):
    """Connections through a balancer, in memory."""

    def test_the_carried_address_is_the_peers(self) -> None:
        self.connect()
        for byte in b"PROXY TCP6 2001:db8::1 ::1 56324 443\r\nhel":
            self.protocol.dataReceived(bytes([byte]))
        self.protocol.dataReceived(b"lo\n")
        self.protocol.connectionLost(Failure(error.ConnectionDone()))
        self.assertEqual(str(self.transcript.events[0].peer), "[2001:db8::1]:56324")
        self.assertEqual(self.transcript.lines(), [b"hello"])
        self.assertIs(self.transcript.ends()[-1].cause, EndCause.EOF)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_header_and_message_in_one_chunk(self) -> None:
        self.connect()
        self.protocol.dataReceived(b"PROXY UNKNOWN\r\nhello\n")
        self.assertIsInstance(self.transcript.events[0], Accepted)
        self.assertEqual(str(self.transcript.events[0].peer), "127.0.0.1:999")
        self.assertEqual(self.transcript.lines(), [b"hello"])

    def test_limits_use_the_carried_address(self) -> None:
        transport = self.connect()
        self.protocol.dataReceived(b"PROXY TCP4 192.0.2.1 127.0.0.1 5 443\r\n")
        self.assertTrue(transport.disconnecting)
        refused = self.lose()
        self.assertEqual((refused.detail, str(refused.peer)), ("denied", "192.0.2.1:5"))

    def test_not_from_a_trusted_balancer(self) -> None:
        transport = self.connect("198.51.100.1")
        self.assertTrue(transport.aborted)
        self.protocol.dataReceived(b"PROXY UNKNOWN\r\nhello\n")
        self.assertEqual(self.lose().detail, "no trusted proxy")

    def test_no_header(self) -> None:
        transport = self.connect()
        self.protocol.dataReceived(b"GET / HTTP/1.0\r\n\r\n")
        self.assertTrue(transport.aborted)
        refused = self.lose()
        self.assertEqual(refused.detail, "no PROXY header")
        self.assertIs(refused.cause, EndCause.HANDSHAKE)

    def test_half_a_header_is_not_waited_for_for_ever(self) -> None:
        transport = self.connect()
        self.protocol.dataReceived(b"PROXY TCP4 192.")
        self.clock.advance(4.9)
        self.assertFalse(transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(transport.aborted)
        self.assertEqual(self.lose().detail, "no PROXY header in time")

    def test_a_header_may_take_longer_while_nobody_is_read(self) -> None:
        transport = self.connect()
        self.clock.advance(4)
        self.receivers.pauseProducing()
        self.assertEqual(transport.producerState, "paused")
        self.clock.pump([5] * 5)
        self.receivers.resumeProducing()
        self.assertEqual(transport.producerState, "producing")
        self.assertFalse(transport.aborted)
        self.protocol.dataReceived(b"PROXY UNKNOWN\r\nhello\n")
        self.assertEqual(self.transcript.lines(), [b"hello"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_half_a_header_and_the_end(self) -> None:
        self.connect()
        self.protocol.dataReceived(b"PROXY TCP4 192.")
        self.assertEqual(
            self.lose().detail, "the peer ended before its PROXY header did"
        )


class ArrivingTests(ProxyCase):
    """Connections without a header so far count, wait and end like all others."""

    HEADER = b"PROXY TCP4 192.0.2.9 127.0.0.1 5 443\r\n"

    def setUp(self) -> None:
        super().setUp()
        self.admit(Admission(max_connections=2, max_per_host=1))

    def admit(self, admission: Admission) -> None:
        self.receivers = ReceiverFactory(
            self.transcript, clock=self.clock, admission=admission
        )
        self.factory = ProxyFactory(
            self.receivers,
            [network("127.0.0.0/8")],
            connections=self.receivers.connections,
        )

    def test_a_silent_connection_takes_a_place(self) -> None:
        self.connect()
        first = self.protocol
        self.connect()
        self.assertIsInstance(self.factory.buildProtocol(V4), TurnedAway)
        refused = self.transcript.events[-1]
        assert isinstance(refused, Refused)
        self.assertEqual(refused.detail, "max-connections is 2")
        first.dataReceived(self.HEADER + b"hello\n")
        self.assertEqual(self.transcript.lines(), [b"hello"])
        self.assertIsInstance(self.factory.buildProtocol(V4), TurnedAway)
        first.connectionLost(Failure(error.ConnectionDone()))
        self.connect()
        self.protocol.dataReceived(self.HEADER + b"again\n")
        self.assertEqual(self.transcript.lines(), [b"hello", b"again"])

    def test_one_host_is_one_host_from_the_header_on(self) -> None:
        self.connect()
        self.protocol.dataReceived(self.HEADER)
        transport = self.connect()
        self.protocol.dataReceived(self.HEADER)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.lose().detail, "max-per-host is 1")

    def test_what_came_before_a_drain_is_received(self) -> None:
        transport = self.connect()
        drained = self.receivers.connections.drain(5)
        self.assertIsInstance(self.factory.buildProtocol(V4), TurnedAway)
        self.protocol.dataReceived(self.HEADER + b"hello\n")
        self.assertEqual(self.transcript.lines(), [b"hello"])
        self.clock.pump([TURN_SECONDS] * 2)
        self.assertTrue(transport.disconnecting)
        self.protocol.connectionLost(Failure(error.ConnectionDone()))
        self.assertIs(self.transcript.ends()[-1].cause, EndCause.STOPPED)
        self.clock.advance(TURN_SECONDS)
        self.successResultOf(drained)

    def test_what_a_drain_does_not_receive_is_counted(self) -> None:
        transport = self.connect()
        drained = self.receivers.connections.drain(5)
        for byte in self.HEADER[:9]:
            self.protocol.dataReceived(bytes([byte]))
            self.clock.advance(TURN_SECONDS)
            self.assertFalse(transport.aborted)
        self.clock.advance(TURN_SECONDS)
        self.assertTrue(transport.aborted)
        self.protocol.connectionLost(Failure(error.ConnectionAborted()))
        self.assertEqual(self.receivers.connections.unread_bytes, 9)
        refused = self.transcript.events[-1]
        assert isinstance(refused, Refused)
        self.assertEqual(refused.detail, "the server stopped before it was done")
        self.clock.advance(TURN_SECONDS)
        self.successResultOf(drained)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody_comes_in_once_that_was_said(self) -> None:
        transport = self.connect()
        self.receivers.connections.stop_accepting()
        drained = self.receivers.connections.drain(5)
        self.protocol.dataReceived(self.HEADER + b"hello\n")
        self.assertTrue(transport.disconnecting)
        self.clock.advance(TURN_SECONDS)
        self.successResultOf(drained)
        self.assertEqual(self.lose().detail, "no more are accepted")


class WrappedTests(ProxyCase):
    """The inner protocol may be wrapped; then the wrapper is its transport."""

    def setUp(self) -> None:
        super().setUp()
        self.receivers = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_protocol=lambda framer: ReplyingProtocol(framer, echo),
        )

    def open(self, wrapped: IProtocolFactory) -> FakeTransport:
        self.factory = ProxyFactory(
            wrapped, [network("127.0.0.0/8")], connections=self.receivers.connections
        )
        transport = self.connect()
        self.assertFalse(IHalfCloseableProtocol.providedBy(self.protocol))
        self.protocol.dataReceived(b"PROXY UNKNOWN\r\nhello\n")
        return transport

    def test_a_wrapper_is_not_half_closed(self) -> None:
        self.open(WrappingFactory(self.receivers))
        self.assertFalse(IHalfCloseableProtocol.providedBy(self.protocol))
        self.protocol.connectionLost(Failure(error.ConnectionDone()))
        self.assertIs(self.transcript.ends()[-1].cause, EndCause.EOF)

    def test_a_protocol_that_can_is_half_closed(self) -> None:
        transport = self.open(self.receivers)
        IHalfCloseableProtocol(self.protocol).readConnectionLost()
        self.assertEqual(transport.value(), b"hello\n")
        self.assertTrue(transport.disconnecting)
        IHalfCloseableProtocol(self.protocol).writeConnectionLost()


class StrangersTests(SynchronousTestCase):
    """Factories that know nothing of echolab."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.refused: list[tuple[str, str]] = []

    def put_behind(self, wrapped: Any) -> None:
        self.factory = behind_proxy(
            wrapped,
            [network("127.0.0.0/8")],
            clock=self.clock,
            refused=self.refuse,
            header_seconds=5,
        )

    def refuse(self, peer: Peer, why: str) -> None:
        self.refused.append((str(peer), why))

    def connect(self, host: str = "127.0.0.1") -> FakeTransport:
        self.protocol = self.factory.buildProtocol(None)
        transport = FakeTransport()
        transport.peerAddr = IPv4Address("TCP", host, 999)
        self.protocol.makeConnection(transport)
        return transport

    def test_the_address_is_the_clients(self) -> None:
        addresses: list[Any] = []

        class Strangers(Factory[Stranger]):
            def buildProtocol(self, addr: Any) -> Stranger:
                addresses.append(addr)
                return Stranger()

        self.put_behind(Strangers())
        self.connect()
        self.protocol.dataReceived(b"PROXY TCP4 192.0.2.1 127.0.0.1 56324 443\r\nhello")
        stranger = self.protocol.wrappedProtocol
        IHalfCloseableProtocol(self.protocol).readConnectionLost()
        self.assertEqual((addresses, stranger.transport.getPeer()), ([V4], V4))
        self.protocol.connectionLost(Failure(error.ConnectionDone()))
        self.assertEqual(
            stranger.told, ["made", b"hello", "read lost", error.ConnectionDone]
        )
        self.assertEqual((self.refused, self.clock.getDelayedCalls()), ([], []))

    def test_who_is_turned_away_is_reported(self) -> None:
        self.put_behind(Factory.forProtocol(Protocol))
        for host, data, why in (
            ("127.0.0.1", b"GET / HTTP/1.0\r\n", "no PROXY header"),
            ("127.0.0.1", b"PROXY TCP4", "no PROXY header in time"),
            ("198.51.100.1", b"", "no trusted proxy"),
        ):
            transport = self.connect(host)
            if data:
                self.protocol.dataReceived(data)
            self.clock.advance(5)
            self.assertTrue(transport.aborted)
            self.protocol.connectionLost(Failure(error.ConnectionAborted()))
            self.assertEqual(self.refused.pop(), (f"{host}:999", why))
        self.assertEqual((self.refused, self.clock.getDelayedCalls()), ([], []))

    def test_admission_is_by_the_clients_address(self) -> None:
        admission = Admission(deny=[network("192.0.2.1")])
        strangers = Factory.forProtocol(Stranger)
        self.put_behind(AdmittingFactory(strangers, admission, refused=self.refuse))
        transport = self.connect()
        self.protocol.dataReceived(b"PROXY TCP4 192.0.2.1 127.0.0.1 5 443\r\nhello")
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.refused, [("192.0.2.1:5", "denied")])

    def test_a_factory_that_wants_nobody(self) -> None:
        class Reluctant(Factory[Protocol]):
            def buildProtocol(self, addr: Any) -> None:
                return None

        self.put_behind(Reluctant())
        transport = self.connect()
        self.protocol.dataReceived(b"PROXY UNKNOWN\r\nhello")
        self.assertTrue(transport.disconnecting)

    def test_a_factory_that_fails(self) -> None:
        class Broken(Factory[Protocol]):
            def buildProtocol(self, addr: Any) -> Protocol:
                raise ZeroDivisionError

        self.put_behind(Broken())
        self.connect()
        with self.assertRaises(ZeroDivisionError):
            self.protocol.dataReceived(b"PROXY UNKNOWN\r\n")
        self.protocol.connectionLost(Failure(error.ConnectionLost()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
