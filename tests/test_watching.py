"""What the page keeps of connections: bounded, and true about what it left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Batch,
    Called,
    Chunk,
    EndCause,
    Finished,
    LeftOut,
    Lines,
    Listening,
    Peer,
    Received,
    ReceiverFactory,
    Sent,
)
from echolab.formats.recording import Recording, events_of
from echolab.lab.figures import figure_of
from echolab.lab.joining import join
from echolab.lab.reading import sides_of
from echolab.server.protocol import ReceiverProtocol
from echolab.server.service import ReceiverService
from echolab.sinks.tee import tee
from echolab.web.attention import MOST_EVENTS_A_SECOND
from echolab.web.watching import MOST_BYTES, MOST_ENDED, Watch
from tests.support import FakeTransport

if TYPE_CHECKING:
    from echolab.web.known import Known
    from echolab.web.totals import Row

MANY = MOST_EVENTS_A_SECOND


class WatchCase(SynchronousTestCase):
    may_skim = True

    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.watch = Watch(self.clock, may_skim=self.may_skim)
        self.factory = ReceiverFactory(
            self.watch, clock=self.clock, report_chunks=True, report_sent=True
        )
        service = ReceiverService(
            [], self.factory, clock=self.clock, done=lambda _: None
        )
        self.watch.watch(service)
        self.addCleanup(self.watch.close)

    def make_clock(self) -> Any:
        return Clock()

    def connect(self) -> ReceiverProtocol:
        protocol = self.factory.buildProtocol(None)
        assert isinstance(protocol, ReceiverProtocol)
        protocol.makeConnection(FakeTransport())
        return protocol

    def known(self, protocol: ReceiverProtocol) -> Known:
        assert protocol.connection.peer is not None
        known = self.watch.known(protocol.connection.peer.number)
        assert known is not None
        return known

    def row(self, protocol: ReceiverProtocol) -> Row:
        self.watch.look()
        return self.watch.open_rows[self.known(protocol).number]

    def flood(self, protocol: ReceiverProtocol, lines: int = MANY) -> None:
        for _ in range(lines):
            protocol.dataReceived(b"flood\n")


class KeepingTests(WatchCase):
    def test_the_events_of_a_connection(self) -> None:
        ann, ben = self.connect(), self.connect()
        ann.dataReceived(b"hello\n")
        ben.dataReceived(b"other\n")
        ann.connection.write(b"answer\n")
        kinds = [type(event) for event in self.known(ann).events()]
        self.assertEqual(kinds, [Accepted, Chunk, Received, Sent])
        messages = [type(event) for _, event in self.known(ann).since(0)]
        self.assertEqual(messages, [Received, Sent])
        self.assertEqual(list(self.known(ann).since(self.watch.taken)), [])

    def test_the_latest_messages_of_all(self) -> None:
        calm, flood = self.connect(), self.connect()
        self.flood(flood, 3 * MANY)
        calm.dataReceived(b"hello\n")
        self.clock.advance(1)
        self.flood(flood, 3 * MANY)
        numbers = [number for number, _ in self.watch.recent]
        self.assertEqual(numbers, sorted(numbers))
        self.assertLess(len(numbers), 2 * MANY)
        told = [
            line
            for _, event in self.watch.recent
            if isinstance(event, Received)
            for line in event.messages
        ]
        self.assertIn(b"hello", told)
        self.assertEqual(told[-1], b"flood")

    def test_the_beginning_and_the_end_of_a_long_connection_are_kept(self) -> None:
        ann = self.connect()
        for number in range(1, 5000):
            ann.dataReceived(b"%d\n" % number)
            if number % 100 == 0:
                self.clock.advance(1)
        events = self.known(ann).events()
        chunks = [event.data for event in events if isinstance(event, Chunk)]
        self.assertEqual((chunks[0], chunks[-1]), (b"1\n", b"4999\n"))
        [gap] = [event for event in events if isinstance(event, LeftOut)]
        kept = sum(map(len, chunks))
        self.assertEqual(gap.received_bytes, ann.connection.received_bytes - kept)
        self.assertGreater(gap.events, 1000)
        times = [event.time for event in events]
        self.assertEqual(times, sorted(times))

    def test_large_messages_are_bounded_by_their_bytes(self) -> None:
        connections = [self.connect() for _ in range(200)]
        block = b"x" * 60_000 + b"\n"
        for _ in range(10):
            for each in connections:
                each.dataReceived(block)
            self.clock.advance(1)
        kept = [self.known(each).events() for each in connections]
        size = sum(
            len(event.data)
            for events in kept
            for event in events
            if isinstance(event, Chunk)
        )
        self.assertLess(size, MOST_BYTES)

    def test_what_is_kept_of_a_read_is_not_its_buffer(self) -> None:
        ann = self.connect()
        read = b"hello\n" * 200
        ann.dataReceived(read)
        _, chunk, received = self.known(ann).events()
        assert isinstance(chunk, Chunk)
        assert isinstance(received, Received)
        assert isinstance(received.messages, Lines)
        self.assertEqual(chunk.data, read)
        self.assertIsNot(chunk.data, read)
        self.assertIs(received.messages.block, chunk.data)

    def test_messages_of_any_kind_are_kept(self) -> None:
        ann = self.connect()
        batch = Batch((b"one", b"two"))
        assert ann.connection.peer is not None
        self.watch(Received(ann.connection.peer, 0.0, batch))
        _, received = self.known(ann).events()
        assert isinstance(received, Received)
        self.assertEqual(received.messages, batch)

    def test_a_message_too_large_to_be_kept(self) -> None:
        ann = self.connect()
        assert ann.connection.peer is not None
        huge = Batch((b"x" * MOST_BYTES,))
        self.watch(Received(ann.connection.peer, 0.0, huge))
        self.assertEqual(list(self.watch.recent), [])
        self.assertEqual(len(self.known(ann).events()), 2)

    def test_written_bytes_of_a_gap_are_counted(self) -> None:
        ann = self.connect()
        for _ in range(2000):
            ann.connection.write(b"answer\n")
        left = [each for each in self.known(ann).events() if isinstance(each, LeftOut)]
        sent = [each for each in self.known(ann).events() if isinstance(each, Sent)]
        told = sum(each.sent_bytes for each in left)
        self.assertEqual(told + 7 * len(sent), 14000)

    def test_only_so_many_ended_connections_are_kept(self) -> None:
        for _ in range(MOST_ENDED + 10):
            self.connect().connectionLost()
        self.assertIsNone(self.watch.known(10))
        self.assertIsNotNone(self.watch.known(11))
        self.assertEqual(self.watch.ended[0].number, 11)

    def test_all_of_it_is_a_recording(self) -> None:
        ann, ben = self.connect(), self.connect()
        for number in range(3000):
            (ann if number % 3 else ben).dataReceived(b"%d\n" % number)
        ann.connectionLost()
        write = Recording()
        lines = b"".join(map(write, self.watch.recording())).splitlines(keepends=True)
        told = list(events_of(lines))
        ends = [each for each in told if isinstance(each, Finished)]
        self.assertEqual([each.peer.number for each in ends], [1])
        of_ben = [event for event in told if event.peer.number == 2]
        self.assertEqual(
            [type(event) for event in of_ben],
            [type(event) for event in self.known(ben).events()],
        )

    def test_a_recording_that_is_read_slowly_lacks_nothing_in_silence(self) -> None:
        ann = self.connect()
        for skims in (False, True):
            for _ in range(20):
                self.flood(ann, 100)
                self.clock.advance(1)
            if skims:
                self.flood(ann, 3 * MANY)
            received = ann.connection.received_bytes
            told = 0
            for event in self.watch.recording():
                if isinstance(event, Chunk):
                    told += len(event.data)
                elif isinstance(event, LeftOut):
                    told += event.received_bytes
                    self.flood(ann, 3 * MANY)
                    self.clock.advance(1)
            self.assertEqual(told, received)

    def test_what_its_listening_socket_had_done_before(self) -> None:
        port = Peer(0, "IPv4", "127.0.0.1", 8888)
        calls = [Called(port, 0.0, name) for name in ("socket", "bind", "listen")]
        for call in calls:
            self.watch(call)
        for waiting in range(200):
            self.watch(Listening(port, 0.0, 1024, waiting))
        ann = self.connect()
        self.watch(Listening(port, 0.0, 1024, 201))
        events = self.known(ann).events()
        self.assertEqual(events[:3], calls)
        looks = [each.waiting for each in events if isinstance(each, Listening)]
        self.assertEqual(looks, [199])
        self.assertEqual(list(self.watch.recording())[:3], calls)

    def test_a_figure_of_it(self) -> None:
        ann = self.connect()
        ann.dataReceived(b"hello\n")
        self.flood(ann, 3 * MANY)
        [account] = join([sides_of(self.known(ann).events())])
        self.assertIn("connection 1", figure_of(account, "both").title)


class AttentionTests(WatchCase):
    def test_a_flood_is_skimmed_and_a_calm_connection_is_not(self) -> None:
        calm, flood = self.connect(), self.connect()
        calm.dataReceived(b"hello\n")
        self.flood(flood)
        self.assertTrue(flood.connection.is_skimmed)
        for _ in range(3):
            self.clock.advance(1)
            self.flood(flood)
        self.assertTrue(flood.connection.is_skimmed)
        self.clock.advance(1)
        calm.dataReceived(b"again\n")
        self.assertFalse(calm.connection.is_skimmed)
        kept = [each.data for each in self.known(calm).events() if type(each) is Chunk]
        self.assertEqual(kept[-1], b"again\n")

    def test_what_is_not_kept_is_counted(self) -> None:
        flood = self.connect()
        self.flood(flood, 3 * MANY)
        self.assertGreater(self.row(flood).left_out, MANY)
        self.assertGreater(self.watch.totals().left_out, MANY)
        self.check_bytes(flood)
        self.clock.advance(1)
        self.clock.advance(1)
        flood.dataReceived(b"calm\n")
        self.assertFalse(flood.connection.is_skimmed)
        self.check_bytes(flood)
        flood.connectionLost()
        self.check_bytes(flood)

    def check_bytes(self, protocol: ReceiverProtocol) -> None:
        """Check that chunks and gaps together are all bytes."""
        told = 0
        for event in self.known(protocol).events():
            if isinstance(event, Chunk):
                told += len(event.data)
            elif isinstance(event, LeftOut):
                told += event.received_bytes
        self.assertEqual(told, protocol.connection.received_bytes)

    def test_connections_that_begin_in_a_flood_are_skimmed(self) -> None:
        self.flood(self.connect())
        late = self.connect()
        self.assertTrue(late.connection.is_skimmed)
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertFalse(late.connection.is_skimmed)

    def test_one_that_somebody_looks_at_is_followed(self) -> None:
        flood, seen = self.connect(), self.connect()
        self.connect()
        self.watch.choose(2)
        for _ in range(3):
            self.flood(flood)
            self.flood(seen, MANY // 5)
            self.assertFalse(seen.connection.is_skimmed)
            self.clock.advance(1)
        self.watch.let_go(2)
        self.flood(self.connect())
        self.flood(seen, MANY // 5)
        self.assertTrue(seen.connection.is_skimmed)

    def test_even_that_one_is_bounded(self) -> None:
        seen = self.connect()
        self.watch.choose(1)
        self.flood(seen, 5 * MANY)
        self.assertTrue(seen.connection.is_skimmed)
        self.clock.advance(1)
        self.assertFalse(seen.connection.is_skimmed)

    def test_a_skimmed_connection_that_is_chosen_is_followed_at_once(self) -> None:
        flood = self.connect()
        self.flood(flood)
        self.clock.advance(0.5)
        self.watch.choose(1)
        self.assertFalse(flood.connection.is_skimmed)


class FloodTests(SynchronousTestCase):
    def test_what_the_page_skips_other_sinks_get(self) -> None:
        clock, others = Clock(), list[Any]()
        watch = Watch(clock, may_skim=True)
        factory = ReceiverFactory(
            tee(watch, others.append), clock=clock, report_chunks=True
        )
        service = ReceiverService([], factory, clock=clock, done=lambda _: None)
        watch.watch(service)
        self.addCleanup(watch.close)
        protocol = factory.buildProtocol(None)
        assert isinstance(protocol, ReceiverProtocol)
        protocol.makeConnection(FakeTransport())
        sent = [b"%d" % number for number in range(5 * MANY)]
        for second in range(5):
            for line in sent[second * MANY : (second + 1) * MANY]:
                protocol.dataReceived(line + b"\n")
            clock.advance(1)
        told = [
            line
            for event in others
            if isinstance(event, Received)
            for line in event.messages
        ]
        self.assertEqual(told, sent)
        kept = [event for _, event in watch.recent if isinstance(event, Received)]
        self.assertLess(len(kept), 3 * MANY)
        self.assertEqual(watch.totals().received_messages, 5 * MANY)


class SharedAttentionTests(WatchCase):
    may_skim = False

    def test_other_sinks_get_all_events(self) -> None:
        flood = self.connect()
        self.flood(flood, 3 * MANY)
        self.assertFalse(flood.connection.is_skimmed)
        events = self.known(flood).events()
        self.assertLess(len(events), 2 * MANY)
        left = sum(e.received_bytes for e in events if isinstance(e, LeftOut))
        kept = sum(len(e.data) for e in events if isinstance(e, Chunk))
        self.assertEqual(left + kept, flood.connection.received_bytes)


class Monotonic:
    """A clock that is no test's clock: the time of day is the system's."""

    def __init__(self) -> None:
        clock = Clock()
        self.seconds, self.advance = clock.seconds, clock.advance
        self.callLater = clock.callLater


class SetClockTests(WatchCase):
    """The time of day jumps, while the server runs."""

    def setUp(self) -> None:
        self.time_of_day = 1_795_000_000.0
        self.enterContext(mock.patch("time.time", self.tell))
        super().setUp()

    def tell(self) -> float:
        return self.time_of_day

    def make_clock(self) -> Any:
        return Monotonic()

    def pass_by(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.time_of_day += seconds

    def test_spans_are_right(self) -> None:
        for step in (8 * 3600.0, -3600.0):
            with self.subTest(step=step):
                ann = self.connect()
                ann.dataReceived(b"begun")
                self.pass_by(2)
                self.time_of_day += step
                self.pass_by(3)
                row = self.row(ann)
                self.assertAlmostEqual(self.watch.time() - row.heard, 5)
                self.assertAlmostEqual(self.watch.time() - row.began, 5)
                ben = self.connect()
                self.assertAlmostEqual(self.watch.time() - self.row(ben).began, 0)
                for each in ann, ben:
                    each.dataReceived(b"more\n")
                    times = [event.time for event in self.known(each).events()]
                    self.assertAlmostEqual(times[-1], self.watch.time())
                    self.assertEqual(times, sorted(times))
                    each.connectionLost()
                    self.assertAlmostEqual(self.watch.ended[-1].ended, times[-1])

    def test_a_gap_is_between_the_events_around_it(self) -> None:
        self.time_of_day += 3600.0
        ann = self.connect()
        self.flood(ann)
        self.assertTrue(self.known(ann).is_skimmed)
        gaps = [each for each in self.known(ann).events() if isinstance(each, LeftOut)]
        self.assertAlmostEqual(gaps[-1].time, self.watch.time())
        self.watch.choose(1)
        ann.dataReceived(b"more\n")
        times = [event.time for event in self.known(ann).events()]
        self.assertEqual(times, sorted(times))

    def test_the_page_knows_the_time_of_day(self) -> None:
        self.time_of_day += 3600.0
        self.assertAlmostEqual(self.watch.time.ahead_seconds, 3600.0)


class CountingTests(WatchCase):
    def test_rows(self) -> None:
        ann = self.connect()
        began = self.row(ann)
        self.assertEqual((began.state, began.received_bytes), ("open", 0))
        self.assertIs(self.row(ann), began)
        self.clock.advance(3)
        ann.dataReceived(b"one\ntwo\n")
        ann.connection.write(b"answer\n")
        row = self.row(ann)
        self.assertEqual((row.received_bytes, row.messages, row.sent_bytes), (8, 2, 7))
        self.assertEqual(row.heard - row.began, 3)

    def test_states(self) -> None:
        ann = self.connect()
        ann.dataReceived(b"half a l")
        self.assertEqual(self.row(ann).state, "open")
        self.clock.advance(2)
        self.assertEqual(self.row(ann).state, "unfinished message")
        ann.dataReceived(b"ine\n")
        self.clock.advance(2)
        self.assertEqual(self.row(ann).state, "open")
        self.factory.pauseProducing()
        self.assertEqual(self.row(ann).state, "paused")
        self.factory.resumeProducing()
        ann.connection.half_closed()
        self.assertEqual(self.row(ann).state, "half-closed")
        ann.give_up()
        self.assertEqual(self.row(ann).state, "ending")

    def test_an_unfinished_message_in_a_flood(self) -> None:
        ann = self.connect()
        self.flood(ann)
        self.assertTrue(self.known(ann).is_skimmed)
        ann.dataReceived(b"begun")
        ann.connection.take_partial(self.clock.seconds())
        self.clock.advance(2)
        self.assertEqual(self.row(ann).state, "unfinished message")

    def test_totals(self) -> None:
        ann, ben = self.connect(), self.connect()
        ann.dataReceived(b"one\n")
        ann.connection.write(b"answer\n")
        ben.dataReceived(b"two\n")
        ben.connectionLost()
        self.watch.look()
        self.clock.advance(5)
        totals = self.watch.totals()
        self.assertEqual(totals.began, 0.0)
        self.assertEqual(totals.connections["open"], 1)
        self.assertEqual(totals.accepted, 2)
        self.assertEqual(totals.ended["eof"], 1)
        self.assertEqual(totals.ended["reset"], 0)
        self.assertEqual((totals.received_bytes, totals.received_messages), (8, 2))
        self.assertEqual((totals.sent_bytes, totals.sent_messages), (7, 1))

    def test_refusals(self) -> None:
        peer = Peer(0, "IPv4", "192.0.2.1", 7)
        for _ in range(100):  # Few of them are reported one by one.
            self.factory.connections.refuse(peer, EndCause.REFUSED, "denied")
        self.factory.connections.refuse(peer, EndCause.HANDSHAKE, "late")
        refused = self.watch.totals().refused
        self.assertEqual((refused["refused"], refused["handshake"]), (100, 1))
        self.assertEqual(self.watch.refused[0].detail, "denied")

    def test_a_drain(self) -> None:
        self.assertFalse(self.watch.totals().draining)
        self.factory.connections.drain(1.0)
        self.assertTrue(self.watch.totals().draining)
