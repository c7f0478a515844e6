"""The receiving side, in memory with a fake clock."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IPushProducer,
    ISSLTransport,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from typing_extensions import override
from zope.interface import alsoProvides

from echolab import (
    Accepted,
    Admission,
    Batch,
    EndCause,
    Limits,
    LineFramer,
    Lines,
    MalformedError,
    NetstringFramer,
    Peer,
    Received,
    ReceiverFactory,
    ReceiverProtocol,
    Refused,
    ReplyingProtocol,
    echo,
    reply_text,
    tee,
)
from echolab.server.connections import TURN_SECONDS
from echolab.server.protocol import LINGER_SECONDS
from echolab.testing import Transcript
from echolab.tls.unread import READS_NOTHING
from tests.support import Eager, FakeTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab import Event
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


class ReceiverTests(ReceiverCase):
    def test_events_in_order(self) -> None:
        self.clock.advance(100)
        protocol, _ = self.connect()
        self.clock.advance(2)
        protocol.dataReceived(b"hel")
        protocol.dataReceived(b"lo\nbye")
        self.clock.advance(3)
        self.lose(protocol)
        peer = Peer(1, "IPv4", "127.0.0.1", 60612)
        self.assertEqual(self.transcript.events[0], Accepted(peer, 100))
        self.assertEqual(self.transcript.lines(), [b"hello", b"bye"])
        self.assertEqual(
            [event.time for event in self.transcript.events], [100, 102, 105, 105]
        )
        finished = self.transcript.ends()[-1]
        self.assertEqual(finished.peer, peer)
        self.assertEqual(finished.received_bytes, 9)
        self.assertEqual(finished.messages, 1)
        self.assertEqual(finished.unterminated_bytes, 3)
        self.assertEqual(finished.seconds, 5)

    def test_causes(self) -> None:
        self.assertIs(self.lose(self.connect()[0]), EndCause.EOF)
        self.assertIs(
            self.lose(self.connect()[0], error.ConnectionLost()), EndCause.RESET
        )

    def test_a_reset_swallows_nothing(self) -> None:
        protocol, _ = self.connect()
        protocol.dataReceived(b"a\nb")
        self.lose(protocol, error.ConnectionLost())
        self.assertEqual(self.transcript.lines(), [b"a", b"b"])

    def test_what_cannot_be_framed_ends_the_connection(self) -> None:
        for make, data, cause in (
            (NetstringFramer, b"2:ok,bad", EndCause.MALFORMED),
            (lambda: NetstringFramer(8, "close"), b"2:ok,9:", EndCause.OVERLONG),
        ):
            self.factory = ReceiverFactory(
                self.transcript, clock=self.clock, make_framer=make
            )
            protocol, transport = self.connect()
            protocol.dataReceived(data)
            self.assertTrue(transport.disconnecting)
            protocol.dataReceived(b"2:no,")
            self.assertIs(self.lose(protocol), cause)
            self.assertEqual(self.transcript.lines().pop(), b"ok")

    def test_overlong_line_at_the_very_end(self) -> None:
        self.factory = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_framer=lambda: LineFramer(1, "close"),
        )
        protocol, _ = self.connect()
        protocol.dataReceived(b"x\r")
        self.assertIs(self.lose(protocol), EndCause.OVERLONG)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_framer_that_raises_at_once(self) -> None:
        for method in ("feed", "take", "end"):
            self.factory = ReceiverFactory(
                self.transcript,
                clock=self.clock,
                make_framer=partial(Eager, method, MalformedError("no")),
            )
            protocol, _ = self.connect()
            protocol.dataReceived(b"hello")
            self.clock.advance(1)
            self.assertIs(self.lose(protocol), EndCause.MALFORMED, method)
            self.assertEqual(self.transcript.ends()[-1].detail, "no")

    def test_no_messages_are_no_event(self) -> None:
        for nothing in (Batch(()), Lines(b""), Batch((), mark="partial")):
            framer = mock.Mock(buffered_bytes=0)
            framer.feed.return_value = [nothing, Batch((b"",)), Lines(b"\n")]
            framer.end.return_value = [nothing]
            self.transcript = Transcript()
            self.factory = ReceiverFactory(
                self.transcript,
                clock=self.clock,
                make_framer=mock.Mock(return_value=framer),
            )
            protocol, _ = self.connect()
            protocol.dataReceived(b"hello")
            self.lose(protocol)
            self.assertEqual(self.transcript.lines(), [b"", b""])
            self.assertEqual(self.transcript.ends()[-1].messages, 2)

    def test_finished_is_said_whatever_a_framer_raises(self) -> None:
        self.factory = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_framer=lambda: Eager("end", KeyError("a fault")),
        )
        protocol, _ = self.connect()
        with self.assertRaisesRegex(KeyError, "a fault"):
            self.lose(protocol)
        self.assertEqual(len(self.transcript.ends()), 1)

    def test_and_whatever_a_sink_raises(self) -> None:
        def sink(event: Event) -> None:
            if isinstance(event, Received):
                raise ValueError("a fault")

        self.factory = ReceiverFactory(tee(sink, self.transcript), clock=self.clock)
        protocol, _ = self.connect()
        protocol.dataReceived(b"a\nb")
        self.assertIs(self.lose(protocol), EndCause.EOF)
        self.assertEqual(self.transcript.lines(), [b"a", b"b"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_peers_are_numbered(self) -> None:
        numbers = []
        for _ in range(3):
            self.connect()
            numbers.append(self.transcript.events[-1].peer.number)
        self.assertEqual(numbers, [1, 2, 3])

    def test_peers_do_not_share_a_line(self) -> None:
        one, _ = self.connect()
        two, _ = self.connect()
        one.dataReceived(b"on")
        two.dataReceived(b"tw")
        one.dataReceived(b"e\n")
        two.dataReceived(b"o\n")
        self.assertEqual(self.transcript.lines(), [b"one", b"two"])

    def test_full_sink_pauses_everybody_old_and_new(self) -> None:
        _, old = self.connect()
        self.factory.pauseProducing()
        _, new = self.connect()
        self.assertEqual([old.producerState, new.producerState], ["paused"] * 2)
        self.factory.resumeProducing()
        self.assertEqual([old.producerState, new.producerState], ["producing"] * 2)

    def test_sink_that_is_gone_ends_everybody(self) -> None:
        protocol, transport = self.connect()
        self.factory.stopProducing()
        self.assertTrue(transport.aborted)
        self.turned_away()
        cause = self.lose(protocol, error.ConnectionAborted())
        self.assertIs(cause, EndCause.STOPPED)

    def test_stop_accepting_leaves_open_connections(self) -> None:
        protocol, transport = self.connect()
        self.factory.connections.stop_accepting()
        self.turned_away()
        self.assertEqual(
            self.transcript.events[-1],
            Refused(
                Peer(0, "IPv4", "127.0.0.1", 60612),
                *(0, EndCause.REFUSED, "no more are accepted", 0),
            ),
        )
        protocol.dataReceived(b"more\n")
        self.assertEqual(self.transcript.lines(), [b"more"])
        self.assertFalse(transport.disconnecting)


class PartialTests(ReceiverCase):
    """An unfinished message is shown when its peer falls silent, and goes on later."""

    def setUp(self) -> None:
        super().setUp()
        self.factory = ReceiverFactory(
            self.transcript, clock=self.clock, limits=Limits(partial_seconds=2)
        )

    def shown(self) -> list[tuple[bytes, str | None]]:
        return [
            (line, event.messages.mark)
            for event in self.transcript.events
            if isinstance(event, Received)
            for line in event.messages
        ]

    def test_shown_after_silence_and_the_rest_when_it_comes(self) -> None:
        protocol, _ = self.connect()
        protocol.dataReceived(b"one\nhel")
        self.clock.advance(1.9)
        self.assertEqual(self.shown(), [(b"one", None)])
        self.clock.advance(0.1)
        self.assertEqual(self.shown()[1:], [(b"hel", "partial")])
        self.assertEqual(self.transcript.events[-1].time, 2)
        self.clock.advance(10)
        protocol.dataReceived(b"lo\nrest")
        self.assertEqual(self.shown()[2:], [(b"lo", "continued")])
        self.clock.advance(2)
        self.assertEqual(self.shown()[3:], [(b"rest", "partial")])
        self.lose(protocol)
        finished = self.transcript.ends()[-1]
        self.assertEqual((finished.messages, finished.unterminated_bytes), (2, 4))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence_counts_from_the_last_byte(self) -> None:
        protocol, _ = self.connect()
        for _ in range(3):
            protocol.dataReceived(b"x")
            self.clock.advance(1.5)
        self.assertEqual(self.shown(), [])
        self.clock.advance(0.5)
        self.assertEqual(self.shown(), [(b"xxx", "partial")])

    def test_a_line_that_comes_in_time_is_whole(self) -> None:
        protocol, _ = self.connect()
        protocol.dataReceived(b"hel")
        self.clock.advance(1.5)
        protocol.dataReceived(b"lo\n")
        self.clock.advance(9)
        self.assertEqual(self.shown(), [(b"hello", None)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_never(self) -> None:
        self.factory = ReceiverFactory(
            self.transcript, clock=self.clock, limits=Limits(partial_seconds=0)
        )
        protocol, _ = self.connect()
        protocol.dataReceived(b"hel")
        self.clock.advance(3600)
        self.assertEqual(self.shown(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_peer_that_is_held_back_is_not_silent(self) -> None:
        protocol, _ = self.connect()
        protocol.dataReceived(b"hel")
        self.factory.pauseProducing()
        self.clock.pump([1] * 10)
        self.factory.resumeProducing()
        self.clock.advance(1)
        self.assertEqual(self.shown(), [])
        self.clock.pump([1] * 2)
        self.assertEqual(self.shown(), [(b"hel", "partial")])

    def test_only_alone(self) -> None:
        self.factory = ReceiverFactory(
            self.transcript, clock=self.clock, limits=Limits(partial_alone=True)
        )
        protocol, _ = self.connect()
        other, _ = self.connect()
        protocol.dataReceived(b"hel")
        self.clock.pump([1] * 5)
        self.assertEqual(self.shown(), [])
        self.lose(other)
        self.clock.advance(1)
        self.assertEqual(self.shown(), [(b"hel", "partial")])

    def test_overlong_altogether(self) -> None:
        self.factory = ReceiverFactory(
            *(self.transcript,),
            clock=self.clock,
            make_framer=lambda: LineFramer(5, "close"),
        )
        protocol, transport = self.connect()
        protocol.dataReceived(b"hel")
        self.clock.advance(1)
        protocol.dataReceived(b"lo!")
        self.assertTrue(transport.disconnecting)
        self.clock.advance(9)
        self.assertEqual(self.shown(), [(b"hel", "partial")])
        self.assertIs(self.lose(protocol), EndCause.OVERLONG)


class IdleTests(ReceiverCase):
    def setUp(self) -> None:
        super().setUp()
        self.factory = ReceiverFactory(
            self.transcript, clock=self.clock, limits=Limits(idle_seconds=10)
        )

    def test_ends_after_silence(self) -> None:
        protocol, transport = self.connect()
        self.clock.advance(6)
        protocol.dataReceived(b"half")
        self.clock.pump([6, 3.9])
        self.assertFalse(transport.disconnecting)
        self.clock.advance(0.1)
        self.assertTrue(transport.disconnecting)
        self.assertIs(self.lose(protocol), EndCause.IDLE)
        self.assertEqual(self.transcript.ends()[-1].detail, "nothing came for 10 s")
        self.assertEqual(self.transcript.lines(), [b"half"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_peer_that_is_held_back_is_not_idle(self) -> None:
        _, transport = self.connect()
        self.factory.pauseProducing()
        self.clock.pump([10] * 5)
        self.factory.resumeProducing()
        self.clock.advance(9)
        self.assertFalse(transport.disconnecting)
        self.clock.pump([1] * 10)
        self.assertTrue(transport.disconnecting)

    def test_a_peer_that_does_not_let_go_is_aborted(self) -> None:
        _, transport = self.connect()
        self.clock.advance(10)
        self.clock.advance(LINGER_SECONDS)
        self.assertTrue(transport.aborted)


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


class AdmissionTests(ReceiverCase):
    def test_turned_away_and_reported_at_a_bounded_rate(self) -> None:
        self.factory = ReceiverFactory(
            self.transcript, clock=self.clock, admission=Admission(max_connections=1)
        )
        first, _ = self.connect()
        for _ in range(30):
            self.turned_away()
        self.clock.advance(1)
        refused = [
            event for event in self.transcript.events if isinstance(event, Refused)
        ]
        self.assertEqual([event.others for event in refused], [0] * 10 + [19])
        self.assertEqual(refused[0].detail, "max-connections is 1")
        self.turned_away()
        last = self.transcript.events[-1]
        assert isinstance(last, Refused)
        self.assertEqual(last.others, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.lose(first)
        self.connect()


class ReplyCase(ReceiverCase):
    reply: Reply = staticmethod(echo)

    def setUp(self) -> None:
        super().setUp()
        self.factory = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_protocol=lambda framer: ReplyingProtocol(framer, self.reply),
        )


class EchoTests(ReplyCase):
    def test_every_byte_as_it_came(self) -> None:
        protocol, transport = self.connect()
        for chunk in (b"he", b"llo\r\n", b"\xff"):
            protocol.dataReceived(chunk)
        self.assertEqual(transport.value(), b"hello\r\n\xff")

    def test_what_is_owed_is_sent_after_the_peers_end(self) -> None:
        protocol, transport = self.connect()
        protocol.dataReceived(b"hello\nbye")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertTrue(transport.disconnecting)
        self.assertIs(self.lose(protocol), EndCause.EOF)
        self.assertEqual(self.transcript.lines(), [b"hello", b"bye"])
        self.assertEqual(self.transcript.ends()[-1].unterminated_bytes, 3)

    def test_a_framer_is_told_of_the_end_once(self) -> None:
        framer = mock.Mock(buffered_bytes=0)
        framer.end.return_value = [Batch((b"rest",), mark="unterminated")]
        self.factory = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_framer=lambda: framer,
            make_protocol=lambda framer: ReplyingProtocol(framer, echo),
        )
        protocol, _ = self.connect()
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.lose(protocol)
        self.assertEqual(framer.end.call_count, 1)
        self.assertEqual(self.transcript.ends()[-1].unterminated_bytes, 4)

    def test_the_peers_end_does_not_hide_why_this_side_ended_it(self) -> None:
        def idle(_: ReceiverProtocol) -> None:
            self.clock.advance(60)

        cases: list[tuple[Callable[[ReceiverProtocol], None], EndCause]] = [
            (lambda it: it.dataReceived(b"overlong\n"), EndCause.OVERLONG),
            (lambda it: it.dataReceived(b"one\r"), EndCause.OVERLONG),
            (idle, EndCause.IDLE),
            (lambda it: it.end(EndCause.STOPPED, "told to"), EndCause.STOPPED),
        ]
        for end, cause in cases:
            self.factory = ReceiverFactory(
                self.transcript,
                clock=self.clock,
                make_framer=lambda: LineFramer(3, "close"),
                make_protocol=lambda framer: ReplyingProtocol(framer, echo),
                limits=Limits(idle_seconds=60),
            )
            protocol, transport = self.connect()
            end(protocol)
            IHalfCloseableProtocol(protocol).readConnectionLost()
            self.assertTrue(transport.disconnecting)
            self.assertIs(self.lose(protocol), cause)
            if cause is EndCause.OVERLONG:
                why = "a message is longer than 3 bytes"
                self.assertEqual(self.transcript.ends()[-1].detail, why)

    def test_a_reset_after_the_peers_end_is_one(self) -> None:
        protocol, transport = self.connect()
        assert transport.producer is not None
        transport.producer.pauseProducing()  # The peer does not read.
        protocol.dataReceived(b"hello\n")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertFalse(transport.disconnecting)
        self.assertIs(self.lose(protocol, error.ConnectionLost()), EndCause.RESET)

    def test_a_peer_that_does_not_read_is_not_read(self) -> None:
        _, transport = self.connect()
        producer = transport.producer
        assert producer is not None
        producer.pauseProducing()
        self.assertEqual(transport.producerState, "paused")
        self.factory.pauseProducing()
        self.factory.resumeProducing()
        self.assertEqual(transport.producerState, "paused")
        self.factory.pauseProducing()
        producer.resumeProducing()
        self.assertEqual(transport.producerState, "paused")
        self.factory.resumeProducing()
        self.assertEqual(transport.producerState, "producing")


class ManyRepliesTests(ReplyCase):
    reply = staticmethod(reply_text("x" * 999))

    def test_replies_are_made_as_the_peer_takes_them(self) -> None:
        protocol, transport = self.connect()
        producer = transport.producer
        assert producer is not None
        write = transport.write
        sent = 0

        def full_at_once(data: bytes) -> None:
            nonlocal sent
            sent += len(data)
            self.assertLessEqual(len(data), 1 << 16)
            write(data)
            producer.pauseProducing()

        self.patch(transport, "write", full_at_once)
        protocol.dataReceived(b"\n" * 1000)
        self.assertLessEqual(sent, 1 << 16)
        IHalfCloseableProtocol(protocol).readConnectionLost()
        turns = 0
        while not transport.disconnecting:
            producer.resumeProducing()
            turns += 1
        self.assertEqual(sent, 1_000_000)
        self.assertGreater(turns, 10)


class ReplyTextTests(ReplyCase):
    reply = staticmethod(reply_text(r"+OK\r"))

    def test_a_line_for_each_message(self) -> None:
        protocol, transport = self.connect()
        protocol.dataReceived(b"one\ntwo\nthr")
        self.assertEqual(transport.value(), b"+OK\r\n" * 2)
        self.clock.advance(1)  # Shown as partial: not a message yet.
        protocol.dataReceived(b"ee\nlast")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertEqual(transport.value(), b"+OK\r\n" * 4)


class FramedReplyTests(SynchronousTestCase):
    def test_in_the_framing_of_what_came(self) -> None:
        for framing, sent in (
            ("line", b"ok\n"),
            ("chunk", b"ok\n"),
            ("netstring", b"2:ok,"),
            ("int16", b"\0\2ok"),
            ("int32", b"\0\0\0\2ok"),
            (r"delimiter:\r\0", b"ok\r\0"),
        ):
            reply: Any = reply_text("ok", framing)
            self.assertEqual(list(reply(PEER, Batch((b"", b"")))), [sent * 2])

    def test_too_long(self) -> None:
        with self.assertRaisesRegex(ValueError, "65536 bytes are too long: at most"):
            reply_text("x" * 65_536, "int16")


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
