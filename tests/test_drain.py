"""The end of a server: it accepts no more, and reads what has arrived."""

from __future__ import annotations

from twisted.internet import error
from twisted.internet.interfaces import (
    ISSLTransport,
)
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from echolab import (
    EndCause,
    ReceiverFactory,
    ReceiverProtocol,
    Refused,
    ReplyingProtocol,
    echo,
)
from echolab.server.connections import TURN_SECONDS
from tests.receiving import ADDRESS, ReceiverCase
from tests.support import FakeTransport


class DrainTests(ReceiverCase):
    def turn(self) -> None:
        self.clock.advance(TURN_SECONDS)

    def test_nobody_is_told_after_it(self) -> None:
        protocol, _ = self.connect()
        drained = self.factory.connections.drain(5)
        for _ in range(20):  # Not all of them are reported at once.
            self.factory.buildProtocol(None)
        self.lose(protocol)
        self.turn()
        self.successResultOf(drained)
        told = len(self.transcript.events)
        self.factory.buildProtocol(None)
        self.clock.advance(5)
        self.assertEqual(len(self.transcript.events), told)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_accepts_again_after_it(self) -> None:
        self.successResultOf(self.factory.connections.drain(5))
        self.factory.connections.start_accepting()
        protocol, _ = self.connect()
        protocol.dataReceived(b"x\n")
        self.assertEqual(self.transcript.lines(), [b"x"])

    def test_nothing_open(self) -> None:
        self.successResultOf(self.factory.connections.drain(5))

    def test_ends_a_quiet_connection_after_a_turn(self) -> None:
        protocol, transport = self.connect()
        drained = self.factory.connections.drain(5)
        self.assertFalse(transport.disconnecting)
        self.turn()
        self.assertTrue(transport.disconnecting)
        self.assertIs(self.lose(protocol), EndCause.STOPPED)
        self.turn()
        self.successResultOf(drained)

    def test_reads_what_arrives_first(self) -> None:
        protocol, transport = self.connect()
        self.factory.connections.drain(5)
        for _ in range(3):
            protocol.dataReceived(b"x\n")
            self.turn()
            self.assertFalse(transport.disconnecting)
        self.turn()
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.transcript.lines(), [b"x"] * 3)

    def test_started_and_stopped_again_it_reads_what_arrives_first(self) -> None:
        protocol, transport = self.connect()
        first = self.factory.connections.drain(5)
        self.factory.connections.start_accepting()
        self.clock.advance(TURN_SECONDS / 2)
        second = self.factory.connections.drain(5)
        for _ in range(3):
            protocol.dataReceived(b"x\n")
            self.turn()
            self.assertFalse(transport.disconnecting)
        self.turn()
        self.assertTrue(transport.disconnecting)
        self.lose(protocol)
        self.turn()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_an_older_drain_saw_is_forgotten(self) -> None:
        _, transport = self.connect()
        first = self.factory.connections.drain(5)
        self.factory.connections.start_accepting()
        self.turn()
        self.successResultOf(first)
        self.factory.connections.drain(5)
        self.assertFalse(transport.disconnecting, "it has not been read yet")
        self.turn()
        self.assertTrue(transport.disconnecting)

    def test_the_later_end_of_two_drains_counts(self) -> None:
        protocol, transport = self.connect()
        self.factory.connections.drain(5)
        self.factory.connections.drain(1)
        while self.clock.seconds() < 4:
            protocol.dataReceived(b"x\n")
            self.turn()
        self.assertFalse(transport.aborted)

    def test_what_comes_after_its_time_is_not_read(self) -> None:
        """Like in one long turn of the reactor: no connection is aborted yet."""
        protocol, transport = self.connect()
        late, _ = self.connect()
        self.factory.connections.drain(5)
        self.clock.rightNow = 5.0
        protocol.dataReceived(b"x\n")
        self.assertTrue(transport.aborted)
        self.assertIs(self.lose(protocol, error.ConnectionAborted()), EndCause.STOPPED)
        self.assertEqual(self.transcript.lines(), [])
        self.assertEqual(self.transcript.ends()[-1].unread_bytes, 2)
        self.assertEqual(self.factory.connections.unread_bytes, 2)
        self.lose(late)

    def test_unfinished_messages_are_counted_where_there_is_no_time_to_show_them(
        self,
    ) -> None:
        for seconds, shown, unread in ((5.4, [b"rest"], 0), (5.5, [], 4)):
            self.setUp()
            protocol, _ = self.connect()
            protocol.dataReceived(b"rest")
            self.factory.connections.drain(5)
            self.clock.rightNow = seconds
            protocol.abort()
            self.lose(protocol, error.ConnectionAborted())
            self.assertEqual(self.transcript.lines(), shown)
            self.assertEqual(self.factory.connections.unread_bytes, unread)
            end = self.transcript.ends()[-1]
            self.assertEqual(end.received_bytes + end.unread_bytes, 4)

    def test_a_peer_that_is_slow_to_take_its_replies_is_waited_for(self) -> None:
        self.factory = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_protocol=lambda framer: ReplyingProtocol(framer, echo),
        )
        protocol, transport = self.connect()
        assert isinstance(protocol, ReplyingProtocol)
        assert transport.producer is not None
        transport.producer.pauseProducing()
        self.factory.connections.drain(5)
        self.clock.pump([TURN_SECONDS] * 1000)
        self.assertFalse(transport.disconnecting)
        transport.producer.resumeProducing()
        protocol.dataReceived(b"x\n")
        self.turn()
        self.turn()
        self.assertTrue(transport.disconnecting)
        self.lose(protocol)

    def connect_tls(self) -> tuple[ReceiverProtocol, FakeTransport]:
        protocol = self.factory.buildProtocol(ADDRESS)
        assert isinstance(protocol, ReceiverProtocol)
        transport = FakeTransport()
        alsoProvides(transport, ISSLTransport)
        transport.peerAddr = ADDRESS
        protocol.makeConnection(transport)
        return protocol, transport

    def test_lets_a_handshake_come_to_its_end(self) -> None:
        protocol, transport = self.connect_tls()
        self.factory.connections.drain(5)
        self.clock.pump([TURN_SECONDS] * 1000)
        self.assertFalse(transport.disconnecting)
        protocol.handshakeCompleted()
        self.clock.pump([TURN_SECONDS] * 100)
        self.assertFalse(transport.disconnecting)  # Its first bytes are on their way.
        protocol.dataReceived(b"x\n")
        self.turn()
        self.turn()
        self.assertTrue(transport.disconnecting)
        self.assertIs(self.lose(protocol), EndCause.STOPPED)
        self.assertEqual(self.transcript.lines(), [b"x"])

    def test_a_client_that_says_nothing_after_its_handshake_is_not_waited_for(
        self,
    ) -> None:
        protocol, transport = self.connect_tls()
        protocol.handshakeCompleted()
        self.factory.connections.drain(5)
        self.clock.pump([TURN_SECONDS] * 1000)
        self.assertTrue(transport.disconnecting)
        self.lose(protocol)

    def test_a_handshake_that_takes_too_long_is_told(self) -> None:
        protocol, transport = self.connect_tls()
        drained = self.factory.connections.drain(5)
        while not transport.aborted:
            self.turn()
        protocol.connectionLost(Failure(error.ConnectionAborted()))
        self.turn()
        self.successResultOf(drained)
        [refused] = self.transcript.events
        assert isinstance(refused, Refused)
        self.assertIs(refused.cause, EndCause.HANDSHAKE)
        self.assertEqual(refused.detail, "the server stopped before it was done")

    def test_peer_that_ends_first_has_ended_in_order(self) -> None:
        protocol, _ = self.connect()
        self.factory.connections.drain(5)
        self.assertIs(self.lose(protocol), EndCause.EOF)

    def test_aborts_a_flood_after_its_time(self) -> None:
        protocol, transport = self.connect()
        drained = self.factory.connections.drain(5)
        while self.clock.seconds() < 5:
            self.assertFalse(transport.aborted)
            protocol.dataReceived(b"x\n")
            self.turn()
        self.turn()
        self.assertTrue(transport.aborted)
        self.lose(protocol, error.ConnectionAborted())
        self.turn()
        self.successResultOf(drained)

    def test_waits_for_a_full_sink(self) -> None:
        _, transport = self.connect()
        self.factory.pauseProducing()
        self.factory.connections.drain(5)
        for _ in range(3):
            self.clock.advance(1)
        self.assertFalse(transport.disconnecting)
        self.factory.resumeProducing()
        self.clock.advance(0.1)
        self.assertFalse(transport.disconnecting, "it has not been read yet")
        self.turn()
        self.assertTrue(transport.disconnecting)
