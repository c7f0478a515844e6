"""Connecting with retries, with a fake clock."""

from __future__ import annotations

from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from echolab import SenderFactory
from echolab.client.connecting import Connector
from echolab.testing import Transcript
from tests.support import FakeTransport


@implementer(IStreamClientEndpoint)
class Endpoint:
    """An endpoint that first refuses some times, then hangs some times."""

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
