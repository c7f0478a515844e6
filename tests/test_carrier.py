"""The sink that carries events into a stream, with an engine that the test plays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from echolab import (
    Accepted,
    Batch,
    Called,
    Chunk,
    EndCause,
    Finished,
    Introduced,
    ISink,
    Json,
    LeftOut,
    Lines,
    Peer,
    Raw,
    Received,
    Refused,
    Sent,
    Unanswered,
)
from echolab.carrying import carrier as module
from echolab.carrying.carrier import Carrier
from echolab.carrying.packing import MOST_BYTES, EventPacker, Packer, TextPacker
from echolab.carrying.publishing import Message, subject_of
from echolab.carrying.schema import decode
from tests.test_sinks import Flow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.carrying.publishing import Listener
    from echolab.events import Event

ONE = Peer(1, "IPv4", "10.0.0.7", 60612)
TWO = Peer(2, "IPv6", "::1", 60613)
THREE = Peer(3, "UNIX", path="/run/lab.sock")


def line(peer: Peer, text: str) -> Received:
    return Received(peer, 5.0, Lines(text.encode() + b"\n"))


class FakeEngine:
    """An engine that only notes what is published."""

    listener: Listener

    def __init__(self) -> None:
        self.flights: list[list[Message]] = []
        self.doubts = 0

    def publish(self, messages: Iterable[Message]) -> None:
        self.flights.append([*messages])

    def doubt(self) -> None:
        self.doubts += 1

    def acknowledge(self) -> None:
        for message in self.flights[-1]:
            self.listener.acknowledged(message.number)


class CarrierCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.engine = FakeEngine()
        self.failures: list[str] = []
        self.carrier = self.carry(EventPacker())

    def carry(self, packer: Packer, most: int = 1 << 20) -> Carrier:
        self.carrier = Carrier(
            self.engine,
            packer,
            name="nats://h:4222/lab",
            subject="lab",
            receiver="web1",
            run="3f9a",
            clock=self.clock,
            failed=self.failures.append,
            max_waiting_bytes=most,
        )
        return self.carrier

    def take(self, *events: Event) -> None:
        for event in events:
            self.carrier(event)
        self.clock.advance(0)

    def published(self) -> list[list[tuple[str, list[Event]]]]:
        """What each message of each flight has: subject and events."""
        return [
            [(each.subject, [*decode(each.payload).events]) for each in flight]
            for flight in self.engine.flights
        ]


class FlightTests(CarrierCase):
    def test_it_is_a_sink(self) -> None:
        verifyObject(ISink, self.carrier)
        self.assertFalse(self.carrier.reopen())

    def test_a_message_for_each_connection_of_a_turn(self) -> None:
        self.carrier.up()
        self.take(line(TWO, "a"), line(ONE, "b"), line(TWO, "c"), line(THREE, "d"))
        self.assertEqual(
            self.published(),
            [
                [
                    ("lab.web1.__1", [line(TWO, "a"), line(TWO, "c")]),
                    ("lab.web1.10_0_0_7", [line(ONE, "b")]),
                    ("lab.web1.unix", [line(THREE, "d")]),
                ]
            ],
        )
        ids = [each.id for each in self.engine.flights[0]]
        self.assertEqual(ids, ["web1-3f9a-1", "web1-3f9a-2", "web1-3f9a-3"])

    def test_the_next_flight_waits_for_all_acknowledgements(self) -> None:
        self.carrier.up()
        self.take(line(ONE, "a"), line(TWO, "b"))
        self.take(line(ONE, "c"))
        self.take(line(ONE, "d"))
        self.carrier.acknowledged(1)
        self.assertEqual(len(self.engine.flights), 1)
        self.carrier.acknowledged(2)
        self.assertEqual(
            self.published()[1],
            [("lab.web1.10_0_0_7", [line(ONE, "c"), line(ONE, "d")])],
        )
        self.assertEqual(self.carrier.waiting_bytes, self.engine.flights[1][0].size)
        self.engine.acknowledge()
        self.assertEqual(self.carrier.waiting_bytes, 0)

    def test_a_payload_says_who_sent_it_and_what_was_stored_before(self) -> None:
        self.carrier.up()
        self.take(line(ONE, "a"), line(TWO, "b"))
        self.take(line(ONE, "c"))
        self.engine.acknowledge()
        heads = [
            (each.receiver, each.run, each.number, each.stored)
            for flight in self.engine.flights
            for each in [decode(message.payload) for message in flight]
        ]
        self.assertEqual(
            heads,
            [("web1", "3f9a", 1, 0), ("web1", "3f9a", 2, 0), ("web1", "3f9a", 3, 2)],
        )

    def test_what_came_before_the_engine_goes_first(self) -> None:
        self.take(line(ONE, "a"))
        self.assertEqual(self.engine.flights, [])
        self.carrier.up()
        self.assertEqual(self.published(), [[("lab.web1.10_0_0_7", [line(ONE, "a")])]])

    def test_a_flight_is_bounded_and_the_turns_are_fair(self) -> None:
        large = Received(ONE, 5.0, Lines(b"x" * 199_999 + b"\n"))
        self.take(*[large] * 5, line(TWO, "b"))
        self.carrier.up()
        while len(self.engine.flights) < 3:
            self.engine.acknowledge()
        kinds = [
            [(subject, len(events)) for subject, events in flight]
            for flight in self.published()
        ]
        one, two = "lab.web1.10_0_0_7", "lab.web1.__1"
        self.assertEqual(kinds, [[(one, 2), (two, 1)], [(one, 2)], [(one, 1)]])

    def test_an_ipv4_peer_of_a_socket_of_ipv6_has_one_subject(self) -> None:
        self.assertEqual(
            subject_of("lab", "web1", Peer(1, "IPv6", "::ffff:10.0.0.7", 1)),
            subject_of("lab", "web1", ONE),
        )

    def test_a_flight_has_few_messages(self) -> None:
        self.take(*(line(replace(ONE, number=n), "a") for n in range(1, 301)))
        self.carrier.up()
        self.engine.acknowledge()
        self.assertEqual([len(each) for each in self.engine.flights], [256, 44])

    def test_events_of_no_connection_have_their_own_messages(self) -> None:
        self.carrier.up()
        nobody = replace(ONE, number=0)
        other = replace(nobody, host="10.0.0.8")
        refused = [
            Refused(peer, 5.0, EndCause.REFUSED, "denied", 0)
            for peer in (nobody, other, nobody)
        ]
        self.take(*refused, line(ONE, "a"))
        self.assertEqual(
            self.published(),
            [
                [
                    ("lab.web1.10_0_0_7", [refused[0], refused[2]]),
                    ("lab.web1.10_0_0_8", [refused[1]]),
                    ("lab.web1.10_0_0_7", [line(ONE, "a")]),
                ]
            ],
        )

    def test_subjects(self) -> None:
        for peer, token in (
            (ONE, "10_0_0_7"),
            (Peer(1, "IPv6", "fe80::1%eth0", 1), "fe80__1_eth0"),
            (THREE, "unix"),
            (Peer(1, "host"), "-"),
        ):
            self.assertEqual(subject_of("a.b", "web1", peer), f"a.b.web1.{token}")


class TroubleTests(CarrierCase):
    def said(self, events: Iterable[LogEvent]) -> list[str]:
        """Return what was logged, without the name of the stream."""
        name = "write nats://h:4222/lab: "
        for event in events:
            self.assertTrue(formatEvent(event).startswith(name))
        return [formatEvent(event).removeprefix(name) for event in events]

    def test_what_is_not_acknowledged_is_published_again(self) -> None:
        self.carrier.up()
        self.take(line(ONE, "a"), line(TWO, "b"))
        self.carrier.acknowledged(2)
        with capturedLogs() as logged:
            self.clock.advance(module.ANSWER_SECONDS)
            self.assertEqual((self.engine.doubts, len(self.engine.flights)), (1, 1))
            self.carrier.up()  # It is there after all.
            self.assertEqual(self.engine.flights[1], self.engine.flights[0][:1])
            self.carrier.acknowledged(1)
            self.carrier.acknowledged(1)  # Both copies are.
        self.assertEqual(
            self.said(logged),
            [
                "not acknowledged within 3 s; waiting until it works",
                "works again",
            ],
        )

    def test_an_engine_that_goes_and_comes(self) -> None:
        with capturedLogs() as logged:
            self.carrier.down("Connection refused")
            self.carrier.down("Connection refused")
            self.carrier.up()
            self.take(line(ONE, "a"))
            self.carrier.down("the connection is lost")
            self.take(line(ONE, "b"))
            self.clock.advance(60)
            self.carrier.up()
            self.engine.acknowledge()
            self.engine.acknowledge()
        self.assertEqual(
            self.said(logged),
            [
                "Connection refused; waiting until it works",
                "works again",
                "the connection is lost; waiting until it works",
                "works again",
            ],
        )
        self.assertEqual(
            [[decode(each.payload).events for each in f] for f in self.engine.flights],
            [[(line(ONE, "a"),)], [(line(ONE, "a"),)], [(line(ONE, "b"),)]],
        )
        self.assertEqual(self.engine.doubts, 0)

    def test_a_full_stream_is_tried_until_it_has_room(self) -> None:
        self.carrier.up()
        self.take(line(ONE, "a"), line(TWO, "b"))
        with capturedLogs() as logged:
            for _ in range(3):
                for number in (1, 2):
                    self.carrier.rejected(number, "maximum bytes exceeded")
                self.clock.advance(module.RETRY_SECONDS)
            self.engine.acknowledge()
        self.assertEqual(
            self.said(logged),
            [
                "maximum bytes exceeded; waiting until it works",
                "works again",
            ],
        )
        ids = [[each.id for each in flight] for flight in self.engine.flights]
        self.assertEqual(ids, [["web1-3f9a-1", "web1-3f9a-2"]] * 4)

    def test_one_that_is_stored_just_now_is_asked_for_again(self) -> None:
        self.carrier.up()
        self.take(line(ONE, "a"))
        with capturedLogs() as logged:
            self.carrier.rejected(1, None)
            self.clock.advance(module.RETRY_SECONDS)
            self.engine.acknowledge()
        self.assertEqual(self.said(logged), [])
        self.assertEqual(len(self.engine.flights), 2)

    def test_an_engine_that_cannot_be_used_ends_it(self) -> None:
        flow = Flow()
        self.carry(EventPacker(), most=1)
        self.carrier.registerProducer(flow, True)
        self.take(line(ONE, "a"))
        left = self.carrier.flush(None)
        self.carrier.failed("Authorization Violation")
        self.assertEqual(self.failures, ["Authorization Violation"])
        size = self.carrier.waiting_bytes
        self.assertEqual(self.successResultOf(left), size)
        self.assertEqual(flow.told, ["pause", "resume"])
        self.take(line(ONE, "a"))
        self.assertEqual(self.successResultOf(self.carrier.flush(5)), 2 * size)


class WaitTests(CarrierCase):
    def test_a_full_carrier_pauses_until_half_is_gone(self) -> None:
        flow = Flow()
        large = Received(ONE, 5.0, Lines(b"x" * 199_999 + b"\n"))
        self.carrier.registerProducer(flow, True)
        self.take(*[large] * 5)
        self.assertEqual(flow.told, [])
        self.take(large)
        self.assertEqual(flow.told, ["pause"])
        self.carrier.up()
        self.engine.acknowledge()
        self.assertEqual(flow.told, ["pause"])
        self.engine.acknowledge()
        self.assertEqual(flow.told, ["pause", "resume"])
        self.carrier.unregisterProducer(flow)

    def test_thousands_of_small_events_pause_too(self) -> None:
        flow = Flow()
        self.carry(TextPacker(Raw()))
        self.carrier.registerProducer(flow, True)
        tiny = Received(ONE, 5.0, Batch((b"x",)))
        self.take(*[tiny] * (module.MAX_WAITING_PIECES + 1))
        self.assertEqual(flow.told, ["pause"])
        self.carrier.up()
        self.engine.acknowledge()
        self.assertEqual(flow.told, ["pause", "resume"])

    def test_flush_waits_for_what_came_before_it(self) -> None:
        self.assertEqual(self.successResultOf(self.carrier.flush(None)), 0)
        self.carrier.up()
        self.take(line(ONE, "a"))
        first = self.carrier.flush(None)
        self.take(line(ONE, "b"))
        second = self.carrier.flush(None)
        self.take(line(TWO, "c"))
        self.engine.acknowledge()
        self.assertEqual(self.successResultOf(first), 0)
        self.assertNoResult(second)
        self.engine.acknowledge()
        self.assertEqual(self.successResultOf(second), 0)

    def test_flush_tells_how_much_is_left(self) -> None:
        self.take(line(ONE, "a"))
        size = self.carrier.waiting_bytes
        self.assertEqual(size, len(b'["received",5.0,2]a\n'))
        flush = self.carrier.flush(5)
        self.take(line(ONE, "b"))
        self.clock.advance(4)
        self.assertNoResult(flush)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(flush), size)

    def test_a_caller_may_close_it_when_all_is_acknowledged(self) -> None:
        self.carrier.up()
        self.take(line(ONE, "a"))
        flushes = [self.carrier.flush(5), self.carrier.flush(5)]
        flushes[0].addCallback(lambda _: self.carrier.close())
        self.engine.acknowledge()
        self.assertEqual(self.successResultOf(flushes[1]), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_end_ends_flushes_and_timers(self) -> None:
        flow = Flow()
        self.carry(EventPacker(), most=1)
        self.carrier.registerProducer(flow, True)
        self.carrier.up()
        self.take(line(ONE, "a"))
        self.take(line(ONE, "b"))
        size = self.carrier.waiting_bytes
        flush = self.carrier.flush(5)
        self.carrier.close()
        self.assertEqual(self.successResultOf(flush), size)
        self.assertEqual(flow.told, ["pause", "resume"])
        with capturedLogs() as logged:
            self.engine.acknowledge()
            self.carrier.down("the connection is lost")
            self.carrier.up()
        self.carrier(line(ONE, "c"))
        self.assertEqual((self.carrier.waiting_bytes, logged), (size // 2, []))
        self.assertEqual(len(self.engine.flights), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class PackingTests(CarrierCase):
    def test_only_a_ledger_has_calls_and_chunks(self) -> None:
        call, chunk = Called(ONE, 5.0, "recv"), Chunk(ONE, 5.0, b"a\r\n")
        for ledger, carried in ((False, []), (True, [call, chunk])):
            self.engine.flights.clear()
            self.carry(EventPacker(ledger=ledger)).up()
            self.take(call, chunk, line(ONE, "a"))
            [[message]] = self.engine.flights
            events = [*decode(message.payload).events]
            self.assertEqual(events, [*carried, line(ONE, "a")])
            needs = self.carrier.needs
            self.assertEqual((needs.sent, needs.ledger), (True, ledger))

    def test_a_large_event_is_cut_between_its_messages(self) -> None:
        lines = [b"%07d\n" % n for n in range(200_000)]
        batch = tuple(lines)
        self.carry(EventPacker(), most=1 << 30).up()
        self.take(
            Received(ONE, 5.0, Lines(b"".join(lines))), Received(TWO, 5.0, Batch(batch))
        )
        while self.carrier.waiting_bytes:
            self.engine.acknowledge()
        got: dict[Peer, bytes] = {ONE: b"", TWO: b""}
        for flight in self.engine.flights:
            self.assertLess(sum(len(each.payload) for each in flight), 1 << 20)
            for each in flight:
                for event in decode(each.payload).events:
                    assert isinstance(event, Received)
                    got[event.peer] += event.messages.raw()
        self.assertEqual(got, {ONE: b"".join(lines), TWO: b"".join(lines)})

    def test_many_sent_bytes_are_cut(self) -> None:
        data = b"\x00" * 300_000
        self.carrier.up()
        self.take(Sent(ONE, 5.0, data, 7, 1))
        while self.carrier.waiting_bytes:
            self.engine.acknowledge()
        events = [
            event
            for flight in self.engine.flights
            for each in flight
            for event in decode(each.payload).events
        ]
        sent = [event for event in events if isinstance(event, Sent)]
        self.assertEqual(b"".join(event.data for event in sent), data)
        self.assertEqual([event.answers for event in sent], [1] * len(sent))
        self.assertEqual(sent[0].taken_bytes, 7)

    def test_what_fits_into_no_message_is_a_gap(self) -> None:
        self.carrier.up()
        message = b"x" * MOST_BYTES
        self.take(
            Received(ONE, 5.0, Batch((message,))),
            Unanswered(ONE, 5.0, 1, message),
            line(ONE, "a"),
        )
        [[published]] = self.engine.flights
        self.assertEqual(
            [*decode(published.payload).events],
            [
                LeftOut(ONE, 5.0, 1, len(message), 0),
                LeftOut(ONE, 5.0, 1, 0, 0),
                line(ONE, "a"),
            ],
        )

    def test_the_numbers_of_a_client_are_carried(self) -> None:
        self.carrier.up()
        finished = Finished(ONE, 5.0, EndCause.EOF, received_bytes=9, seconds=1.0)
        self.take(
            Accepted(ONE, 5.0),
            Introduced(ONE, 5.0, "7f3a", 101),
            line(ONE, "a\nb"),
            Received(ONE, 5.0, Lines(b"c\n", "partial")),
        )
        self.engine.acknowledge()  # An introduction begins a message.
        self.take(
            Received(ONE, 5.0, Lines(b"d\n", "continued")),
            Introduced(ONE, 5.0, "7f3a", 200),
            line(ONE, "e"),
            finished,
        )
        while self.carrier.waiting_bytes:
            self.engine.acknowledge()
        self.take(line(ONE, "f"))
        clients = [
            decode(message.payload).client
            for flight in self.engine.flights
            for message in flight
        ]
        self.assertEqual(
            clients, [None, ("7f3a", 101), ("7f3a", 103), ("7f3a", 200), None]
        )

    def test_a_format_is_carried_as_it_prints(self) -> None:
        packer = TextPacker(Json(), json=True)
        self.assertEqual(packer.content_type, "application/x-ndjson")
        self.carry(packer).up()
        event = line(ONE, "a\nb")
        self.take(event, Chunk(ONE, 5.0, b"a\nb\n"), line(ONE, "c"))
        [[message]] = self.engine.flights
        self.assertEqual(message.payload, Json()(event) + Json()(line(ONE, "c")))
        self.assertEqual(message.content_type, "application/x-ndjson")
        self.assertEqual(TextPacker(Raw()).content_type, "text/plain; charset=utf-8")

    def test_much_text_is_cut_at_the_ends_of_its_lines(self) -> None:
        self.carry(TextPacker(Json(), json=True), most=1 << 30).up()
        event = line(ONE, "\n".join(map(str, range(20_000))))
        self.take(event)
        while self.carrier.waiting_bytes:
            self.engine.acknowledge()
        payloads = [each.payload for flight in self.engine.flights for each in flight]
        self.assertEqual(b"".join(payloads), Json()(event))
        self.assertGreater(len(payloads), 2)
        for payload in payloads:
            self.assertTrue(payload.endswith(b"}\n"))
            self.assertLess(len(payload), 1 << 20)
