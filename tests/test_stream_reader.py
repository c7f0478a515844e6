"""A stream is read: its events come in order and once, and what waits is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    InputError,
    Json,
    Lines,
    Peer,
    Printer,
    Received,
)
from echolab.carrying.reader import Message, Reader
from echolab.carrying.schema import CONTENT_TYPE, Carried, encode
from echolab.sinks.tee import tee
from tests.test_sharing import Sluice
from tests.test_sinks import Life

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echolab import Event

PEER = Peer(1, "IPv4", "192.0.2.1", 60612)
OTHER = Peer(2, "IPv6", "2001:db8::1", 60613)


def received(text: bytes, peer: Peer = PEER) -> Received:
    return Received(peer, 1.0, Lines(text))


def message(place: int, *events: Event, number: int = 0, **others: Any) -> Message:
    carried = Carried("web1", "3f9a", number or place, 0, events, **others)
    return Message(place, CONTENT_TYPE, encode(carried))


class Engine:
    """A stream in memory, which a test lets deliver."""

    def __init__(self, *, acknowledges: bool = True) -> None:
        self.acknowledges = acknowledges
        self.asked: list[Deferred[Sequence[Message]]] = []
        self.acknowledged: list[int] = []

    def fetch(self) -> Deferred[Sequence[Message]]:
        self.asked.append(Deferred())
        return self.asked[-1]

    def deliver(self, *messages: Message) -> None:
        self.asked.pop(0).callback(messages)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.acknowledged += [each.place for each in messages]

    def close(self) -> Deferred[None]:
        raise NotImplementedError


T = TypeVar("T")


class ReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[Event] = []
        self.texts: list[bytes] = []
        self.engine = Engine()
        self.clock = Clock()

    def read(self, sink: Any = None, **options: Any) -> Deferred[None]:
        reader = Reader(
            *(self.engine, sink or tee(self.events.append)),
            name="nats://lab",
            clock=self.clock,
            **options,
        )
        reading = Deferred.fromCoroutine(reader.read())
        self.addCleanup(self.end, reading)
        return reading

    def end(self, reading: Deferred[None]) -> None:
        reading.addErrback(lambda _: None)
        reading.cancel()

    def lines(self) -> bytes:
        return b"".join(
            each.messages.raw() for each in self.events if isinstance(each, Received)
        )

    def said(self, log: Sequence[Any]) -> list[str | None]:
        return [formatEvent(each) for each in log]


class OrderTests(ReaderTests):
    def test_events_come_in_order_and_once(self) -> None:
        reading = self.read()
        self.engine.deliver(
            message(1, Accepted(PEER, 0.5), received(b"1\n")),
            message(2, received(b"2\n")),
            message(3, received(b"1\n"), number=1),
        )
        self.engine.deliver(message(4, received(b"3\n")))
        self.assertNoResult(reading)
        self.engine.deliver()
        self.successResultOf(reading)
        self.assertEqual(self.events[0], Accepted(PEER, 0.5))
        self.assertEqual(self.lines(), b"1\n2\n3\n")

    def test_lines_that_a_client_has_sent_again_are_left_out(self) -> None:
        self.read()
        self.engine.deliver(message(1, received(b"1\n2\n"), client=("7f3a", 1)))
        self.engine.deliver(message(2, received(b"2\n3\n", OTHER), client=("7f3a", 2)))
        self.assertEqual(self.lines(), b"1\n2\n3\n")

    def test_peers_that_are_not_wanted_are_left_out(self) -> None:
        self.read(wanted=lambda peer: peer.host == "192.0.2.1")
        self.engine.deliver(
            message(1, received(b"1\n")), message(2, received(b"2\n", OTHER))
        )
        self.assertEqual(self.lines(), b"1\n")
        self.assertEqual(self.engine.acknowledged, [1, 2])

    def test_the_next_messages_are_fetched_while_these_are_printed(self) -> None:
        self.read()
        self.assertEqual(len(self.engine.asked), 1)
        self.engine.deliver(message(1, received(b"1\n")))
        self.assertEqual(len(self.engine.asked), 1)


class WaitingTests(ReaderTests):
    """The output is slow."""

    def setUp(self) -> None:
        super().setUp()
        self.output = Sluice(Clock())
        self.reading = self.read(tee(Printer(self.output, Json())))

    def test_it_waits_for_the_output_with_bounded_memory(self) -> None:
        self.engine.deliver(*(message(n, received(b"x\n")) for n in range(1, 5)))
        self.engine.deliver(message(5, received(b"x\n")))
        self.assertEqual(self.engine.asked, [])
        for _ in range(5):
            self.output.let_through()
            self.clock.advance(0)
        self.assertEqual(self.output.taken.count(b"\n"), 5)
        self.assertEqual(len(self.engine.asked), 1)

    def test_it_goes_on_when_the_output_has_done_its_part(self) -> None:
        self.engine.deliver(*(message(n, received(b"x\n")) for n in range(1, 3)))
        self.output.let_through()
        self.assertEqual(self.output.waiting_bytes, 0)
        self.clock.advance(0)
        self.assertGreater(self.output.waiting_bytes, 0)

    def test_messages_are_acknowledged_when_they_are_written(self) -> None:
        self.engine.deliver(message(1, received(b"1\n")))
        self.assertEqual(self.engine.acknowledged, [])
        self.output.let_through()
        self.assertEqual(self.engine.acknowledged, [1])

    def test_nothing_is_done_when_no_output_is_left(self) -> None:
        sink = tee(self.events.append)
        reader = Reader(self.engine, sink, name="nats://lab", clock=self.clock)
        reading = Deferred.fromCoroutine(reader.read())
        self.addCleanup(self.end, reading)
        engine, given = self.engine, len(self.engine.asked)
        reader.stopProducing()
        reader.resumeProducing()
        self.clock.advance(0)
        engine.asked[given - 1].callback([message(1, received(b"1\n"))])
        self.assertEqual((self.events, engine.acknowledged), ([], []))

    def test_a_lost_output_acknowledges_nothing(self) -> None:
        self.engine.deliver(message(1, received(b"1\n")))
        self.output.close()
        self.assertEqual(self.engine.acknowledged, [])

    def test_a_message_whose_flush_has_failed_is_not_acknowledged(self) -> None:
        engine = self.engine = Engine()
        self.read(tee(Life(flush=ValueError("odd")), self.events.append))
        engine.deliver(message(1, received(b"1\n")))
        engine.deliver(message(2, received(b"2\n")))
        self.assertEqual(self.lines(), b"1\n2\n")
        self.assertEqual(engine.acknowledged, [2])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_whoever_stops_it_has_what_was_given(self) -> None:
        self.engine.deliver(message(1, received(b"1\n")), message(2, received(b"2\n")))
        self.reading.addErrback(lambda _: None)
        self.reading.cancel()
        self.output.let_through()
        self.assertEqual(self.output.taken.count(b"\n"), 1)
        self.assertEqual(self.engine.acknowledged, [1])


class OtherMessagesTests(ReaderTests):
    """Anybody may publish anything."""

    FOREIGN = (
        Message(1, "", b"hello"),
        Message(2, CONTENT_TYPE, b"\xff"),
        Message(3, "application/vnd.echolab.events; version=2", b"{}\n"),
        Message(
            4, CONTENT_TYPE, encode(Carried("a", "b", 1, 0, [received(b"1\n")]))[:-1]
        ),
    )

    def test_no_events_are_skipped_and_told_of_once_and_counted(self) -> None:
        with capturedLogs() as log:
            reading = self.read()
            self.engine.deliver(*self.FOREIGN, message(5, received(b"1\n")))
            self.engine.deliver()
            self.successResultOf(reading)
        self.assertEqual(
            self.said(log),
            [
                "read nats://lab: message 1 is skipped: its content type is unknown",
                "read nats://lab: 4 messages skipped",
            ],
        )
        self.assertEqual(self.lines(), b"1\n")
        self.assertEqual(self.engine.acknowledged, [1, 2, 3, 4, 5])

    def test_each_says_why(self) -> None:
        why = []
        for foreign in self.FOREIGN:
            with capturedLogs() as log:
                self.engine = Engine()
                reading = self.read()
                self.engine.deliver(foreign)
                self.engine.deliver()
                self.successResultOf(reading)
            why += [each.partition("skipped: ")[2] for each in self.said(log) if each]
        self.assertEqual(why[0], "its content type is unknown")
        self.assertRegex(why[1], "^not echolab's events, version 1: ")
        self.assertRegex(why[2], "^its content type is .*version=2$")
        self.assertRegex(why[3], "^not echolab's events, version 1: ")

    def test_text_is_taken_as_it_is(self) -> None:
        self.read(text=self.texts.append)
        self.engine.deliver(
            Message(1, "text/plain; charset=utf-8", b"recv data: 1\n"),
            Message(2, "application/x-ndjson", b"{}\n"),
        )
        self.assertEqual(self.texts, [b"recv data: 1\n", b"{}\n"])

    def test_text_where_there_must_be_none(self) -> None:
        reading = self.read()
        self.engine.deliver(
            message(1, received(b"1\n")), Message(2, "text/plain", b"2\n")
        )
        error = self.failureResultOf(reading, InputError).value
        self.assertEqual(
            str(error),
            "read nats://lab: message 2 is printed already (text/plain): "
            "it can be shown on stdout alone, without --peer and options of printing",
        )
        self.assertEqual(self.engine.acknowledged, [1])


class EndTests(ReaderTests):
    def test_an_error_of_the_engine_ends_it(self) -> None:
        reading = self.read()
        self.engine.asked.pop().errback(InputError("read", "nats://lab", "gone"))
        self.failureResultOf(reading, InputError)

    def test_what_was_fetched_before_an_error_is_printed(self) -> None:
        output = Sluice(Clock())
        reading = self.read(tee(Printer(output, Json())))
        self.engine.deliver(message(1, received(b"1\n")), message(2, received(b"2\n")))
        self.engine.asked.pop().errback(InputError("read", "nats://lab", "gone"))
        self.assertNoResult(reading)
        output.let_through()
        self.clock.advance(0)
        output.let_through()
        self.failureResultOf(reading, InputError)
        self.assertEqual(output.taken.count(b"\n"), 2)
