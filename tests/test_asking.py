"""When the kernel is asked, in memory with a fake clock."""

from __future__ import annotations

from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import Peer
from echolab.connection.kernel import ASK_SECONDS, MOST_ASKED, Kernel


class Counter:
    """Something to ask about, for so many looks."""

    def __init__(self, looks: int = 10**9) -> None:
        self.looks = 0
        self._most = looks

    def look(self) -> bool:
        self.looks += 1
        return self.looks < self._most


class AskingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.kernel = Kernel(self.clock)

    def test_at_a_steady_rate_while_there_is_something_to_ask_about(self) -> None:
        one, short = Counter(), Counter(2)
        self.kernel.add(one)
        self.kernel.add(short)
        self.clock.pump([ASK_SECONDS] * 4)
        self.assertEqual((one.looks, short.looks), (4, 2))
        self.kernel.remove(one)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_about_too_many(self) -> None:
        many = [Counter() for _ in range(MOST_ASKED + 1)]
        for each in many:
            self.kernel.add(each)
        self.assertTrue(self.kernel.is_busy)
        self.clock.pump([ASK_SECONDS] * 2)
        self.assertEqual({each.looks for each in many}, {0})
        self.kernel.remove(many.pop())
        self.clock.advance(ASK_SECONDS)
        self.assertEqual({each.looks for each in many}, {1})

    def test_no_more_after_the_stop(self) -> None:
        counter = Counter()
        self.kernel.add(counter)
        self.kernel.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(counter.looks, 1)  # The last one.

    def test_nor_about_an_end_until_there_is_something_to_ask_about(self) -> None:
        end = Peer(1, "IPv4", "127.0.0.1", 8888)
        with mock.patch("echolab.connection.kernel.Diagnoser") as diagnoser:
            self.kernel.stop()
            self.assertIsNone(self.kernel.diagnose(end, end))
            diagnoser.assert_not_called()
            self.kernel.add(Counter())
            self.assertIsNotNone(self.kernel.diagnose(end, end))
            self.kernel.stop()
            diagnoser.return_value.close.assert_called_once_with()
