"""How benchmarks/reliability.py counts what became of numbered lines."""

from __future__ import annotations

import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

sys.path.append(str(ROOT / "benchmarks"))

from counting import LINE, Verdict, judge


def lines(*numbers: int, name: str = "a") -> list[bytes]:
    return [(LINE % (name, number)).encode().rstrip() for number in numbers]


class JudgeTests(SynchronousTestCase):
    def test_all_is_well(self) -> None:
        seen = lines(1, 2) + lines(1, 2, 3, name="b") + lines(3)
        self.assertEqual(
            judge(seen, {"a": 3, "b": 3}, {"a": 3, "b": 2}), Verdict(6, 5, 0, 0, 0, 0)
        )

    def test_what_was_acknowledged_and_is_missing_is_lost(self) -> None:
        found = judge(lines(1, 3), {"a": 5}, {"a": 4})
        self.assertEqual((found.lost, found.missing), (2, 3))

    def test_a_sender_of_whom_nothing_came(self) -> None:
        found = judge([], {"a": 2}, {"a": 1})
        self.assertEqual((found.lost, found.missing), (1, 2))

    def test_what_comes_again_is_doubled_and_not_out_of_order(self) -> None:
        found = judge(lines(1, 2, 3, 2, 3, 4), {"a": 4}, {"a": 4})
        self.assertEqual((found.doubled, found.disordered, found.lost), (2, 0, 0))

    def test_what_comes_late_is_out_of_order(self) -> None:
        found = judge(lines(1, 4, 2, 3, 5), {"a": 5}, {"a": 5})
        self.assertEqual((found.doubled, found.disordered, found.lost), (0, 2, 0))

    def test_lines_of_others_and_torn_lines_do_not_count(self) -> None:
        torn = lines(2)[0][:-1]
        seen = [*lines(1), b"", b"a", torn, *lines(1, name="b"), b"\xff 1"]
        self.assertEqual(judge(seen, {"a": 1}, {"a": 1}), Verdict(1, 1, 0, 0, 0, 0))
