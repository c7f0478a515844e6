"""A server that makes TLS answer, and reads no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from echolab import EndCause, SenderFactory
from echolab.testing import Transcript
from echolab.tls.client_answers import MOST_BYTES, UNREAD_SECONDS
from echolab.tls.unread import READS_NOTHING
from tests.support import FakeTransport

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeConnection:
    on_answer: Callable[[int], None] | None = None


class FakeTLS(FakeTransport):
    def __init__(self) -> None:
        super().__init__()
        alsoProvides(self, ISSLTransport)
        self.connection = FakeConnection()

    def getHandle(self) -> FakeConnection:
        return self.connection


class TLSAnswersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transcript = Transcript()
        self.transport = FakeTLS()
        factory = SenderFactory(
            self.transcript, clock=self.clock, tls_wait_seconds=None
        )
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.protocol.handshakeCompleted()
        assert self.transport.connection.on_answer is not None
        self.answer = self.transport.connection.on_answer

    def lose(self) -> tuple[EndCause, str]:
        self.protocol.connectionLost(Failure(error.ConnectionAborted()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        finished = self.transcript.ends()[-1]
        return finished.cause, finished.detail

    def assert_given_up(self) -> None:
        self.assertEqual(self.transport.producerState, "paused")
        self.clock.advance(UNREAD_SECONDS)
        self.assertTrue(self.transport.aborted)
        self.assertEqual(self.lose(), (EndCause.TIMEOUT, READS_NOTHING))

    def test_one_that_reads_may_ask_for_any_number(self) -> None:
        for _ in range(5):
            self.answer(MOST_BYTES)
        self.assertEqual(self.transport.producerState, "producing")

    def test_one_that_takes_nothing_may_still_reply(self) -> None:
        """Like an echo server: each would wait for the other."""
        self.protocol.pauseProducing()
        self.protocol.dataReceived(b"x" * MOST_BYTES * 2)
        self.assertEqual(self.transport.producerState, "producing")

    def test_one_that_takes_nothing_may_not_ask_for_more(self) -> None:
        self.protocol.pauseProducing()
        self.answer(MOST_BYTES)
        self.assertEqual(self.transport.producerState, "producing")
        self.answer(1)
        self.answer(1)
        self.assert_given_up()

    def test_one_that_reads_in_time_is_read_again(self) -> None:
        self.protocol.pauseProducing()
        self.answer(MOST_BYTES + 1)
        self.protocol.replies.pauseProducing()
        self.protocol.replies.resumeProducing()
        self.assertEqual(self.transport.producerState, "paused")
        self.protocol.replies.pauseProducing()
        self.clock.advance(UNREAD_SECONDS / 2)
        self.protocol.resumeProducing()
        self.assertEqual(self.transport.producerState, "paused")
        self.protocol.replies.resumeProducing()
        self.assertEqual(self.transport.producerState, "producing")
        self.clock.advance(UNREAD_SECONDS)
        self.assertFalse(self.transport.aborted)
        self.assertEqual(self.lose(), (EndCause.STOPPED, ""))

    def test_at_the_end_too(self) -> None:
        self.protocol.finish()
        self.answer(MOST_BYTES + 1)
        self.assert_given_up()
