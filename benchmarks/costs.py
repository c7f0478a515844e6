#!/usr/bin/env python3
"""Measure what scaling.py multiplies: processor time of each piece of the work.

Usage: python benchmarks/costs.py [--seconds N] [NAME ...]

On two processors the senders take one, and the engine's three nodes share the other
with the receiver: so what is measured is the processor time that each process has
used (/proc), not how much went through.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import resource
import socket
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import ECHOLAB, STREAM, SUBJECT, Cluster
from parts import Part, find, until
from programs import (
    LINE,
    connected,
    free_port,
    group,
    open_files,
    resident,
    spent,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nats.js import JetStreamContext

BULK = 1 << 10
"""How many lines a write has, if it has many: 64 KiB."""


def write(ports: Sequence[int], count: int, lines: int, seconds: float) -> int:
    """Write so many lines at a time on so many connections; return all lines."""
    block = LINE * lines
    clients = [connected(ports[i % len(ports)]) for i in range(count)]
    written = 0
    done = time.monotonic() + seconds
    while time.monotonic() < done:
        for client in clients:
            client.sendall(block)
        written += count * lines
    for client in clients:
        client.shutdown(socket.SHUT_WR)
    for client in clients:
        with contextlib.suppress(OSError):
            client.recv(1)  # All has been read when the other end ends too.
        client.close()
    return written


def come_and_go(port: int, seconds: float) -> int:
    """Connect, write a line and end, one after the other; return how often."""
    count = 0
    done = time.monotonic() + seconds
    while time.monotonic() < done:
        with connected(port) as client:
            client.sendall(LINE)
            client.shutdown(socket.SHUT_WR)
            client.recv(1)
        count += 1
    return count


@dataclass(frozen=True)
class Used:
    """What a load has used.

    Attributes:
        lines: how many lines, or connections, there were.
        seconds: how long it took.
        each: processor time of each process, in seconds.
    """

    lines: int
    seconds: float
    each: list[float]

    @property
    def micro(self) -> float:
        """Processor time of all processes for a line, in microseconds."""
        return sum(self.each) / self.lines * 1e6


def used(pids: Sequence[int], work: Callable[[], int]) -> Used:
    before = [spent(pid) for pid in pids]
    began = time.monotonic()
    lines = work()
    seconds = time.monotonic() - began
    after = [spent(pid) for pid in pids]
    return Used(lines, seconds, [b - a for a, b in zip(before, after, strict=True)])


def listens(log: Path) -> bool:
    """Whether a server has said in its log that it listens."""
    return "listening on" in log.read_text()


@contextlib.contextmanager
def servers(
    count: int, *options: str, listen: str = ""
) -> Iterator[tuple[list[int], int]]:
    """Start servers of echolab that share a port; yield their ids and the port."""
    port = free_port()
    place = ("--listen", listen.replace("PORT", str(port)))
    if not listen:
        place = ("--port", str(port))
        options = ("--interface", "127.0.0.1", "--reuse-port", *options)
    command = [*ECHOLAB, "server", *place, *options]
    with tempfile.TemporaryDirectory() as folder:
        parts = []
        for i in range(count):
            log = Path(folder, f"{i}.log")
            ready = partial(listens, log)
            parts.append(Part(f"server {i}", command, log, ready))
        try:
            for part in parts:
                part.start()
                part.wait_until_ready()
            yield [part.pid for part in parts], port
        finally:
            for part in parts:
                part.end()


def in_two(work: Callable[[], int]) -> int:
    """Do it in two forked children; return the sum."""
    pipes = []
    for _ in range(2):
        read, end = os.pipe()
        if not os.fork():
            os.write(end, b"%d" % work())
            os._exit(0)
        os.close(end)
        pipes.append(read)
    total = 0
    for read in pipes:
        total += int(os.read(read, 100))
        os.close(read)
        os.wait()
    return total


def shared_port(seconds: float) -> None:
    """Several processes on one port: from how many does it pay?"""
    works: list[tuple[str, str, Callable[[int], int]]] = [
        ("bulk, raw", "raw", lambda port: write([port], 8, BULK, seconds)),
        ("bulk, hex", "hex", lambda port: write([port], 8, BULK, seconds)),
        ("a line a write, json", "json", lambda port: write([port], 50, 1, seconds)),
        ("connections", "log", lambda port: come_and_go(port, seconds)),
    ]
    for name, form, work in works:
        base = 0.0
        for count in (1, 2, 4):
            rates, shares = [], []
            for _ in range(3):
                figures = loaded(count, form, work)
                rates.append(figures.lines / figures.seconds)
                shares.append(max(figures.each) / (sum(figures.each) or 1))
            rate = statistics.median(rates)
            base = base or rate
            print(
                f"{name:22} {count} processes: {rate:10,.0f}/s, "
                f"{rate / base:.2f} of one; "
                f"the busiest has {statistics.median(shares):.0%} of the work",
                flush=True,
            )


def loaded(count: int, form: str, work: Callable[[int], int]) -> Used:
    """Return what two senders made so many processes use."""
    with servers(count, "--output", f"{form}:/dev/null") as (pids, port):
        return used(pids, lambda: in_two(lambda: work(port)))


def receiver(seconds: float) -> None:
    """A receiver without a stream: a read of one line, a byte in bulk, a connection."""
    one = loaded(1, "raw", lambda port: write([port], 100, 1, seconds))
    many = loaded(1, "raw", lambda port: write([port], 8, BULK, seconds))
    short = loaded(1, "raw", lambda port: come_and_go(port, seconds))
    print(f"a read of one line    {one.micro:6.2f} µs")
    print(f"a byte in bulk        {many.micro / len(LINE) * 1e3:6.2f} ns")
    print(f"a connection          {short.micro:6.1f} µs  --connect-us")


def silent(_seconds: float) -> None:
    """Memory of connections that say nothing: the receiver's, and the kernel's."""
    with servers(1, "--output", "raw:/dev/null") as (pids, port):
        before, slab = resident(pids[0]), unreclaimable()
        clients = [connected(port) for _ in range(8_000)]
        for client in clients:
            client.sendall(LINE)
        until(lambda: open_files(pids[0]) > len(clients), 60, "all accepted")
        each = (resident(pids[0]) - before) / len(clients)
        # On loopback, the kernel has both ends.
        kernel = (unreclaimable() - slab) / len(clients) / 2
        for client in clients:
            client.close()
    print(f"a silent connection   {each / 1024:6.1f} KiB --connection-kib")
    print(f"its socket            {kernel / 1024:6.1f} KiB --socket-kib")


def unreclaimable() -> int:
    """Return how much memory the kernel has in slabs that it needs, in bytes."""
    (line,) = re.findall(r"SUnreclaim: +(\d+) kB", Path("/proc/meminfo").read_text())
    return int(line) << 10


def balancer(seconds: float) -> None:
    """HAProxy, with the configuration of the examples, before one receiver."""
    if find("haproxy") is None:
        print("balancer: haproxy is not installed")
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(Cluster(folder, nodes=0, receivers=1))
        cluster.start_receivers("--output", "raw:/dev/null", stream=False)
        assert cluster.balancer is not None
        pids, front = group(cluster.balancer.pid), cluster.ports
        one = used(pids, lambda: in_two(lambda: write(front, 100, 1, seconds)))
        many = used(pids, lambda: in_two(lambda: write(front, 8, BULK, seconds)))
        short = used(pids, lambda: in_two(lambda: come_and_go(front[0], seconds)))
        before = sum(map(resident, pids))
        clients = [stack.enter_context(connected(front[0])) for _ in range(1000)]
        for client in clients:
            client.sendall(LINE)
        each = (sum(map(resident, pids)) - before) / len(clients)
    print(f"a write of one line   {one.micro:6.2f} µs  --balance-us")
    print(f"a byte in bulk        {many.micro / len(LINE) * 1e3:6.2f} ns")
    print(f"a connection          {short.micro:6.1f} µs  --balance-connect-us")
    print(f"a silent connection   {each / 1024:6.1f} KiB --balance-kib")


def stream(seconds: float) -> None:
    """A receiver with three nodes: what each of the four uses.

    Three loads: lines in bulk, in messages of 512 KiB; a line a write of few
    connections; and of many, so that a message has few lines.
    """
    if find("nats-server") is None:
        print("stream: nats-server is not installed")
        return
    loads = {
        "a line a write, 1 connection": (1, 1),
        "bulk, 8 connections": (8, BULK),
        "a line a write, 8 connections": (8, 1),
        "a line a write, 400 connections": (400, 1),
    }
    for name, (count, lines) in loads.items():
        print(f"{name}: {carried(count, lines, seconds)}", flush=True)
    print(f"messages of one line, 256 in flight: {small(seconds):,.0f} messages/s")


def small(seconds: float) -> float:
    """Return how many messages of one line the stream takes in a second."""

    async def publish(js: JetStreamContext) -> float:
        await js.add_stream(name=STREAM, subjects=[f"{SUBJECT}.>"], num_replicas=3)
        count = 0
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            flight = [js.publish(f"{SUBJECT}.a.{i}", LINE) for i in range(256)]
            await asyncio.gather(*flight)
            count += len(flight)
        return count / (time.monotonic() - began)

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(Cluster(folder, receivers=0))
        cluster.start_nodes()
        return cluster.ask(publish)


def carried(count: int, lines: int, seconds: float) -> str:
    """Return what it costs to carry what so many connections write."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(Cluster(folder, receivers=1))
        cluster.start_nodes()
        cluster.start_receivers(balanced=False)
        before = cluster.state()
        pids = [cluster.receivers[0].pid, *(node.pid for node in cluster.nodes)]
        figures = used(pids, lambda: write(cluster.ports, count, lines, seconds))
        after = cluster.state()
    messages = after["messages"] - before["messages"]
    stored = after["bytes"] - before["bytes"]
    taken = figures.lines * len(LINE)
    mine, *nodes = figures.each
    return (
        f"{figures.lines / figures.seconds:,.0f} lines/s, "
        f"{taken / figures.seconds / 1e6:.1f} MB/s, "
        f"{messages / figures.seconds:,.0f} messages/s "
        f"of {figures.lines / messages:.1f} lines, "
        f"{stored / taken:.2f} bytes stored for one\n"
        f"    receiver {mine / figures.lines * 1e6:.2f} µs a line, "
        f"{mine / messages * 1e6:.0f} µs a message; nodes "
        + ", ".join(f"{each / messages * 1e6:.0f}" for each in nodes)
        + " µs a message"
    )


CONTESTS: dict[str, Callable[[float], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (receiver, silent, balancer, stream, shared_port)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5, help="of each load")
    parser.add_argument("names", nargs="*", choices=[[], *CONTESTS], metavar="NAME")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for name in options.names or CONTESTS:
        print(f"-- {name}", flush=True)
        CONTESTS[name](options.seconds)


if __name__ == "__main__":
    main()
