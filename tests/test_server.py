"""The receiving side, in memory with a fake clock."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.internet import error

from echolab import (
    Accepted,
    Admission,
    Batch,
    ChunkFramer,
    EndCause,
    Ledger,
    Limits,
    LineFramer,
    Lines,
    MalformedError,
    NetstringFramer,
    Peer,
    Received,
    ReceiverFactory,
    Refused,
    tee,
)
from echolab.server.protocol import LINGER_SECONDS
from echolab.testing import Transcript
from tests.receiving import ReceiverCase
from tests.support import Eager

if TYPE_CHECKING:
    from echolab import Event


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


class StreamTests(ReceiverCase):
    """How much is read at once: Twisted's 64 KiB, and more of a fast stream."""

    FULL = b"a line\n" * 9362 + b"x\n"

    def size_after(self, *reads: bytes, others: int = 0, **options: Any) -> int:
        self.factory = ReceiverFactory(self.transcript, clock=self.clock, **options)
        for _ in range(others):
            self.connect()
        protocol, transport = self.connect()
        wire: Any = transport
        wire.bufferSize = len(self.FULL)
        for data in reads:
            protocol.dataReceived(data)
        size: int = wire.bufferSize
        return size

    def test_a_fast_stream(self) -> None:
        self.assertEqual(self.size_after(b"hello\n", self.FULL[1:]), 65536)
        self.assertEqual(self.size_after(self.FULL, others=63), 131072)

    def test_many_connections_hold_no_more(self) -> None:
        self.assertEqual(self.size_after(self.FULL, others=64), 65536)

    def test_where_reads_are_shown_they_stay_the_same(self) -> None:
        for options in (
            {"make_framer": ChunkFramer},
            {"report_chunks": True},
            {"ledger": Ledger(kernel=False)},
        ):
            self.assertEqual(self.size_after(self.FULL, **options), 65536, options)


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

    def test_a_peer_that_this_side_does_not_read_is_not_idle(self) -> None:
        protocol, transport = self.connect()
        protocol.connection.hold(self)
        self.clock.pump([10] * 5)
        protocol.connection.release(self)
        self.clock.advance(9)
        self.assertFalse(transport.disconnecting)
        self.clock.pump([1] * 10)
        self.assertTrue(transport.disconnecting)

    def test_a_peer_that_does_not_let_go_is_aborted(self) -> None:
        _, transport = self.connect()
        self.clock.advance(10)
        self.clock.advance(LINGER_SECONDS)
        self.assertTrue(transport.aborted)


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

    def test_who_gets_no_protocol_takes_no_place(self) -> None:
        makes = iter([ValueError("no framer"), LineFramer()])
        make_framer = mock.Mock(side_effect=makes)
        self.factory = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_framer=make_framer,
            admission=Admission(max_connections=1, max_per_host=1),
        )
        with self.assertRaises(ValueError):
            self.connect()
        self.connect()
        self.turned_away()
