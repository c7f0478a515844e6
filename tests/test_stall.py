"""A peer that reads nothing, and one that is slow."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab.sockets.stall import Stall


class StallTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.sent = 0
        self.calls = 0

    def start(self, seconds: float = 5) -> Stall:
        stall = Stall(
            clock=self.clock,
            seconds=seconds,
            sent_bytes=lambda: self.sent,
            call=self.call,
        )
        stall.start()
        return stall

    def call(self) -> None:
        self.calls += 1

    def test_is_told_once(self) -> None:
        self.start()
        self.clock.advance(4.9)
        self.assertEqual(self.calls, 0)
        self.clock.pump([5] * 3)
        self.assertEqual(self.calls, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slowness_is_none(self) -> None:
        self.start()
        for _ in range(5):
            self.sent += 1
            self.clock.advance(5)
        self.assertEqual(self.calls, 0)
        self.clock.advance(5)
        self.assertEqual(self.calls, 1)

    def test_the_time_counts_from_the_last_bytes_that_were_taken(self) -> None:
        self.start()
        self.sent += 1
        self.clock.pump([0.5] * 11)
        self.assertEqual(self.calls, 1)

    def test_may_be_stopped_and_started_again(self) -> None:
        stall = self.start()
        self.clock.advance(3)
        stall.start()
        self.clock.advance(3)
        self.assertEqual(self.calls, 0)
        stall.stop()
        stall.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_seconds_are_for_ever(self) -> None:
        self.start(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
