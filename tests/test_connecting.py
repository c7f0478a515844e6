"""Connecting with retries, with a fake clock."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IHalfCloseableProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from echolab import SenderFactory
from echolab.client.connecting import Connector
from echolab.errors import UnverifiedError
from echolab.testing import Transcript
from echolab.tls.client import verified_client
from tests.authority import Authority
from tests.support import FakeTransport
from tests.test_admitting import Stranger
from tests.test_client_tls import DNS, NAMES, RawServer


@implementer(IStreamClientEndpoint)
class Endpoint:
    """An endpoint that refuses a number of times, then hangs a number of times."""

    def __init__(self, refusals: int = 0, hangs: int = 0) -> None:
        self.tries = 0
        self.refusals = refusals
        self.hangs = hangs

    def connect(self, factory: Any) -> Deferred[Any]:
        self.tries += 1
        if self.tries <= self.refusals:
            return fail(error.ConnectionRefusedError())
        if self.tries <= self.refusals + self.hangs:
            return Deferred()
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(FakeTransport())
        return succeed(protocol)


class ConnectorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def connect(self, endpoint: Endpoint, retry_seconds: float) -> Deferred[Any]:
        self.connector = Connector(
            endpoint,
            "server:1",
            clock=self.clock,
            timeout_seconds=5,
            retry_seconds=retry_seconds,
        )
        return self.connector.connect(SenderFactory(Transcript(), clock=self.clock))

    def test_once(self) -> None:
        endpoint = Endpoint(refusals=1)
        self.failureResultOf(self.connect(endpoint, 0), error.ConnectionRefusedError)
        self.assertEqual(endpoint.tries, 1)

    def test_until_it_works(self) -> None:
        endpoint = Endpoint(refusals=2, hangs=1)
        connecting = self.connect(endpoint, 60)
        self.assertNoResult(connecting)
        self.clock.pump([0.1] * 300)
        protocol = self.successResultOf(connecting)
        self.assertEqual(endpoint.tries, 4)
        protocol.write(b"hello\n")
        self.assertEqual(protocol.transport.value(), b"hello\n")

    def test_pauses_grow(self) -> None:
        endpoint = Endpoint(refusals=1000)
        connecting = self.connect(endpoint, 60)
        self.clock.pump([0.1] * 620)
        self.failureResultOf(connecting, error.ConnectionRefusedError)
        self.assertLess(endpoint.tries, 20)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped(self) -> None:
        connecting = self.connect(Endpoint(hangs=1), 60)
        connecting.addErrback(lambda _: None)
        self.connector.stop()
        self.clock.pump([1] * 100)
        self.successResultOf(connecting)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_try_that_hangs(self) -> None:
        connecting = self.connect(Endpoint(hangs=1), 0)
        self.clock.advance(5)
        failure = self.failureResultOf(connecting, TimeoutError)
        self.assertEqual(str(failure.value), "timed out after 5 s")


class StrangersTests(SynchronousTestCase):
    """Factories that do not belong to echolab."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.authority = Authority(
            Path(self.enterContext(tempfile.TemporaryDirectory()))
        )

    def connect(self, endpoint: Any, kind: type[Protocol] = Stranger) -> Deferred[Any]:
        connector = Connector(
            endpoint, "server:1", clock=self.clock, timeout_seconds=5, retry_seconds=60
        )
        return connector.connect(Factory.forProtocol(kind))

    def over_tls(self, server: RawServer) -> IStreamClientEndpoint:
        roots = str(self.authority.roots)
        return verified_client(self.clock, server, "localhost", trust_roots=roots)

    def test_until_it_works(self) -> None:
        connecting = self.connect(Endpoint(refusals=2, hangs=1))
        self.assertNoResult(connecting)
        self.clock.pump([0.1] * 300)
        stranger = self.successResultOf(connecting)
        self.assertIsInstance(stranger, Stranger)
        told = stranger.transport
        told.dataReceived(b"hello")
        IHalfCloseableProtocol(told).readConnectionLost()
        told.connectionLost(Failure(error.ConnectionDone()))
        self.assertEqual(
            stranger.told, ["made", b"hello", "read lost", error.ConnectionDone]
        )

    def test_tls_counts_after_the_handshake(self) -> None:
        for kind in (Stranger, Protocol):
            server = RawServer(self.authority.context(NAMES))
            connecting = self.connect(self.over_tls(server), kind)
            self.assertNoResult(connecting)
            server.talk()
            protocol = self.successResultOf(connecting)
            self.assertIsInstance(protocol, kind)
            protocol.transport.write(b"hello")
            self.clock.advance(0)
            server.talk()
            self.assertEqual(server.read, b"hello")
            if isinstance(protocol, Stranger):
                self.assertEqual(protocol.told[:3], ["made", "handshake", b"welcome\n"])

    def test_a_server_that_does_not_prove_its_name(self) -> None:
        server = RawServer(self.authority.context([DNS("example.com")]))
        connecting = self.connect(self.over_tls(server))
        server.talk()
        self.failureResultOf(connecting, UnverifiedError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_server_that_ends_the_handshake_is_tried_again(self) -> None:
        server = RawServer(self.authority.context(NAMES))
        connecting = self.connect(self.over_tls(server))
        server.client.connectionLost(Failure(error.ConnectionLost()))
        self.assertNoResult(connecting)
        self.clock.pump([0.1] * 20)
        server.talk()
        self.assertIsInstance(self.successResultOf(connecting), Stranger)

    def test_a_handshake_that_hangs(self) -> None:
        server = RawServer(self.authority.context(NAMES))
        connector = Connector(
            self.over_tls(server), "server:1", clock=self.clock, timeout_seconds=5
        )
        connecting = connector.connect(Factory.forProtocol(Protocol))
        self.clock.advance(5)
        failure = self.failureResultOf(connecting, TimeoutError)
        self.assertEqual(
            str(failure.value), "timed out after 5 s during the TLS handshake"
        )
        self.assertTrue(server.transport.aborted)
