"""A clock that cannot be set measures spans; events have the time of day."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import Finished, ReceiverFactory, SenderFactory
from echolab.timekeeping import TimeOfDay, make_monotonic, time_of_day
from tests.support import SECONDS, TWISTD, Client, FakeTransport, Program

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600.0

SET_BACK_BY_A_SIGNAL = """
import signal, sys, time
real, back = time.time, [0.0]
time.time = lambda: real() - back[0]
def set_back(*_):
    back[0] = 3600.0
    print("set back", file=sys.stderr, flush=True)
signal.signal(signal.SIGUSR1, set_back)
"""
"""The start of a program; after it, a signal sets the clock back by an hour."""

COMMAND = "from echolab.command.cli import main; raise SystemExit(main())"


class Settable:
    """A system clock that a test can set, and a monotonic clock."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.spans = Clock()

    def time_of_day(self) -> float:
        return self.wall

    def seconds(self) -> float:
        return self.spans.seconds()

    def callLater(self, *args: Any) -> Any:
        return self.spans.callLater(*args)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.spans.advance(seconds)


class TimeOfDayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = Settable()
        self.enterContext(mock.patch("time.time", self.clock.time_of_day))

    def test_is_the_systems(self) -> None:
        tell = TimeOfDay(self.clock)
        self.clock.advance(5)
        self.assertEqual(tell(self.clock.seconds()), 1_000_005.0)

    def test_never_runs_backwards(self) -> None:
        tell = TimeOfDay(self.clock)
        self.clock.wall -= HOUR
        self.clock.advance(1)
        self.assertEqual(tell(self.clock.seconds()), 1_000_001.0)

    def test_follows_a_clock_that_is_set_forward(self) -> None:
        tell = TimeOfDay(self.clock)
        self.clock.wall += HOUR
        self.clock.advance(1)
        self.assertEqual(tell(self.clock.seconds()), 1_003_601.0)
        self.clock.advance(1)
        self.assertEqual(tell(self.clock.seconds()), 1_003_602.0)

    def test_clock_of_a_test_tells_it_too(self) -> None:
        clock = Clock()
        clock.advance(7)
        self.assertEqual(time_of_day(clock)(), 7.0)
        self.assertEqual(TimeOfDay(clock)(clock.seconds()), 7.0)

    def events_while_it_is_set_back(self, make: Callable[..., Any]) -> list[Any]:
        events: list[Any] = []
        protocol = make(events.append, clock=self.clock).buildProtocol(None)
        transport = FakeTransport()
        protocol.makeConnection(transport)
        for _ in range(3):
            self.clock.advance(0.25)
            protocol.dataReceived(b"line\n")
            self.clock.wall -= HOUR
        protocol.connectionLost()
        return events

    def test_events_of_both_sides(self) -> None:
        for make in (ReceiverFactory, SenderFactory):
            self.clock.wall = 1_000_000.0
            self.clock.spans = Clock()
            events = self.events_while_it_is_set_back(make)
            times = [event.time - 1_000_000.0 for event in events]
            self.assertEqual(times, [0.0, 0.25, 0.5, 0.75, 0.75])
            assert isinstance(events[-1], Finished)
            self.assertEqual(events[-1].seconds, 0.75)


class ReactorTests(SynchronousTestCase):
    def test_timers_strike_though_the_clock_is_set_back(self) -> None:
        reactor: Any = SelectReactor()
        wall = [time.time()]
        reactor.seconds = lambda: wall[0]
        fired: list[str] = []
        reactor.callLater(0.01, fired.append, "before")
        make_monotonic(reactor)
        reactor.callLater(0.01, fired.append, "after")
        wall[0] -= HOUR
        deadline = time.monotonic() + SECONDS
        while len(fired) < 2 and time.monotonic() < deadline:
            reactor.iterate(0.01)
        self.assertEqual(fired, ["before", "after"])


class ProgramTests(SynchronousTestCase):
    def check(self, program: list[str], *words: str) -> None:
        options = ("--interface", "127.0.0.1", "--port", "0", "--format", "json")
        timers = ("--partial-after", "0.01", "--idle-timeout", "0.2")
        with Program(*words, *options, *timers, program=program) as server:
            with Client(server.port()) as client:
                server.wait_for(b'"accepted"')
                server.process.send_signal(signal.SIGUSR1)
                server.wait_for(b"set back", stream="err")
                client.sendall(b"half")
                server.wait_for(b'"partial":true,"message":"half"')
                client.settimeout(SECONDS)
                self.assertEqual(client.recv(1), b"")
                client.shutdown(socket.SHUT_WR)
                server.wait_for(b'"cause":"idle"')
            events = [json.loads(line) for line in server.out.splitlines()]
            times = [event["time"] for event in events]
            self.assertEqual(times, sorted(times))
            self.assertGreaterEqual(events[-1]["seconds"], 0)

    def test_the_command(self) -> None:
        code = SET_BACK_BY_A_SIGNAL + COMMAND
        self.check([sys.executable, "-c", code], "server")

    def test_twistd(self) -> None:
        code = SET_BACK_BY_A_SIGNAL + TWISTD[-1]
        self.check([sys.executable, "-c", code], "-n", "--pidfile=", "echolab")
