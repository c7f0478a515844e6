"""A clock that stops while nothing is read."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab.server.reading_clock import LEAST_SECONDS, ReadingClock


class ReadingClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.reading = ReadingClock(self.clock)
        self.calls: list[float] = []
        self.wait = self.reading.call_later(10, self.call)

    def call(self) -> None:
        self.calls.append(self.clock.seconds() - 1000)

    def test_in_time_if_nothing_comes_between(self) -> None:
        self.clock.advance(9.9)
        self.assertTrue(self.wait.active())
        self.clock.advance(0.1)
        self.assertEqual(self.calls, [10])
        self.assertFalse(self.wait.active())

    def test_later_by_the_pauses(self) -> None:
        self.clock.advance(4)
        for _ in range(2):
            self.reading.pause()
            self.reading.pause()
            self.clock.pump([1] * 30)
            self.reading.resume()
            self.reading.resume()
        self.clock.advance(5.5)
        self.assertEqual(self.calls, [])
        self.clock.pump([0.5] * 4)
        [called] = self.calls
        self.assertGreaterEqual(called, 70)
        self.assertLessEqual(called, 70 + LEAST_SECONDS)

    def test_never_while_paused(self) -> None:
        self.reading.pause()
        self.clock.pump([60] * 60)
        self.assertEqual(self.calls, [])
        self.wait.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
