"""The life of sinks: they wait, fail, are flushed, reopened and closed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from echolab import (
    Accepted,
    Event,
    FileOutput,
    ISink,
    LineFramer,
    Peer,
    Printer,
    Received,
    ReceiverFactory,
    SenderFactory,
    Tee,
    tee,
)
from echolab.messages import Lines
from echolab.sinks.waiting import WaitingSink
from echolab.testing import connected
from tests.test_sharing import Sluice

PEER = Peer(1, "IPv4", "127.0.0.1", 60612)
FIRST, *OTHERS = EVENTS = [Accepted(PEER, float(n)) for n in range(3)]


class Flow:
    """A producer that records the calls to it."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


@implementer(ISink)
class Life:
    """A sink that notes what it is told, and answers as the test says."""

    name = "life"

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {"flush": succeed(0), "reopen": False, **answers}
        self.told: list[str] = []

    def tell(self, what: str) -> Any:
        self.told.append(what)
        answer = self.answers.get(what)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def __call__(self, _event: Event) -> None:
        self.tell("event")

    def registerProducer(self, producer: Any, streaming: bool) -> None: ...

    def unregisterProducer(self, producer: Any = None) -> None: ...

    def flush(self, seconds: float | None) -> Deferred[int]:
        flushed: Deferred[int] = self.tell("flush")
        return flushed

    def reopen(self) -> bool:
        return bool(self.tell("reopen"))

    def close(self) -> None:
        self.tell("close")


class Slow:
    """A sink that finishes an event when the test says so."""

    def __init__(self) -> None:
        self.began: list[Event] = []
        self.doing: list[Deferred[None]] = []

    async def __call__(self, event: Event) -> None:
        self.began.append(event)
        done: Deferred[None] = Deferred()
        self.doing.append(done)
        await done

    def done(self) -> None:
        self.doing.pop(0).callback(None)


class WaitingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.slow = Slow()
        self.quick: list[Event] = []
        self.flow = Flow()
        self.tee = tee(self.quick.append, self.slow)
        self.tee.measure(self.clock)
        self.tee.registerProducer(self.flow, True)

    def feed(self) -> None:
        for event in EVENTS:
            self.tee(event)

    def test_each_event_when_the_one_before_is_done(self) -> None:
        self.feed()
        self.assertEqual(self.quick, EVENTS)
        self.assertEqual(self.slow.began, [FIRST])
        self.assertEqual(self.flow.told, ["pause"])
        self.slow.done()
        self.slow.done()
        self.assertEqual(self.slow.began, EVENTS)
        self.assertEqual(self.flow.told, ["pause"])
        self.slow.done()
        self.assertEqual(self.flow.told, ["pause", "resume"])

    def test_one_that_is_done_at_once_pauses_nobody(self) -> None:
        async def at_once(event: Event) -> None:
            self.quick.append(event)

        both = tee(at_once)
        both.registerProducer(self.flow, True)
        both(FIRST)
        self.assertEqual(self.quick, [FIRST])
        self.assertEqual(self.flow.told, [])

    def test_flushed_is_what_was_taken_when_it_was_asked_for(self) -> None:
        self.tee(FIRST)
        first = self.tee.flush(None)
        self.tee(EVENTS[1])
        second = self.tee.flush(None)
        self.slow.done()
        self.assertNoResult(second)
        self.slow.done()
        self.assertEqual(self.successResultOf(first), 0)
        self.assertEqual(self.successResultOf(second), 0)
        self.assertEqual((self.tee.taken, self.tee.flushed), (2, 2))

    def test_a_flush_takes_only_so_long(self) -> None:
        self.tee(Received(PEER, 0.0, Lines(b"hello\n")))
        self.tee(EVENTS[1])
        flushed = self.tee.flush(5)
        self.clock.advance(5)
        self.assertEqual(self.successResultOf(flushed), len(b"hello\n") + 1)
        self.assertEqual((self.tee.taken, self.tee.flushed), (2, 0))
        self.slow.done()
        self.slow.done()
        self.assertEqual(self.successResultOf(self.tee.flush(5)), 0)
        self.assertEqual(self.tee.flushed, 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_caller_may_close_it_when_all_is_taken(self) -> None:
        self.tee(FIRST)
        flushes = [self.tee.flush(5), self.tee.flush(5)]
        flushes[0].addCallback(lambda _: self.tee.close())
        self.slow.done()
        self.assertEqual(self.successResultOf(flushes[1]), 0)
        self.assertEqual(self.flow.told, ["pause", "resume"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closed_while_it_waits(self) -> None:
        self.feed()
        flushed = self.tee.flush(5)
        self.tee.close()
        self.successResultOf(flushed)
        self.tee(FIRST)
        self.assertEqual(self.slow.began, [FIRST])
        self.assertEqual(self.flow.told, ["pause", "resume"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_coroutine_may_end_its_work_when_it_is_closed(self) -> None:
        work, rest = Deferred[None](), Deferred[None]()

        async def tidy(_event: Event) -> None:
            try:
                await work
            except CancelledError:
                await rest

        sink = tee(tidy)
        sink(FIRST)
        sink(EVENTS[1])
        flushed = sink.flush(None)
        sink.close()
        self.assertEqual(self.successResultOf(flushed), 2, "it has not taken them")
        rest.callback(None)
        self.assertFalse(sink.has_lost)

    def test_a_caller_may_give_it_more_when_all_is_taken(self) -> None:
        self.tee(FIRST)
        self.tee.flush(None).addCallback(lambda _: self.tee(EVENTS[1]))
        self.slow.done()
        self.assertEqual(self.flow.told, ["pause"])
        self.slow.done()
        self.assertEqual(self.slow.began, EVENTS[:2])
        self.assertEqual(self.flow.told, ["pause", "resume"])

    def test_a_producer_that_brings_more_at_once_pauses_the_others(self) -> None:
        class Eager(Flow):
            def resumeProducing(self) -> None:
                super().resumeProducing()
                slow(EVENTS[1])

        slow, eager = WaitingSink(self.slow, print), Eager()
        slow.registerProducer(eager, True)
        slow.registerProducer(self.flow, True)
        slow(FIRST)
        self.slow.done()
        self.assertEqual(eager.told[-1], "pause")
        self.assertEqual(self.flow.told[-1], "pause")

    def test_a_producer_that_leaves_goes_on(self) -> None:
        self.feed()
        self.tee.unregisterProducer(self.flow)
        self.assertEqual(self.flow.told, ["pause", "resume"])
        self.slow.done()
        self.assertEqual(self.flow.told, ["pause", "resume"])

    def test_only_push_producers_and_each_once(self) -> None:
        with self.assertRaises(RuntimeError):
            self.tee.registerProducer(self.flow, True)
        with self.assertRaises(ValueError):
            self.tee.registerProducer(Flow(), False)

    def test_they_are_what_they_say(self) -> None:
        sinks: list[Any] = [self.tee, Printer(print), WaitingSink(print, print)]
        for sink in sinks:
            verifyObject(ISink, sink)


class FailingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.quick: list[Event] = []
        self.calls = 0

    def broken(self, _event: Event) -> Any:
        self.calls += 1
        raise ValueError("odd")

    async def broken_later(self, event: Event) -> None:
        self.broken(event)

    def test_is_reported_by_name_and_gets_no_more_events(self) -> None:
        for sink in self.broken, self.broken_later:
            self.quick.clear()
            self.calls = 0
            both = tee(sink, self.quick.append)
            with capturedLogs() as logs:
                for event in EVENTS:
                    both(event)
            self.assertEqual(self.quick, EVENTS)
            self.assertEqual(self.calls, 1)
            [said] = [str(formatEvent(event)) for event in logs]
            self.assertRegex(said, rf"a sink failed .*{sink.__name__}: odd")
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
            self.assertEqual(self.successResultOf(both.flush(None)), 0)

    def test_after_it_has_waited_the_producers_go_on(self) -> None:
        flow, waiting = Flow(), Deferred[None]()

        def late(_event: Event) -> Deferred[None]:
            return waiting

        both = tee(late, self.quick.append)
        both.registerProducer(flow, True)
        for event in EVENTS:
            both(event)
        flushed = both.flush(None)
        waiting.errback(ValueError("odd"))
        self.assertEqual(self.successResultOf(flushed), 3, "it has taken none")
        self.assertEqual(flow.told, ["pause", "resume"])
        self.assertEqual(self.quick, EVENTS)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_its_work_may_be_cancelled_by_others(self) -> None:
        work = Deferred[None]()
        both = tee(lambda _event: work)
        both(FIRST)
        work.cancel()
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)
        self.assertTrue(both.has_lost)

    def test_the_connection_goes_on(self) -> None:
        clock = Clock()
        talk = connected(
            ReceiverFactory(tee(self.broken, self.quick.append), clock=clock),
            SenderFactory(self.broken, clock=clock),
            clock=clock,
        )
        talk.client.write(b"hello\n")
        talk.flush()
        self.assertEqual(len(self.quick), 2)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_it_is_told_which_one(self) -> None:
        lost: list[tuple[object, str]] = []
        both = tee(self.broken, self.quick.append)
        both.lost = lambda sink, why: lost.append((sink, why))
        both(FIRST)
        self.assertEqual(lost, [(self.broken, "odd")])
        self.flushLoggedErrors(ValueError)

    def test_a_framer_that_makes_no_messages_does_not_reach_it(self) -> None:
        class Framer:
            buffered_bytes = 0

            def feed(self, chunk: bytes) -> list[Any]:
                return [chunk]

            def take(self) -> list[Any]:
                return []

            end = take

        factory = ReceiverFactory(
            lambda event: self.quick.append(event), clock=Clock(), make_framer=Framer
        )
        talk = connected(factory, SenderFactory(print, clock=Clock()))
        with self.assertRaises(AttributeError):
            talk.server.dataReceived(b"hello\n")
        self.assertEqual([type(event) for event in self.quick], [Accepted])


class EndingTests(SynchronousTestCase):
    """A sink has failed, or fails when it is flushed, reopened or closed."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lost: list[object] = []

    def tee(self, *sinks: Any) -> Tee:
        sink = tee(*sinks)
        sink.measure(self.clock)
        sink.lost = lambda one, _why: self.lost.append(one)
        return sink

    def test_what_a_failed_one_has_taken_is_flushed_and_it_is_closed(self) -> None:
        def form(event: Event) -> bytes:
            if event is FIRST:
                return b"x"
            raise ValueError("odd")

        output = Sluice(self.clock)
        sink = self.tee(Printer(output, form))
        sink(FIRST)
        sink(EVENTS[1])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(sink.waiting_bytes, 1)
        flushed = sink.flush(None)
        self.assertNoResult(flushed)
        output.let_through()
        self.assertEqual(self.successResultOf(flushed), 0)
        sink.close()
        self.assertTrue(output.closed)

    def test_nothing_counts_as_flushed_when_a_flush_has_failed(self) -> None:
        for is_late in False, True:
            flush = Deferred[int]()
            broken, whole = Life(flush=flush), Life()
            sink = self.tee(broken, whole)
            sink(FIRST)
            if not is_late:
                flush.errback(ValueError("odd"))
            flushed = sink.flush(None)
            if is_late:
                self.assertNoResult(flushed)
                flush.errback(ValueError("odd"))
            self.assertNotEqual(self.successResultOf(flushed), 0)
            sink(EVENTS[1])
            self.assertEqual(self.successResultOf(sink.flush(None)), 0)
            self.assertEqual((sink.taken, sink.flushed), (2, 0))
            self.assertEqual(broken.told, ["event", "flush"])
            self.assertEqual(whole.told, ["event", "flush"] * 2)
            self.assertEqual(self.lost.pop(), broken)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_the_others_go_on_whatever_fails(self) -> None:
        for what in "flush", "reopen", "close":
            broken, whole = Life(**{what: ValueError("odd")}), Life()
            sink = self.tee(broken, whole)
            with capturedLogs() as logs:
                self.successResultOf(sink.flush(1))
                self.assertEqual(sink.reopen(), what == "reopen")
                sink(FIRST)
                sink.close()
            [said] = [str(formatEvent(event)) for event in logs]
            self.assertIn("a sink failed and gets no more events: life: odd", said)
            self.assertEqual(whole.told, ["flush", "reopen", "event", "close"])
            self.assertEqual(broken.told[-1], "close")
            self.assertEqual(self.lost, [broken])
            self.assertTrue(sink.has_lost)
            self.lost.clear()
            self.flushLoggedErrors(ValueError)

    def test_whoever_waits_no_longer_has_broken_nothing(self) -> None:
        flush = Deferred[int]()
        sink = self.tee(Life(flush=flush))
        sink(FIRST)
        flushed = sink.flush(None)
        flushed.cancel()
        self.failureResultOf(flushed, CancelledError)
        flush.callback(0)
        self.assertFalse(sink.has_lost)
        self.assertEqual(sink.flushed, 1)


class PausingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.slow = Slow()

    def test_a_slow_sink_pauses_a_servers_connections(self) -> None:
        talk = connected(
            ReceiverFactory(self.slow, clock=self.clock),
            SenderFactory(lambda _event: None, clock=self.clock),
            clock=self.clock,
        )
        self.assertTrue(talk.from_server.paused)
        talk.client.write(b"hello\n")
        talk.flush()
        self.assertEqual(len(self.slow.began), 1)
        self.slow.done()
        talk.flush()
        self.assertEqual(len(self.slow.began), 2)
        self.assertTrue(talk.from_server.paused)
        self.slow.done()
        self.assertFalse(talk.from_server.paused)

    def test_a_slow_sink_pauses_a_clients_replies(self) -> None:
        talk = connected(
            None,
            SenderFactory(self.slow, clock=self.clock, make_framer=LineFramer),
            clock=self.clock,
            reply="ok",
        )
        talk.client.write(b"hello\n")
        talk.flush()
        self.assertTrue(talk.from_client.paused)
        self.assertEqual(len(self.slow.began), 1)
        self.slow.done()
        talk.flush()
        self.assertEqual(len(self.slow.began), 2)
        self.slow.done()
        self.assertFalse(talk.from_client.paused)

    def test_whoever_pauses_a_factory_resumes_it_alone(self) -> None:
        output = Sluice(self.clock)
        receivers = ReceiverFactory(Printer(output), clock=self.clock)
        senders = SenderFactory(self.slow, clock=self.clock)
        talk = connected(receivers, senders, clock=self.clock)
        output.write(b"x")
        for factory in receivers, senders:
            factory.pauseProducing()
            factory.resumeProducing()
        self.assertTrue(talk.from_server.paused)
        self.assertTrue(talk.from_client.paused)
        for factory in receivers, senders:
            factory.pauseProducing()
        output.let_through()
        self.slow.done()
        self.assertTrue(talk.from_server.paused)
        self.assertTrue(talk.from_client.paused)
        for factory in receivers, senders:
            factory.resumeProducing()
        self.assertFalse(talk.from_server.paused)
        self.assertFalse(talk.from_client.paused)

    def test_a_printers_output_pauses_them(self) -> None:
        output = Sluice(self.clock)
        factory = ReceiverFactory(Printer(output), clock=self.clock)
        output.write(b"x")
        self.assertTrue(factory.connections.paused)
        output.let_through()
        self.assertFalse(factory.connections.paused)


class WaitingBytesTests(SynchronousTestCase):
    def test_all_that_waits_is_counted(self) -> None:
        clock = Clock()
        output = Sluice(clock)
        written: list[bytes] = []
        slow = Slow()
        sink = tee(Printer(output), Printer(written.append), slow, lambda _: None)
        self.assertEqual(sink.waiting_bytes, 0)
        sink(Received(PEER, 0.0, Lines(b"hello\n")))
        printed = len(b"recv data: hello\n")
        self.assertEqual(sink.waiting_bytes, printed + len(b"hello\n"))
        output.let_through()
        self.assertEqual(sink.waiting_bytes, len(b"hello\n"))
        slow.done()
        self.assertEqual(sink.waiting_bytes, 0)


class FileTests(SynchronousTestCase):
    def test_a_printer_lives_as_long_as_its_output(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = Path(folder, "out")
        both = tee(Printer(FileOutput(str(path), clock=Clock())), lambda _: None)
        both(FIRST)
        self.assertEqual(self.successResultOf(both.flush(1)), 0)
        path.rename(Path(folder, "old"))
        self.assertTrue(both.reopen())
        both(Received(PEER, 0.0, Lines(b"hello\n")))
        self.assertEqual(path.read_bytes(), b"recv data: hello\n")
        both.close()
        both(FIRST)
        [error] = self.flushLoggedErrors(ValueError)
        self.assertIn("write to a closed output", str(error.value))
