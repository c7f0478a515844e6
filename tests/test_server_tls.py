"""Handshakes of clients, and clients that do not read what TLS sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest import mock

from twisted.internet import error
from twisted.internet.interfaces import (
    IPushProducer,
)

from echolab import (
    EndCause,
    ReceiverProtocol,
)
from echolab.server.protocol import LINGER_SECONDS
from echolab.tls.unread import READS_NOTHING
from tests.receiving import TLSCase

if TYPE_CHECKING:
    from tests.support import FakeTransport


class HandshakeTests(TLSCase):
    def test_is_waited_for_only_so_long(self) -> None:
        protocol, transport = self.connect()
        self.clock.advance(9.9)
        self.assertFalse(transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(transport.aborted)
        self.assertEqual(self.refused(protocol), "no TLS handshake in time")

    def test_may_take_longer_while_nobody_is_read(self) -> None:
        self.factory.pauseProducing()
        protocol, transport = self.connect()
        self.clock.pump([5] * 10)
        self.assertFalse(transport.aborted)
        self.factory.resumeProducing()
        self.clock.advance(9.9)
        self.assertFalse(transport.aborted)
        self.clock.pump([1] * 2)
        self.assertTrue(transport.aborted)
        self.assertEqual(self.refused(protocol), "no TLS handshake in time")

    def test_a_peer_that_lets_go_in_time_is_read_to_that(self) -> None:
        """The answer to close_notify cannot be read while reading is paused."""
        protocol, transport = self.connect()
        protocol.handshakeCompleted()
        # Over TLS reading goes on; Twisted's fake transport does not do that.
        self.patch(transport, "loseConnection", lambda: None)
        protocol.end(EndCause.IDLE)
        self.factory.pauseProducing()
        self.clock.pump([LINGER_SECONDS] * 5)
        self.assertFalse(transport.aborted)
        self.factory.resumeProducing()
        self.clock.pump([LINGER_SECONDS] * 2)
        self.assertTrue(transport.aborted)


class UnreadTLSTests(TLSCase):
    """A peer that does not read TLS's own answers."""

    def full(self) -> tuple[ReceiverProtocol, FakeTransport, IPushProducer]:
        protocol, transport = self.connect()
        producer = transport.producer
        assert producer is not None
        return protocol, transport, IPushProducer(producer)

    def test_is_not_read_until_it_has(self) -> None:
        protocol, transport, producer = self.full()
        protocol.handshakeCompleted()
        producer.pauseProducing()
        self.assertEqual(transport.producerState, "paused")
        self.factory.pauseProducing()
        self.factory.resumeProducing()
        self.assertEqual(transport.producerState, "paused")
        self.clock.advance(9.9)
        producer.resumeProducing()
        self.assertEqual(transport.producerState, "producing")
        self.clock.advance(100)
        self.assertFalse(transport.aborted)
        self.assertIs(self.lose(protocol), EndCause.EOF)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_is_not_read_while_nobody_is(self) -> None:
        _, transport, producer = self.full()
        self.factory.pauseProducing()
        producer.pauseProducing()
        producer.resumeProducing()
        self.assertEqual(transport.producerState, "paused")
        self.factory.resumeProducing()
        self.assertEqual(transport.producerState, "producing")

    def test_is_waited_for_only_so_long(self) -> None:
        protocol, transport, producer = self.full()
        protocol.handshakeCompleted()
        producer.pauseProducing()
        self.clock.advance(10)
        self.assertTrue(transport.aborted)
        cause = self.lose(protocol, error.ConnectionAborted())
        self.assertIs(cause, EndCause.TIMEOUT)
        self.assertEqual(self.transcript.ends()[-1].detail, READS_NOTHING)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_during_the_handshake_likewise(self) -> None:
        protocol, transport, producer = self.full()
        self.clock.advance(1)
        producer.pauseProducing()
        self.clock.advance(9)
        self.assertTrue(transport.aborted)
        self.assertEqual(self.refused(protocol), "no TLS handshake in time")

    def test_that_reads_slowly_is_waited_for(self) -> None:
        protocol, transport, producer = self.full()
        protocol.handshakeCompleted()
        watched = mock.Mock(sent_bytes=0)
        self.patch(protocol.connection, "watched", watched)
        producer.pauseProducing()
        for _ in range(5):
            watched.sent_bytes += 1
            self.clock.advance(10)
            self.assertFalse(transport.aborted)
        self.clock.advance(10)
        self.assertTrue(transport.aborted)

    def test_does_not_keep_an_end_from_coming(self) -> None:
        """A TLS transport closes when it has no producer."""
        protocol, transport, producer = self.full()
        protocol.handshakeCompleted()
        producer.pauseProducing()
        protocol.end(EndCause.IDLE)
        self.assertIsNone(transport.producer)
        self.clock.advance(LINGER_SECONDS)
        self.assertTrue(transport.aborted)
        self.clock.advance(100)
        self.assertIs(self.lose(protocol), EndCause.IDLE)
