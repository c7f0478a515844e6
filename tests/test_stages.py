"""The stages of misbehaviour, each alone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from echolab import Behaviour, LineFramer, NetstringFramer, OverlongError
from echolab.behaviour.cuts import Cuts, fewest_messages
from echolab.behaviour.portions import Portions
from echolab.framing.first import FirstMessages


class FirstMessagesTests(SynchronousTestCase):
    def lines(self, most: int, *chunks: bytes, bound: int = 9) -> list[bytes]:
        framer = FirstMessages(LineFramer(bound), most)
        batches = [*(framer.feed(chunk) for chunk in chunks), framer.end()]
        return [line for batch in batches for lines in batch for line in lines]

    def test_so_many_however_the_stream_is_cut(self) -> None:
        for chunks in [b"a\nb\nc\nd"], [b"a\n", b"b", b"\nc\n", b"d"]:
            self.assertEqual(self.lines(2, *chunks), [b"a", b"b"])
            self.assertEqual(self.lines(4, *chunks), [b"a", b"b", b"c", b"d"])

    def test_pieces_of_a_message_count_as_one(self) -> None:
        self.assertEqual(self.lines(1, b"abcdef\ng\n", bound=4), [b"abcd", b"ef"])

    def test_errors_behind_the_last_do_not_matter(self) -> None:
        first = FirstMessages(LineFramer(2, "close"), 1)
        self.assertEqual([[*lines] for lines in first.feed(b"a\nlong\n")], [[b"a"]])
        self.assertEqual(list(first.end()), [])
        with self.assertRaises(OverlongError):
            list(FirstMessages(LineFramer(2, "close"), 1).feed(b"long\n"))

    def test_any_framing(self) -> None:
        first = FirstMessages(NetstringFramer(), 1)
        [batch] = first.feed(b"1:a,1:b,")
        self.assertEqual(list(batch), [b"a"])
        self.assertEqual(first.count, 1)


class PortionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.passed: list[bytes] = []
        self.leave = 99
        self.portions = Portions(
            size=lambda: 2, may_pass=lambda: self.leave > 0, passes=self.take
        )

    def take(self, portion: bytes) -> None:
        self.leave -= 1
        self.passed.append(portion)

    def test_small_ones_in_order(self) -> None:
        self.portions.add(b"abc")
        self.portions.go_on()
        self.portions.add(b"d")
        self.portions.go_on()
        self.assertEqual(self.passed, [b"ab", b"c", b"d"])

    def test_while_there_is_leave(self) -> None:
        self.leave = 1
        self.portions.add(b"abcde")
        self.portions.go_on()
        self.assertEqual(self.passed, [b"ab"])
        self.assertEqual(self.portions.waiting_bytes, 3)
        self.leave = 9
        self.portions.go_on()
        self.assertEqual(self.passed, [b"ab", b"cd", b"e"])


class CutsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.struck: list[str] = []
        self.alive = True

    def cuts(self, *behaviours: Behaviour) -> Cuts:
        faults = [fault for behaviour in behaviours for fault in behaviour]
        return Cuts(
            faults,
            strike=lambda fault: self.struck.append(fault.kind),
            may_strike=lambda: self.alive,
        )

    def test_each_strikes_once_when_it_is_due(self) -> None:
        cuts = self.cuts(
            Behaviour.stop_reading(after_bytes=3), Behaviour.close(after_messages=2)
        )
        for read_bytes, messages, struck in (
            (2, 1, []),
            (3, 1, ["stop-reading"]),
            (9, 1, ["stop-reading"]),
            (9, 2, ["stop-reading", "close"]),
            (9, 3, ["stop-reading", "close"]),
        ):
            cuts.strike(read_bytes, messages)
            self.assertEqual(self.struck, struck)

    def test_not_after_the_end(self) -> None:
        self.alive = False
        self.cuts(Behaviour.reset()).strike(0, 0)
        self.assertEqual(self.struck, [])

    def test_no_more_is_read_than_up_to_the_next(self) -> None:
        cuts = self.cuts(Behaviour.reset(after_bytes=7), Behaviour.close(after_bytes=9))
        self.assertEqual(cuts.bytes_left(3), 4)
        cuts.strike(7, 0)
        self.assertEqual(cuts.bytes_left(7), 2)

    def test_the_fewest_messages(self) -> None:
        both = Behaviour.close(after_messages=3) + Behaviour.reset(after_messages=2)
        self.assertEqual(fewest_messages(both, {"close", "reset"}), 2)
        self.assertEqual(fewest_messages(both, {"close"}), 3)
        self.assertGreater(fewest_messages(both, {"half-close"}), 2**31)
