"""Admission in front of any factory."""

from __future__ import annotations

import tempfile
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from twisted.internet import error
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from echolab import Admission, AdmittingFactory, Peer, ReceiverFactory
from echolab.server.turned_away import ClosingFactory, TurnedAway
from echolab.testing import Transcript
from tests.support import SECONDS, FakeTransport, write_certificates

NEAR = IPv4Address("TCP", "192.0.2.1", 56324)
FAR = IPv4Address("TCP", "198.51.100.1", 56324)


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class Stranger(Protocol):
    """A protocol of a user, which records the calls to it."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def connectionMade(self) -> None:
        self.told.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.told.append(data)

    def readConnectionLost(self) -> None:
        self.told.append("read lost")

    def writeConnectionLost(self) -> None:
        self.told.append("write lost")

    def handshakeCompleted(self) -> None:
        self.told.append("handshake")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.told.append(reason.type)


class AdmittingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.refused: list[tuple[str, str]] = []
        self.admission = Admission(
            deny=[ip_network("198.51.100.0/24")], max_connections=2
        )

    def admitting(self, wrapped: Any) -> AdmittingFactory:
        def refused(peer: Peer, why: str) -> None:
            self.refused.append((str(peer), why))

        return AdmittingFactory(wrapped, self.admission, refused=refused)

    def connect(self, factory: Any, address: Any = NEAR) -> Any:
        protocol = factory.buildProtocol(address)
        transport = FakeTransport()
        transport.peerAddr = address
        protocol.makeConnection(transport)
        return protocol


class AdmittingTests(AdmittingCase):
    def test_who_is_admitted_notices_nothing_of_it(self) -> None:
        protocol = self.connect(self.admitting(Factory.forProtocol(Stranger)))
        stranger = protocol.wrappedProtocol
        protocol.dataReceived(b"hello")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        IHalfCloseableProtocol(protocol).writeConnectionLost()
        IHandshakeListener(protocol).handshakeCompleted()
        protocol.connectionLost(Failure(error.ConnectionDone()))
        self.assertEqual(
            stranger.told,
            [
                *("made", b"hello", "read lost", "write lost", "handshake"),
                error.ConnectionDone,
            ],
        )
        self.assertEqual(self.refused, [])

    def test_a_protocol_that_hears_of_no_half_closes_is_not_told(self) -> None:
        protocol = self.connect(self.admitting(Factory.forProtocol(Protocol)))
        self.assertFalse(IHalfCloseableProtocol.providedBy(protocol))
        self.assertFalse(IHandshakeListener.providedBy(protocol))

    def test_who_is_denied_is_closed_and_reported(self) -> None:
        made: list[Any] = []
        factory: Any = Factory()
        factory.buildProtocol = made.append
        protocol = self.connect(self.admitting(factory), FAR)
        self.assertTrue(protocol.transport.disconnecting)
        self.assertEqual(self.refused, [("198.51.100.1:56324", "denied")])
        self.assertEqual(made, [])

    def test_a_place_is_taken_until_the_connection_is_lost(self) -> None:
        factory = self.admitting(Factory.forProtocol(Stranger))
        first, _ = self.connect(factory), self.connect(factory, UNIXAddress(b""))
        self.assertIsInstance(factory.buildProtocol(NEAR), TurnedAway)
        self.assertEqual(self.refused, [("192.0.2.1:56324", "max-connections is 2")])
        first.connectionLost(Failure(error.ConnectionDone()))
        self.assertNotIsInstance(factory.buildProtocol(NEAR), TurnedAway)

    def test_several_factories_can_share_the_places(self) -> None:
        one = self.admitting(Factory.forProtocol(Stranger))
        other = self.admitting(Factory.forProtocol(Protocol))
        self.connect(one), self.connect(other)
        self.assertIsInstance(one.buildProtocol(NEAR), TurnedAway)
        self.assertIsInstance(other.buildProtocol(NEAR), TurnedAway)

    def test_no_place_is_lost_with_a_protocol(self) -> None:
        class Reluctant(Factory[Protocol]):
            def buildProtocol(self, addr: Any) -> None:
                return None

        class Broken(Factory[Protocol]):
            def buildProtocol(self, addr: Any) -> Protocol:
                raise ZeroDivisionError

        class Bewildered(Stranger):
            def connectionLost(self, reason: Failure = connectionDone) -> None:
                raise ZeroDivisionError

        receivers = ReceiverFactory(Transcript(), clock=Clock())
        receivers.connections.stop_accepting()
        for _ in range(3):
            for wrapped in (Reluctant(), receivers, WrappingFactory(receivers)):
                factory = self.admitting(wrapped)
                self.assertIsNone(ClosingFactory(factory).buildProtocol(NEAR))
            factory = self.admitting(Broken())
            self.assertRaises(ZeroDivisionError, factory.buildProtocol, NEAR)
            protocol = self.connect(self.admitting(Factory.forProtocol(Bewildered)))
            with self.assertRaises(ZeroDivisionError):
                protocol.connectionLost(Failure(error.ConnectionDone()))
        self.assertEqual(self.refused, [])
        self.assertIsNone(self.admission.enter("192.0.2.1"))
        self.assertIsNone(self.admission.enter("192.0.2.1"))

    def test_a_port_closes_without_a_protocol(self) -> None:
        factory = ClosingFactory(self.admitting(Factory.forProtocol(Stranger)))
        self.assertIsNone(factory.buildProtocol(FAR))
        self.assertIsNotNone(factory.buildProtocol(NEAR))


class TLSTests(AdmittingCase):
    """Admission before and behind TLS."""

    def setUp(self) -> None:
        super().setUp()
        from echolab import tls

        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        write_certificates(folder, server="server")
        pem = str(folder / "server.pem")
        options = tls.server_options(private_key=pem, certificate=pem)
        clock: Any = Clock()
        strangers = Factory.forProtocol(Stranger)
        self.factories = [
            tls.wrap(self.admitting(strangers), options, clock),
            self.admitting(tls.wrap(strangers, options, clock)),
        ]

    def test_nothing_is_said_to_who_is_turned_away(self) -> None:
        for factory in self.factories:
            protocol = self.connect(factory, FAR)
            transport = protocol.transport
            self.assertTrue(transport.disconnecting or transport.aborted)
            self.assertEqual(transport.value(), b"")
            protocol.connectionLost(Failure(error.ConnectionAborted()))
        self.assertEqual(self.refused, [("198.51.100.1:56324", "denied")] * 2)

    def test_a_handshake_that_fails_gives_the_place_back(self) -> None:
        for factory in self.factories * 3:
            protocol = self.connect(factory)
            protocol.connectionLost(Failure(error.ConnectionLost()))
        self.assertEqual(self.refused, [])


class SocketTests(TestCase):
    """Admission with a port and sockets."""

    timeout = SECONDS

    async def test_one_at_a_time(self) -> None:
        from twisted.internet import reactor
        from twisted.internet.endpoints import clientFromString, connectProtocol

        class Greeter(Protocol):
            def connectionMade(self) -> None:
                assert self.transport is not None
                self.transport.write(b"welcome")

        class Ended(Stranger):
            def __init__(self) -> None:
                super().__init__()
                self.ended: Deferred[list[object]] = Deferred()

            def dataReceived(self, data: bytes) -> None:
                super().dataReceived(data)
                greeted.callback(None)

            def readConnectionLost(self) -> None:
                assert self.transport is not None
                self.transport.loseConnection()

            def connectionLost(self, reason: Failure = connectionDone) -> None:
                self.ended.callback(self.told)

        greeted: Deferred[None] = Deferred()
        told: Deferred[tuple[Peer, str]] = Deferred()
        factory = AdmittingFactory(
            Factory.forProtocol(Greeter),
            Admission(max_connections=1),
            refused=lambda peer, why: told.callback((peer, why)),
        )
        endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        there = clientFromString(reactor, f"tcp:127.0.0.1:{port.getHost().port}")
        first: Any = await connectProtocol(there, Ended())
        await greeted
        second: Any = await connectProtocol(there, Ended())
        self.assertEqual(await second.ended, ["made"])
        peer, why = await told
        self.assertEqual((peer.host, why), ("127.0.0.1", "max-connections is 1"))
        first.transport.loseConnection()
        await first.ended
