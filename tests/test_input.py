"""The stages of a client's input: dot, CRLF, pace, count; and how they are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from echolab import InputError
from echolab.client.stages.base import Stage, join
from echolab.client.stages.counting import Counting
from echolab.client.stages.crlf import CRLF
from echolab.client.stages.dot import DotQuit
from echolab.client.stages.pacing import Pacer
from tests.test_client import Producer

if TYPE_CHECKING:
    from echolab.errors import EcholabError
    from echolab.interfaces import Taker

END = b"<end>"


class Out(list[bytes]):
    """Keeps what comes out of the stages."""

    def received(self, chunk: bytes) -> None:
        self.append(chunk)

    def input_failed(self, why: EcholabError) -> None:
        self.append(str(why).encode())

    def ended(self) -> None:
        self.append(END)


class Source(Producer):
    """Produces what a test has it produce, until it is stopped."""

    def __init__(self, taker: Taker) -> None:
        super().__init__()
        self.taker = taker

    def feed(self, *chunks: bytes) -> None:
        for chunk in chunks:
            if "stop" not in self.calls:
                self.taker.received(chunk)

    def end(self) -> None:
        if "stop" not in self.calls:
            self.taker.ended()


class JoinTests(SynchronousTestCase):
    def join(self, *stages: Stage) -> None:
        self.out = Out()
        self.sources: list[Source] = []

        def make_source(taker: Taker) -> Source:
            self.sources.append(Source(taker))
            return self.sources[0]

        self.reader = join(make_source, stages, self.out)
        [self.source] = self.sources

    def test_without_stages_the_source_feeds_the_taker(self) -> None:
        self.join()
        self.assertIs(self.reader, self.source)
        self.assertIs(self.source.taker, self.out)

    def test_a_stage_passes_all_on(self) -> None:
        self.join(Stage(), Stage())
        self.assertTrue(verifyObject(IPushProducer, self.reader))
        self.reader.resumeProducing()
        self.source.feed(b"a", b"b")
        self.reader.pauseProducing()
        self.reader.stopProducing()
        self.source.taker.input_failed(InputError("read", "it", "lost"))
        self.source.taker.ended()
        self.assertEqual(self.source.calls, ["resume", "pause", "stop"])
        self.assertEqual(self.out, [b"a", b"b", b"read it: lost", END])

    def test_the_first_stage_comes_first(self) -> None:
        counts: list[int] = []
        self.join(CRLF(), Counting(counts.append))
        self.source.feed(b"a\n")
        self.join(Counting(counts.append), CRLF())
        self.source.feed(b"a\n")
        self.assertEqual(self.out, [b"a\r\n"])
        self.assertEqual(counts, [3, 2])

    def test_what_stands_before_the_dot_is_paced(self) -> None:
        clock = Clock()
        self.join(DotQuit(lambda: self.out.append(b"quits")), CRLF(), Pacer(clock, 2))
        self.reader.resumeProducing()
        self.source.feed(b"1\n2\n.\n3\n")
        self.assertEqual(self.out, [b"1\r\n", b"quits"])
        self.assertEqual(self.source.calls[-1], "stop")
        clock.pump([0.1] * 12)
        self.assertEqual(self.out, [b"1\r\n", b"quits", b"2\r\n", END])
        self.assertEqual(clock.getDelayedCalls(), [])


class CountingTests(SynchronousTestCase):
    def test_counts_what_was_taken(self) -> None:
        out = Out()
        counting = Counting(lambda count: out.append(b"%d" % count))
        counting.join(Producer(), out)
        counting.received(b"x" * 100)
        counting.ended()
        self.assertEqual(out, [b"x" * 100, b"100", END])


class CRLFTests(SynchronousTestCase):
    @given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"bc"])))
    def test_any_cutting(self, chunks: list[bytes]) -> None:
        out = Out()
        convert = CRLF()
        convert.join(Producer(), out)
        for chunk in chunks:
            convert.received(chunk)
        plain = b"".join(chunks).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self.assertEqual(b"".join(out), plain)


class DotQuitTests(SynchronousTestCase):
    def feed(self, *chunks: bytes) -> tuple[bytes, bool]:
        out = Out()
        source = Producer()
        dot = DotQuit(lambda: source.calls.append("quits"))
        dot.join(source, out)
        for chunk in chunks:
            if not source.calls:
                dot.received(chunk)
        if source.calls:
            self.assertEqual(source.calls, ["quits", "stop"])
            self.assertEqual(out.pop(), END)
        return b"".join(out), bool(source.calls)

    def test_line_that_begins_with_a_dot(self) -> None:
        self.assertEqual(self.feed(b".\n"), (b"", True))
        self.assertEqual(self.feed(b"a\n", b".b\nc\n"), (b"a\n", True))
        self.assertEqual(self.feed(b"a\n.b\nc\n"), (b"a\n", True))
        self.assertEqual(self.feed(b"a.\n\n.b\n.c\n"), (b"a.\n\n", True))

    def test_dot_elsewhere(self) -> None:
        self.assertEqual(self.feed(b"a.\n", b"b", b".c\n"), (b"a.\nb.c\n", False))

    @given(st.lists(st.sampled_from([b"a", b".", b"\n", b"b.\n"])))
    def test_any_cutting_quits_at_the_same_place(self, pieces: list[bytes]) -> None:
        self.assertEqual(self.feed(*pieces), self.feed(b"".join(pieces)))


class PacerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.out = Out()
        self.source = Producer()
        self.pacer = Pacer(self.clock, 2)
        self.pacer.join(self.source, self.out)

    def test_so_many_lines_a_second(self) -> None:
        self.pacer.resumeProducing()
        self.pacer.received(b"1\n2\n3")
        self.pacer.received(b"\n4")
        self.pacer.ended()
        self.assertEqual(self.out, [b"1\n"])
        self.clock.pump([0.1] * 4)
        self.assertEqual(self.out, [b"1\n"])
        self.clock.pump([0.1] * 2)
        self.assertEqual(self.out, [b"1\n", b"2\n"])
        self.clock.pump([0.1] * 12)
        self.assertEqual(self.out, [b"1\n", b"2\n", b"3\n", b"4", END])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many_lines_a_second_are_many(self) -> None:
        self.pacer = Pacer(self.clock, 10_000)
        self.pacer.join(self.source, self.out)
        self.pacer.resumeProducing()
        self.pacer.received(b"x\n" * 20_000)
        self.clock.pump([0.01] * 100)
        self.assertTrue(9_900 < len(self.out) < 10_300, len(self.out))

    def test_the_reader_waits_while_there_are_lines(self) -> None:
        self.pacer.resumeProducing()
        self.pacer.received(b"1\n2\n")
        self.assertEqual(self.source.calls, ["resume", "pause"])
        self.clock.advance(1)
        self.assertEqual(self.source.calls, ["resume", "pause", "resume"])

    def test_a_line_without_an_end_is_passed_on_in_pieces(self) -> None:
        self.pacer.resumeProducing()
        self.pacer.received(b"1\n")
        for _ in range(100):
            self.pacer.received(b"x" * 10_000)
            self.clock.advance(0.25)
        self.pacer.received(b"\n3\n")
        waiting = 1_000_000 - sum(map(len, self.out[1:]))
        self.assertLess(waiting, 2 * Pacer.MAX_BYTES)
        self.clock.pump([0.1] * 12)
        self.assertEqual(self.out[0], b"1\n")
        self.assertEqual(b"".join(self.out[1:-1]), b"x" * 1_000_000 + b"\n")
        self.assertEqual(self.out[-1], b"3\n")

    def test_pieces_of_a_line_wait_for_their_turn(self) -> None:
        self.pacer.resumeProducing()
        self.pacer.received(b"1\n2\n" + b"x" * 100_000)
        self.assertEqual(self.source.calls[-1], "pause")
        self.clock.pump([0.1] * 9)
        self.assertEqual(self.out, [b"1\n", b"2\n"])
        self.clock.pump([0.1] * 2)
        self.assertEqual(self.out[2:], [b"x" * 100_000])
        self.assertEqual(self.source.calls[-1], "resume")
        self.pacer.received(b"\n4\n")
        self.assertEqual(self.out[3:], [b"\n"])

    def test_a_slow_server_stops_it(self) -> None:
        self.pacer.resumeProducing()
        self.pacer.received(b"1\n2\n3\n")
        self.pacer.pauseProducing()
        self.clock.pump([1] * 5)
        self.assertEqual(self.out, [b"1\n"])
        self.pacer.resumeProducing()
        self.assertEqual(self.out, [b"1\n", b"2\n"])
        self.pacer.stopProducing()
        self.clock.pump([1] * 5)
        self.assertEqual(self.out, [b"1\n", b"2\n"])
        self.assertEqual(self.source.calls[-1], "stop")
