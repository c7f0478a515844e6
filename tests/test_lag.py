"""The lag of the event loop."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab.web.lag import BOUNDS, Lag


class LagTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.lag = Lag(self.clock)

    def test_calls_in_time(self) -> None:
        self.lag.start()
        self.clock.pump([0.25] * 4)
        self.assertEqual(self.lag.counts, [4] + [0] * len(BOUNDS))
        self.assertEqual(self.lag.seconds, 0)

    def test_the_most_of_the_last_second(self) -> None:
        self.lag.start()
        self.clock.advance(3.25)
        self.assertEqual(self.lag.seconds, 3)
        self.clock.pump([0.25] * 3)
        self.assertEqual(self.lag.seconds, 3)
        self.clock.advance(0.25)
        self.assertEqual(self.lag.seconds, 0)
        self.assertEqual(self.lag.sum_seconds, 3)
        self.assertEqual(sum(self.lag.counts), 5)

    def test_a_bound_belongs_to_its_bucket(self) -> None:
        self.lag.start()
        self.clock.advance(0.25 + 0.5)
        self.assertEqual(self.lag.counts[BOUNDS.index(0.5)], 1)

    def test_it_starts_once_and_leaves_nothing(self) -> None:
        self.lag.start()
        self.lag.start()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.lag.stop()
        self.lag.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.lag.seconds, 0)
