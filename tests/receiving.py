"""Receivers in memory, with a fake clock, for the tests of the server's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    ISSLTransport,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from typing_extensions import override
from zope.interface import alsoProvides

from echolab import (
    EndCause,
    LineFramer,
    Peer,
    ReceiverFactory,
    ReceiverProtocol,
    Refused,
    ReplyingProtocol,
    echo,
)
from echolab.testing import Transcript
from tests.support import FakeTransport

if TYPE_CHECKING:
    from echolab.server.reply import Reply

ADDRESS = IPv4Address("TCP", "127.0.0.1", 60612)
PEER = Peer(1, "IPv4", "127.0.0.1", 60612)


class ReceiverCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transcript = Transcript()
        self.factory = ReceiverFactory(
            self.transcript, clock=self.clock, make_framer=lambda: LineFramer(8)
        )

    def connect(self) -> tuple[ReceiverProtocol, FakeTransport]:
        protocol = self.factory.buildProtocol(ADDRESS)
        assert isinstance(protocol, ReceiverProtocol)
        transport = FakeTransport()
        transport.peerAddr = ADDRESS
        protocol.makeConnection(transport)
        return protocol, transport

    def turned_away(self) -> None:
        """Connect, and check that the connection is closed."""
        protocol = self.factory.buildProtocol(ADDRESS)
        transport = FakeTransport()
        protocol.makeConnection(transport)
        self.assertTrue(transport.disconnecting)
        protocol.dataReceived(b"unheard\n")
        protocol.connectionLost(Failure(error.ConnectionDone()))

    def lose(
        self, protocol: ReceiverProtocol, why: Exception | None = None
    ) -> EndCause:
        protocol.connectionLost(Failure(why or error.ConnectionDone()))
        return self.transcript.ends()[-1].cause


class TLSCase(ReceiverCase):
    """With a transport that looks like TLS."""

    @override
    def connect(self) -> tuple[ReceiverProtocol, FakeTransport]:
        protocol = self.factory.buildProtocol(ADDRESS)
        assert isinstance(protocol, ReceiverProtocol)
        transport = FakeTransport()
        alsoProvides(transport, ISSLTransport)
        protocol.makeConnection(transport)
        return protocol, transport

    def refused(self, protocol: ReceiverProtocol) -> str:
        """Lose a connection whose handshake was not done; return why."""
        protocol.connectionLost(Failure(error.ConnectionAborted()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        [refused] = self.transcript.events
        assert isinstance(refused, Refused)
        self.assertIs(refused.cause, EndCause.HANDSHAKE)
        return refused.detail


class ReplyCase(ReceiverCase):
    reply: Reply = staticmethod(echo)

    def setUp(self) -> None:
        super().setUp()
        self.factory = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_protocol=lambda framer: ReplyingProtocol(framer, self.reply),
        )
