"""One producer and several outputs, several producers and one output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from echolab import IOutput, SharedConsumer, share
from echolab.outputs.buffered import BufferedOutput
from echolab.testing import connected
from tests.test_client import Producer

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime


@implementer(IOutput)
class Sluice(BufferedOutput):
    """An output that takes everything, or nothing."""

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__("sluice", clock, max_buffered_bytes=0)
        self.open = False
        self.taken = b""

    def write_some(self, view: memoryview) -> int:
        if not self.open:
            raise BlockingIOError
        self.taken += view
        return len(view)

    def wait(self) -> None: ...

    def let_through(self) -> None:
        self.open = True
        self.write_buffer()
        self.open = False


class SharingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.one, self.two = Sluice(self.clock), Sluice(self.clock)
        self.producer, self.other = Producer(), Producer()

    def test_the_slowest_sets_the_pace(self) -> None:
        share(self.producer, (self.one, self.two))
        self.one.write(b"x")
        self.two.write(b"x")
        self.one.let_through()
        self.assertEqual(self.producer.calls, ["pause"])
        self.two.let_through()
        self.assertEqual(self.producer.calls, ["pause", "resume"])

    def test_one_output_pauses_all_who_share_it(self) -> None:
        share(self.producer, (self.one,))
        share(self.other, (self.one, self.two))
        self.one.write(b"x")
        self.one.let_through()
        self.two.write(b"x")
        self.assertEqual(self.producer.calls, ["pause", "resume"])
        self.assertEqual(self.other.calls, ["pause", "resume", "pause"])

    def test_who_leaves_is_resumed(self) -> None:
        leave = share(self.producer, (self.one, self.two))
        share(self.other, (self.one,))
        self.one.write(b"x")
        self.two.write(b"x")
        leave()
        self.assertEqual(self.producer.calls, ["pause", "resume"])
        self.one.let_through()
        self.one.write(b"x")
        self.assertEqual(self.producer.calls, ["pause", "resume"])
        self.assertEqual(self.other.calls, ["pause", "resume", "pause"])

    def test_output_that_is_lost_or_closed_pauses_nobody(self) -> None:
        for end in (BufferedOutput.lose, BufferedOutput.close):
            producer, ended = Producer(), Sluice(self.clock)
            share(producer, (ended, self.one))
            ended.write(b"x")
            flushed = ended.flush(5)
            end(ended)
            end(ended)
            self.assertEqual(producer.calls, ["pause", "resume"])
            self.assertEqual(self.successResultOf(flushed), 1)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.one.write(b"x")
            self.one.let_through()
            self.assertEqual(producer.calls, ["pause", "resume"] * 2)

    def test_registered_twice(self) -> None:
        self.one.registerProducer(self.producer, True)
        with self.assertRaisesRegex(RuntimeError, "is registered with sluice already"):
            self.one.registerProducer(self.producer, True)

    def test_one_of_several_leaves_by_name(self) -> None:
        self.one.registerProducer(self.producer, True)
        self.one.registerProducer(self.other, True)
        with self.assertRaisesRegex(RuntimeError, "several producers: name one"):
            self.one.unregisterProducer()
        self.one.unregisterProducer(self.producer)
        self.one.write(b"x")
        self.one.unregisterProducer()
        self.one.let_through()
        self.assertEqual((self.producer.calls, self.other.calls), ([], ["pause"]))

    def test_producer_that_fills_the_output_at_once(self) -> None:
        class Eager(Producer):
            def resumeProducing(self) -> None:
                super().resumeProducing()
                output.open = False
                output.write(b"more")

        output, eager = self.one, Eager()
        self.one.registerProducer(eager, True)
        self.one.registerProducer(self.other, True)
        self.one.write(b"x")
        self.one.let_through()
        self.assertEqual(eager.calls, ["pause", "resume", "pause"])
        self.assertNotIn("resume", self.other.calls)

    def test_each_waits_for_what_it_has_written(self) -> None:
        self.one.write(b"first")
        flushed = self.one.flush(5)
        self.one.write(b"second")
        also = self.one.flush(7)
        self.clock.advance(5)
        self.assertEqual(self.successResultOf(flushed), 5)
        self.one.let_through()
        self.assertEqual(self.successResultOf(also), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_caller_may_close_it_when_all_is_written(self) -> None:
        self.one.write(b"x")
        flushes = [self.one.flush(5), self.one.flush(5)]
        flushes[0].addCallback(lambda _: self.one.close())
        self.one.let_through()
        self.assertEqual(self.successResultOf(flushes[1]), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_write_to_a_closed_output(self) -> None:
        self.one.close()
        self.one.close()
        with self.assertRaisesRegex(ValueError, "write to a closed output: sluice"):
            self.one.write(b"x")


class SharedConsumerTests(SynchronousTestCase):
    """Several producers of a consumer that takes only one, like Twisted's."""

    def setUp(self) -> None:
        self.transport: Any = StringTransport()
        self.shared = SharedConsumer(self.transport)
        self.one, self.two = Producer(), Producer()
        self.shared.registerProducer(self.one, True)
        self.shared.registerProducer(self.two, True)

    def test_all_are_paused_and_resumed(self) -> None:
        self.transport.producer.pauseProducing()
        late = Producer()
        self.shared.registerProducer(late, True)
        self.shared.write(b"x")
        self.shared.unregisterProducer(self.two)
        self.transport.producer.resumeProducing()
        self.assertEqual(self.transport.value(), b"x")
        self.assertEqual(self.one.calls, ["pause", "resume"])
        self.assertEqual(self.two.calls, ["pause"])
        self.assertEqual(late.calls, ["pause", "resume"])

    def test_all_are_stopped(self) -> None:
        self.transport.producer.stopProducing()
        late = Producer()
        self.shared.registerProducer(late, True)
        for producer in (self.one, self.two, late):
            self.assertEqual(producer.calls, ["stop"])

    def test_the_consumer_is_given_back(self) -> None:
        self.transport.producer.pauseProducing()
        self.shared.release()
        self.assertEqual(self.one.calls, ["pause", "resume"])
        self.assertIsNone(self.transport.producer)

    def test_a_slow_reader_of_a_connection(self) -> None:
        talk = connected(Protocol, Protocol)
        shared = SharedConsumer(talk.client.transport)
        shared.registerProducer(self.one, True)
        shared.registerProducer(self.two, True)
        shared.write(b"x" * 100_000)
        self.assertEqual((self.one.calls, self.two.calls), (["pause"], ["pause"]))
        talk.flush()
        self.assertEqual(self.one.calls, ["pause", "resume"])
