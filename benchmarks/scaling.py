#!/usr/bin/env python3
"""Say what a load would take on more machines than there are: a model, no measurement.

Usage: python benchmarks/scaling.py [--lines N] [--connections N] [--COST VALUE ...]

It multiplies costs that `costs.py` measured on loopback, on two processors. What it
leaves out is printed with its answer; ../docs/scaling.md says how far to trust it.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field, fields

PROXY_HEADER_BYTES = 28
"""PROXY version 2 of an IPv4 connection, once; so it is left out below."""

FLIGHT_BYTES = 512 << 10
"""A receiver has this many bytes in flight to the stream at most."""

FLIGHT_MESSAGES = 256
"""And so many messages, of one connection each."""


def figure(default: float, how: str) -> float:
    """Make a field of the model, and so an option; its help says where it is from."""
    value: float = field(default=default, metadata={"how": how})
    return value


@dataclass(frozen=True)
class Load:
    """What is sent.

    The defaults are what the page about scaling asks.
    """

    lines: float = figure(10e6, "lines a second, of all connections")
    connections: float = figure(1e6, "connections that are open")
    line_bytes: float = figure(64, "bytes of a line, with its newline")
    lines_per_write: float = figure(1, "how many lines a client sends in one write")
    new_connections: float = figure(
        1e6 / 600, "connections that come and go, a second: each lives for 10 minutes"
    )
    wait_seconds: float = figure(1, "how long a line may wait at its receiver")
    readers: float = figure(1, "how often the whole stream is read")
    hours: float = figure(24, "how long the stream keeps what it has")


@dataclass(frozen=True)
class Costs:
    """What each piece of the work was measured to cost here.

    Microseconds are processor time of one core.
    """

    write_us: float = figure(2.6, "receiver: a read of one line")
    byte_ns: float = figure(8.0, "receiver: each byte of lines that come in bulk")
    message_us: float = figure(90.0, "receiver: a message of the stream")
    connect_us: float = figure(220.0, "receiver: a connection that comes and goes")
    connection_kib: float = figure(2.2, "receiver: memory of a silent connection")
    socket_kib: float = figure(2.7, "kernel: memory of one end of it")
    balance_us: float = figure(2.5, "balancer: a write of a client that is passed on")
    balance_connect_us: float = figure(220.0, "balancer: a connection")
    balance_kib: float = figure(2.0, "balancer: memory of a silent connection")
    flight_ms: float = figure(4.1, "stream: a flight of one message")
    node_message_us: float = figure(40.0, "node: a message, on each of three nodes")
    node_byte_ns: float = figure(8.0, "node: each byte of it, on each")
    head_bytes: float = figure(350, "stream: bytes of a message besides its lines")
    stream_mb: float = figure(50.0, "stream: MB/s that one leader took")
    stream_messages: float = figure(9e3, "stream: messages a second, likewise")


@dataclass(frozen=True)
class Machine:
    """What a machine has, of the kind of which more would be bought: assumed."""

    cores: float = figure(16, "cores of a machine")
    memory_gib: float = figure(64, "memory of a machine")
    network_gbit: float = figure(25, "network of a machine, each way")
    disk_mb: float = figure(1000, "MB/s that its disk writes and syncs")
    disk_tb: float = figure(8, "TB of its disk")
    ports: float = figure(28_000, "local ports towards one address of a receiver")
    descriptors: float = figure(1e6, "files that one process may have open")
    busy: float = figure(0.6, "how much of each is used when all is well")
    spare: float = figure(1, "machines of each kind that may be away")


@dataclass(frozen=True)
class Part:
    """How many of something are needed, and why not fewer.

    Attributes:
        name: of what.
        needs: how many each reason asks for, before rounding, by its words.
        spare: how many more stand by.
    """

    name: str
    needs: dict[str, float]
    spare: int = 0

    @property
    def reason(self) -> str:
        """What asks for the most."""
        return max(self.needs, key=self.needs.__getitem__)

    @property
    def count(self) -> int:
        return math.ceil(max(self.needs.values()) - 1e-9) + self.spare


@dataclass(frozen=True)
class Plan:
    """What a load takes.

    Attributes:
        processes: receivers, each a process of one core.
        receivers: machines for them.
        balancers: machines of the balancer.
        addresses: pairs of address and port that the receivers need to have.
        streams: streams, with a leader each, side by side.
        nodes: machines of the engine.
        lines_per_message: how many lines of one connection travel together.
        messages: messages of the streams, a second.
        wait_seconds: how long a line waits at its receiver, at most, until it travels.
        input_gbit: what the clients send.
        stored_tb: what the streams keep, on all their disks.
        engine_gbit: what goes between receivers, nodes and readers.
    """

    processes: Part
    receivers: Part
    balancers: Part
    addresses: Part
    streams: Part
    nodes: Part
    lines_per_message: float
    messages: float
    wait_seconds: float
    input_gbit: float
    stored_tb: float
    engine_gbit: float


@dataclass(frozen=True)
class Flight:
    """What a receiver has in flight, if its load is steady.

    Attributes:
        messages: in one flight, of as many connections.
        lines: in one message.
        seconds: from its start to its last acknowledgement.
        wait_seconds: until a connection has its next message.
    """

    messages: float
    lines: float
    seconds: float
    wait_seconds: float


def flight(lines: float, connections: float, costs: Costs, free: float) -> Flight:
    """Return what travels together at one receiver.

    A flight takes longer the more messages are in it, and the more messages there are
    the longer it takes: this looks for the balance of the two.

    Args:
        lines: how many come a second.
        connections: how many send them.
        costs: what was measured.
        free: how much of a core is left for the messages, 0 to 1.
    """
    messages = 1.0
    while True:
        seconds = costs.flight_ms / 1e3 + messages * costs.message_us / 1e6 / free
        come = lines * seconds
        # Of so many connections, some send more than one line in that time.
        waiting = connections * -math.expm1(-come / connections)
        messages, last = min(waiting, FLIGHT_MESSAGES), messages
        if abs(messages - last) < 1e-6:
            turns = max(1, waiting / messages)
            return Flight(messages, come / messages, seconds, turns * seconds)


def receiving(load: Load, costs: Costs, machine: Machine) -> tuple[Part, Flight]:
    """Return how many receivers are needed, and what each has in flight.

    The work for lines may take a share of a core (busy); messages take what is left.
    The fewer receivers there are, the more lines travel in each message, and the longer
    a line waits for it: so that time decides how few there may be.
    """
    work = load.lines / load.lines_per_write * costs.write_us / 1e6
    work += load.lines * load.line_bytes * costs.byte_ns / 1e9
    work += load.new_connections * costs.connect_us / 1e6
    needs = {
        "processor": work / machine.busy,
        "descriptors": load.connections / machine.descriptors,
    }

    def each(count: int) -> Flight:
        free = 1 - work / count
        return flight(load.lines / count, load.connections / count, costs, free)

    def lacks(count: int) -> str:
        found = each(count)
        one = found.lines * load.line_bytes + costs.head_bytes
        carried = found.messages * one
        if carried > FLIGHT_BYTES:
            return "bytes in flight"
        return "waiting" if found.wait_seconds > load.wait_seconds else ""

    least = Part("", needs).count
    if reason := lacks(least):
        most = least
        while lacks(most) and most < load.connections:
            most *= 2
        while least + 1 < most:
            middle = (least + most) // 2
            if lack := lacks(middle):
                least, reason = middle, lack
            else:
                most = middle
        needs[reason] = least = most
    return Part("receivers (processes)", needs), each(least)


def plan(load: Load, costs: Costs, machine: Machine) -> Plan:
    """Return what a load takes, by what was measured and assumed."""
    spare = int(machine.spare)
    share = machine.busy
    taking, each = receiving(load, costs, machine)
    in_bytes = load.lines * load.line_bytes
    messages = load.lines / each.lines
    stored = in_bytes + messages * costs.head_bytes
    network = machine.network_gbit * 1e9 / 8 * share
    memory = machine.memory_gib * (1 << 30) * share
    silent = costs.connection_kib + costs.socket_kib
    receivers = Part(
        "machines for them",
        {
            "processors": taking.count / machine.cores,
            "memory": load.connections * silent * 1024 / memory,
            "network": max(in_bytes, stored) / network,
        },
        spare,
    )
    writes = load.lines / load.lines_per_write
    balancing = writes * costs.balance_us
    balancing += load.new_connections * costs.balance_connect_us
    # A balancer has two connections for each of its clients'.
    each_two = costs.balance_kib + 2 * costs.socket_kib
    balancers = Part(
        "balancers",
        {
            "processors": balancing / 1e6 / machine.cores / share,
            "memory": load.connections * each_two * 1024 / memory,
            "network": in_bytes / network,
        },
        spare,
    )
    # From one address of a balancer to one of a receiver there are so many ports.
    working = max(1, balancers.count - spare)
    addresses = Part(
        "addresses of receivers",
        {"ports": load.connections / working / machine.ports},
    )
    streams = Part(
        "streams",
        {
            "bytes at a leader": stored / 1e6 / costs.stream_mb / share,
            "messages at a leader": messages / costs.stream_messages / share,
        },
    )
    copies = 3
    node_work = messages * costs.node_message_us + stored * costs.node_byte_ns / 1e3
    node_bytes = stored * (copies + load.readers)  # out of, or into, all leaders
    kept = stored * load.hours * 3600 * copies
    nodes = Part(
        "nodes",
        {
            "three copies": copies,
            "processors": copies * node_work / 1e6 / machine.cores / share,
            "network": node_bytes / network,
            "writing": copies * stored / 1e6 / machine.disk_mb / share,
            "keeping": kept / 1e12 / machine.disk_tb / share,
        },
        spare,
    )
    return Plan(
        taking,
        receivers,
        balancers,
        addresses,
        streams,
        nodes,
        each.lines,
        messages,
        each.wait_seconds,
        in_bytes * 8 / 1e9,
        kept / 1e12,
        node_bytes * 8 / 1e9,
    )


ASSUMED = """\
assumed, and not measured:
  Costs add up, and grow with the number of lines alone; every core is like these two.
  Lines come evenly, from all connections alike; a minute's peak needs its own run.
  Leaders, connections and streams are spread evenly over machines.
  A share of each machine is left free (--busy), and machines stand by (--spare).
  Nodes and receivers are in one place: with distance, --flight-ms grows.
  Nothing is counted for TLS, for what readers do with the lines, or for other traffic.
  Nobody has run this: it says what to try, and which part to measure first."""


def show(load: Load, costs: Costs, machine: Machine) -> str:
    """Return a plan as text."""
    made = plan(load, costs, machine)
    head = (
        f"{load.lines:,.0f} lines a second of {load.line_bytes:.0f} bytes, "
        f"{load.connections:,.0f} connections: {made.input_gbit:.1f} Gbit/s come in"
    )
    travels = (
        f"{made.messages:,.0f} messages a second in the streams, "
        f"{made.lines_per_message:.1f} lines each; "
        f"a line waits {made.wait_seconds:.2g} s at most before it travels"
    )
    moved = (
        f"{made.engine_gbit:.1f} Gbit/s between receivers, nodes and readers; "
        f"{made.stored_tb:,.1f} TB on all disks after {load.hours:g} hours"
    )
    rows = [head, ""]
    parts = (
        *(made.balancers, made.addresses, made.processes),
        *(made.receivers, made.streams, made.nodes),
    )
    for part in parts:
        spare = f", {part.spare} of them to spare" if part.spare else ""
        rows.append(f"{part.count:6,} {part.name:24} because of: {part.reason}{spare}")
    rows += ["", travels, moved, "", ASSUMED]
    return "\n".join(rows)


def parser() -> argparse.ArgumentParser:
    """Make an option of each figure."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for kind, title in (
        (Load, "what is sent"),
        (Costs, "what was measured (costs.py says how)"),
        (Machine, "what a machine has"),
    ):
        group = made.add_argument_group(title)
        for each in fields(kind):
            how = f"{each.metadata['how']}; %(default)g"
            name = f"--{each.name.replace('_', '-')}"
            group.add_argument(
                name, type=float, default=each.default, metavar="N", help=how
            )
    return made


def main() -> None:
    given = vars(parser().parse_args())

    def taken(kind: type) -> dict[str, float]:
        return {each.name: given[each.name] for each in fields(kind)}

    print(show(Load(**taken(Load)), Costs(**taken(Costs)), Machine(**taken(Machine))))


if __name__ == "__main__":
    main()
