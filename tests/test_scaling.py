"""The arithmetic of the model in benchmarks/scaling.py."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

sys.path.append(str(ROOT / "benchmarks"))

from scaling import (
    FLIGHT_BYTES,
    FLIGHT_MESSAGES,
    Costs,
    Load,
    Machine,
    Part,
    flight,
    plan,
    receiving,
)

FREE = Costs(**{each.name: 0.0 for each in dataclasses.fields(Costs)})
"""Everything costs nothing, but for what a test sets."""

ROUND = dataclasses.replace(FREE, flight_ms=10, stream_mb=100, stream_messages=1e9)
MACHINE = Machine(
    cores=10,
    memory_gib=1,
    network_gbit=8,
    disk_mb=1000,
    disk_tb=1,
    ports=1000,
    descriptors=1e9,
    busy=0.5,
    spare=0,
)
LOAD = Load(
    lines=1e6,
    connections=1e4,
    line_bytes=100,
    new_connections=0,
    wait_seconds=1e6,
    hours=1,
)


class PartTests(SynchronousTestCase):
    def test_it_is_rounded_up_and_has_some_to_spare(self) -> None:
        self.assertEqual(Part("nodes", {"processor": 2.1}, spare=1).count, 4)
        self.assertEqual(Part("nodes", {"processor": 2.0}).count, 2)

    def test_what_needs_most_is_the_reason(self) -> None:
        part = Part("nodes", {"processor": 2, "memory": 3, "network": 1})
        self.assertEqual((part.count, part.reason), (3, "memory"))


class FlightTests(SynchronousTestCase):
    def test_it_takes_as_long_as_its_messages(self) -> None:
        costs = dataclasses.replace(ROUND, message_us=50)
        found = flight(20_000, 1_000, costs, 0.5)
        self.assertAlmostEqual(found.seconds, 0.01 + found.messages * 100e-6)
        self.assertAlmostEqual(found.messages * found.lines, 20_000 * found.seconds)

    def test_a_connection_has_one_message_in_it(self) -> None:
        found = flight(1e6, 3, ROUND, 1)
        self.assertAlmostEqual(found.messages, 3)
        self.assertAlmostEqual(found.lines, 1e4 / 3)
        self.assertAlmostEqual(found.wait_seconds, found.seconds)

    def test_what_does_not_fit_waits_for_its_turn(self) -> None:
        # Each of ten times as many has a hundred lines for each flight.
        found = flight(256e5, 10 * FLIGHT_MESSAGES, ROUND, 1)
        self.assertEqual(found.messages, FLIGHT_MESSAGES)
        self.assertAlmostEqual(found.wait_seconds, 10 * found.seconds)


class ReceivingTests(SynchronousTestCase):
    def test_the_work_for_lines_decides(self) -> None:
        costs = dataclasses.replace(ROUND, write_us=4, byte_ns=10)
        # 4 s for the reads and 1 s for the bytes, each second; half of each is free.
        part, _ = receiving(LOAD, costs, MACHINE)
        self.assertEqual((part.count, part.reason), (10, "processor"))
        four = dataclasses.replace(LOAD, lines_per_write=4)
        self.assertEqual(receiving(four, costs, MACHINE)[0].count, 4)

    def test_connections_that_come_and_go_are_work(self) -> None:
        costs = dataclasses.replace(ROUND, connect_us=100)
        busy = dataclasses.replace(LOAD, new_connections=20_000)
        self.assertEqual(receiving(busy, costs, MACHINE)[0].count, 4)

    def test_one_that_waits_too_long_is_too_few(self) -> None:
        costs = dataclasses.replace(ROUND, write_us=0.1, message_us=100)
        for seconds in (0.5, 0.05):
            hasty = dataclasses.replace(LOAD, line_bytes=1, wait_seconds=seconds)
            part, each = receiving(hasty, costs, MACHINE)
            self.assertEqual(part.reason, "waiting")
            self.assertLessEqual(each.wait_seconds, seconds)
            fewer = part.count - 1
            free = 1 - 0.1 / fewer
            less = flight(LOAD.lines / fewer, LOAD.connections / fewer, costs, free)
            self.assertGreater(less.wait_seconds, seconds)

    def test_what_is_in_flight_is_bounded(self) -> None:
        long = dataclasses.replace(LOAD, line_bytes=1000)
        part, each = receiving(long, ROUND, MACHINE)
        self.assertEqual(part.reason, "bytes in flight")
        self.assertLessEqual(each.messages * each.lines * 1000, FLIGHT_BYTES)

    def test_a_process_has_so_many_descriptors(self) -> None:
        few = dataclasses.replace(MACHINE, descriptors=500)
        part, _ = receiving(LOAD, ROUND, few)
        self.assertEqual((part.count, part.reason), (20, "descriptors"))


class PlanTests(SynchronousTestCase):
    def test_bytes_of_the_network_and_of_the_disks(self) -> None:
        made = plan(LOAD, ROUND, MACHINE)
        self.assertAlmostEqual(made.input_gbit, 0.8)
        # Out of the receivers, to two more nodes, and to one reader.
        self.assertAlmostEqual(made.engine_gbit, 3.2)
        self.assertAlmostEqual(made.stored_tb, 1.08)
        self.assertAlmostEqual(made.streams.needs["bytes at a leader"], 2)
        self.assertAlmostEqual(made.nodes.needs["network"], 0.8)
        self.assertAlmostEqual(made.nodes.needs["writing"], 0.6)
        self.assertAlmostEqual(made.nodes.needs["keeping"], 2.16)
        self.assertEqual((made.nodes.count, made.nodes.reason), (3, "three copies"))

    def test_each_message_has_a_head(self) -> None:
        short = dataclasses.replace(LOAD, line_bytes=10)
        bare = plan(short, ROUND, MACHINE)
        made = plan(short, dataclasses.replace(ROUND, head_bytes=100), MACHINE)
        self.assertEqual(made.messages, bare.messages)
        more = made.messages * 100 / 1e6 / 100 / 0.5
        needs = made.streams.needs["bytes at a leader"]
        self.assertAlmostEqual(needs, bare.streams.needs["bytes at a leader"] + more)

    def test_twice_the_lines_are_twice_the_work(self) -> None:
        double = dataclasses.replace(
            LOAD, lines=2 * LOAD.lines, connections=2 * LOAD.connections
        )
        costs = dataclasses.replace(ROUND, balance_us=5, write_us=5)
        for part in ("balancers", "streams"):
            once = getattr(plan(LOAD, costs, MACHINE), part)
            twice = getattr(plan(double, costs, MACHINE), part)
            for reason, need in once.needs.items():
                if reason != "messages at a leader":
                    self.assertAlmostEqual(twice.needs[reason], 2 * need, 6, reason)

    def test_a_balancer_has_so_many_ports_for_an_address(self) -> None:
        made = plan(LOAD, ROUND, MACHINE)
        self.assertEqual(made.balancers.count, 1)
        self.assertEqual(made.addresses.count, 10)

    def test_memory_of_silent_connections(self) -> None:
        costs = dataclasses.replace(ROUND, connection_kib=2, socket_kib=3)
        many = dataclasses.replace(LOAD, connections=1 << 20)
        made = plan(many, costs, MACHINE)
        self.assertAlmostEqual(made.receivers.needs["memory"], 10)
        # It has two sockets for each.
        self.assertAlmostEqual(made.balancers.needs["memory"], 12)


class ProgramTests(SynchronousTestCase):
    def ask(self, *options: str) -> str:
        program = [sys.executable, str(ROOT / "benchmarks" / "scaling.py")]
        return subprocess.run(
            [*program, *options], capture_output=True, text=True, check=True
        ).stdout

    def test_it_says_what_it_takes_and_what_it_assumes(self) -> None:
        said = self.ask()
        self.assertIn("10,000,000 lines a second", said)
        self.assertIn("1,000,000 connections", said)
        for part in ("balancers", "receivers (processes)", "streams", "nodes"):
            self.assertRegex(said, rf"\d {part.replace('(', '.').replace(')', '.')} ")
        self.assertIn("assumed, and not measured:", said)

    def test_every_figure_is_an_option(self) -> None:
        options = []
        for kind in (Load, Costs, Machine):
            for each in dataclasses.fields(kind):
                options += [f"--{each.name.replace('_', '-')}", "7"]
        said = self.ask(*options, "--busy", "0.5", "--lines", "70", "--spare", "2")
        self.assertIn("70 lines a second of 7 bytes, 7 connections", said)
        self.assertIn("2 of them to spare", said)
