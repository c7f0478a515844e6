"""Rejected connections, with any wrapper around the factory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import error
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import Clock
from twisted.protocols.policies import WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from echolab import ReceiverFactory, ReceiverProtocol, Refused
from echolab.server.turned_away import ClosingFactory
from echolab.testing import Transcript
from tests.support import FakeTransport, write_certificates


class TurnedAwayTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        write_certificates(folder, server="server")
        options = PrivateCertificate.loadPEM(
            (folder / "server.pem").read_bytes()
        ).options()
        self.transcript = Transcript()
        clock = Clock()
        self.factory = ReceiverFactory(self.transcript, clock=clock)
        self.wrapped: list[Any] = [
            self.factory,
            WrappingFactory(self.factory),
            # As made by Twisted's SSL4ServerEndpoint and wrapServerTLS.
            TLSMemoryBIOFactory(options, False, self.factory, clock),
        ]

    def test_closed_at_once_whoever_wraps_the_factory(self) -> None:
        self.factory.connections.stop_accepting()
        for wrapped in self.wrapped:
            protocol = wrapped.buildProtocol(None)
            transport = FakeTransport()
            protocol.makeConnection(transport)
            self.assertTrue(transport.disconnecting or transport.aborted)
            self.assertEqual(transport.value(), b"")
            protocol.connectionLost(Failure(error.ConnectionAborted()))
        events = self.transcript.events
        self.assertEqual(len(events), len(self.wrapped))
        for event in events:
            assert isinstance(event, Refused)
            self.assertEqual(event.detail, "no more are accepted")

    def test_a_port_closes_without_a_protocol(self) -> None:
        for wrapped in self.wrapped:
            self.assertIsNotNone(ClosingFactory(wrapped).buildProtocol(None))
        accepted = ClosingFactory(self.factory).buildProtocol(None)
        self.assertIsInstance(accepted, ReceiverProtocol)
        self.factory.connections.stop_accepting()
        for wrapped in self.wrapped:
            self.assertIsNone(ClosingFactory(wrapped).buildProtocol(None))
