"""Output to Twisted's log: every line, at a bounded rate."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from echolab import LogOutput
from tests.test_client import Producer

FLOOD = 65536


class LogOutputTests(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.clock = Clock()
        self.output = LogOutput(self.clock)
        self.addCleanup(self.output.close)
        self.producer = Producer()
        self.output.registerProducer(self.producer, True)

    def said(self) -> list[str]:
        return [formatEvent(event) or "" for event in self.log]

    def turn(self) -> None:
        self.clock.advance(0.01)

    def test_each_line_is_an_entry(self) -> None:
        self.output.write(b"recv data: a {b}\nrecv data: \xff\n")
        self.output.write(b"\n")
        self.assertEqual(self.successResultOf(self.output.flush(1)), 0)
        self.assertFalse(self.output.reopen())
        self.output.close()
        self.assertEqual(self.said(), ["recv data: a {b}", "recv data: \\xff", " "])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_turn_logs_so_many_lines_however_they_come(self) -> None:
        lines = [f"recv data: {number}" for number in range(250)]
        for line in lines:
            self.output.write(line.encode() + b"\n")
        first = len(self.said())
        self.assertLess(first, 101)
        self.turn()
        self.turn()
        self.assertEqual("\n".join(self.said()).split("\n"), lines)
        self.assertEqual(self.producer.calls, [])

    def test_flood_pauses_the_peers_and_is_a_few_entries(self) -> None:
        self.output.write(b"recv data: \n" * FLOOD)
        self.assertEqual(self.producer.calls, ["pause"])
        for _ in range(20):
            self.turn()
        self.assertEqual(self.producer.calls, ["pause", "resume"])
        self.assertLess(len(self.said()), 20)
        self.assertEqual(sum(text.count("\n") + 1 for text in self.said()), FLOOD)

    def test_line_longer_than_a_turn_takes(self) -> None:
        lines = [character * 200_000 for character in "abc"]
        self.output.write("".join(f"{line}\n" for line in lines).encode())
        self.assertEqual(self.said(), lines[:1])
        self.turn()
        self.turn()
        self.assertEqual(self.said(), lines)

    def test_what_could_not_be_logged_is_counted(self) -> None:
        data = b"x" * 99 + b"\n"
        self.output.write(data * 10_000)
        flushed = self.output.flush(0.045)
        for _ in range(4):
            self.turn()
        self.clock.advance(0.005)
        left = self.successResultOf(flushed)
        logged = sum(len(text) + 1 for text in self.said())
        self.assertEqual(left + logged, 1_000_000)
        self.assertGreater(left, 0)
        self.output.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
