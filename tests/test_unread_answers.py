"""A peer that gets replies, and does not read TLS's own answers."""

from __future__ import annotations

from unittest import mock

from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from echolab import EndCause, ReceiverFactory, ReplyingProtocol, echo
from echolab.connection import core
from echolab.server import protocol as receiving
from echolab.testing import Transcript
from echolab.tls.connection import TLSConnection
from echolab.tls.unread import READS_NOTHING
from echolab.tls.unread_answers import MOST_BYTES
from tests.support import FakeTransport

SECONDS = 10.0  # of a handshake, as it is by default
STEP = 1000


class FakeTLS(FakeTransport):
    def __init__(self) -> None:
        super().__init__()
        alsoProvides(self, ISSLTransport)
        self.connection = TLSConnection(SSL.Context(SSL.TLS_METHOD), None)

    def getHandle(self) -> TLSConnection:
        return self.connection


class UnreadAnswersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transcript = Transcript()
        self.socket = mock.Mock(sent_bytes=0, error=0, unread_bytes=0)
        self.socket.credentials.return_value = None
        self.patch(core, "watch", lambda *_: self.socket)
        self.patch(receiving, "prepare_connection", lambda *_: None)
        factory = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_protocol=lambda framer: ReplyingProtocol(framer, echo),
        )
        self.transport = FakeTLS()
        protocol = factory.buildProtocol(None)
        assert isinstance(protocol, ReplyingProtocol)
        self.protocol = protocol
        self.protocol.makeConnection(self.transport)
        self.protocol.handshakeCompleted()

    def answer(self, size: int) -> None:
        """Make TLS answer with ``size`` bytes, of which the socket takes none."""
        for _ in range(size // STEP):
            self.reply(STEP)
            on_answer = self.transport.connection.on_answer
            assert on_answer is not None
            on_answer(STEP)

    def reply(self, size: int) -> None:
        self.transport.connection.made_bytes += size

    def test_is_given_up(self) -> None:
        self.reply(MOST_BYTES)
        self.answer(MOST_BYTES + STEP)
        self.protocol.replies.pauseProducing()
        self.clock.advance(SECONDS)
        self.assertTrue(self.transport.aborted)
        self.protocol.connectionLost(Failure(error.ConnectionAborted()))
        [finished] = self.transcript.ends()
        self.assertEqual(
            (finished.cause, finished.detail), (EndCause.TIMEOUT, READS_NOTHING)
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slow_readers_of_replies_are_not(self) -> None:
        self.answer(MOST_BYTES * 9)
        self.socket.sent_bytes = self.transport.connection.made_bytes
        self.answer(STEP)
        self.reply(MOST_BYTES * 9)
        self.protocol.replies.pauseProducing()
        self.clock.pump([SECONDS] * 9)
        self.assertFalse(self.transport.aborted)
        self.protocol.replies.resumeProducing()
        self.assertEqual(self.transport.producerState, "producing")

    def test_nor_is_one_that_takes_something(self) -> None:
        self.answer(MOST_BYTES * 9)
        self.protocol.replies.pauseProducing()
        for _ in range(5):
            self.socket.sent_bytes += 1
            self.clock.advance(SECONDS)
        self.assertFalse(self.transport.aborted)
        self.protocol.end(EndCause.IDLE)
        self.protocol.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])
