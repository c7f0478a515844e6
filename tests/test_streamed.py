"""The page over a stream: what events tell of connections of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Called,
    Chunk,
    EndCause,
    Finished,
    HalfClosed,
    Lines,
    Peer,
    Received,
    ReceiverFactory,
    Refused,
    Sent,
)
from echolab.server.service import ReceiverService
from echolab.sinks.tee import tee
from echolab.web.downloads import FORMS
from echolab.web.streamed import StreamWatch
from echolab.web.watching import Watch

if TYPE_CHECKING:
    from echolab import Event
    from echolab.web.totals import Row

ANN = Peer(1, "IPv4", "192.0.2.1", 40001, receiver="web1")
BEN = Peer(2, "IPv4", "192.0.2.2", 40002, receiver="web2")
PAST = 1_795_000_000.0
ACCEPTED = Accepted(ANN, PAST, Peer(1, "IPv4", "192.0.2.8", 8888), 1.0)


class StreamedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.watch = Watch(self.clock, may_skim=False)
        self.take = StreamWatch(self.watch, self.clock)
        factory = ReceiverFactory(tee(), clock=self.clock)
        service = ReceiverService([], factory, clock=self.clock, done=lambda _: None)
        self.watch.watch(service, reads=True)
        self.addCleanup(self.watch.close)

    def rows(self, *events: Event) -> list[Row]:
        for event in events:
            self.take(event)
        self.watch.look()
        return [*self.watch.open_rows.values()]

    def capture(self) -> bytes:
        return b"".join(FORMS["pcapng"].parts(self.watch.recording(), None))

    def test_messages_tell_what_has_come(self) -> None:
        [ann] = self.rows(
            ACCEPTED,
            Received(ANN, PAST + 1, Lines(b"one\ntwo\n")),
            Sent(ANN, PAST + 2, b"ok\n"),
        )
        self.assertEqual((ann.received_bytes, ann.messages, ann.sent_bytes), (8, 2, 3))
        self.assertEqual((ann.began, ann.state), (PAST, "open"))
        self.assertIn("at=web1", ann.peer)
        times = [event.time for _, event in self.watch.recent]
        self.assertEqual(times, [PAST + 1, PAST + 2])

    def test_reads_count_where_there_are_any(self) -> None:
        [ann] = self.rows(
            ACCEPTED,
            Chunk(ANN, PAST + 1, b"one\r\n"),
            Received(ANN, PAST + 1, Lines(b"one\n")),
        )
        self.assertEqual(ann.received_bytes, 5)
        self.assertIn(b"one\r\n", self.capture())

    def test_a_connection_that_began_before(self) -> None:
        [ben] = self.rows(Received(BEN, PAST, Lines(b"one\n")))
        self.assertEqual((ben.began, ben.messages), (PAST, 1))

    def test_a_peer_that_stops_in_a_message(self) -> None:
        [ann] = self.rows(Received(ANN, PAST, Lines(b"begun\n", mark="partial")))
        self.clock.advance(2)
        [ann] = self.rows(HalfClosed(BEN, PAST))[:1]
        self.assertEqual((ann.state, ann.messages), ("unfinished message", 0))
        [ann] = self.rows(Received(ANN, PAST, Lines(b"end\n", mark="continued")))[:1]
        self.assertEqual((ann.state, ann.messages), ("open", 1))

    def test_ends_and_refusals(self) -> None:
        end = Finished(
            ANN, PAST + 5, EndCause.RESET, received_bytes=9, messages=1, seconds=5.0
        )
        rows = self.rows(
            ACCEPTED,
            end,
            Refused(
                Peer(0, "IPv4", "192.0.2.9", 1), PAST, EndCause.REFUSED, "denied", 0
            ),
        )
        self.assertEqual(rows, [])
        [ended] = self.watch.ended
        self.assertEqual((ended.cause, ended.received_bytes), ("reset", 9))
        totals = self.watch.totals()
        self.assertTrue(totals.listening)
        self.assertEqual((totals.accepted, totals.received_bytes), (1, 9))
        self.assertEqual(self.watch.refused[0].detail, "denied")

    def test_what_a_socket_does_after_its_end_begins_nothing(self) -> None:
        end = Finished(
            ANN, PAST + 5, EndCause.EOF, received_bytes=0, messages=0, seconds=5.0
        )
        rows = self.rows(
            Called(ANN, PAST, "accept"), ACCEPTED, end, Called(ANN, PAST + 5, "close")
        )
        self.assertEqual(rows, [])
        [ended] = self.watch.ended
        known = self.watch.known(ended.number)
        assert known is not None
        calls = [each.call for each in known.events() if isinstance(each, Called)]
        self.assertEqual(calls, ["accept", "close"])

    def test_a_capture_has_a_gap_where_reads_are_not_known(self) -> None:
        self.rows(
            ACCEPTED,
            Received(ANN, PAST + 1, Lines(b"x" * 4999 + b"\n")),
            Finished(
                *(ANN, PAST + 2, EndCause.EOF),
                received_bytes=5000,
                messages=1,
                seconds=2.0,
            ),
        )
        capture = self.capture()
        self.assertNotIn(b"xxx", capture)
        # The bytes of SYN and FIN are numbered too: 1 and 5002.
        self.assertIn((5002).to_bytes(4), capture)
