#!/usr/bin/env python3
"""The processor time that a page takes of a server under load; see README.md here.

Usage: python benchmarks/page_cost.py [--runs N] [--seconds N] [--peers N] [--lines N]

Two servers get the same lines at the same time, in writes of ten: one has a page, which
somebody reads. Both run on one processor, so that what slows one slows the other.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
import urllib.parse
import urllib.request
from threading import Thread
from typing import TYPE_CHECKING

from page import LINES_A_WRITE, server
from programs import LINE, connected, spent

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

TURN_SECONDS = 0.002


def read_updates(address: str) -> None:
    """Read the updates of a page until its server ends."""
    parts = urllib.parse.urlsplit(address)
    [token] = urllib.parse.parse_qs(parts.query)["token"]
    request = urllib.request.Request(
        f"http://{parts.netloc}/events", headers={"Authorization": f"Bearer {token}"}
    )
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(request) as updates,
    ):
        while updates.readline():
            pass


def load(peers: Sequence[Sequence[socket.socket]], lines: int, seconds: float) -> None:
    """Send so many lines a second to each server, in turns over its peers."""
    began = time.monotonic()
    sent = turn = 0
    while (passed := time.monotonic() - began) < seconds:
        while sent < passed * lines:
            for each in peers:
                each[turn % len(each)].sendall(LINE * LINES_A_WRITE)
            turn += 1
            sent += LINES_A_WRITE
        time.sleep(TURN_SECONDS)


def run(options: argparse.Namespace) -> tuple[float, float]:
    """Return the cores that both servers took: without the page, and with it."""
    with (
        server(page=False) as (bare, bare_port, _),
        server() as (watched, watched_port, address),
    ):
        if os.cpu_count() != 1:
            os.sched_setaffinity(0, {0})
            for process in bare, watched:
                os.sched_setaffinity(process.pid, {1})
        Thread(target=read_updates, args=(address,), daemon=True).start()
        peers = [
            [connected(port) for _ in range(options.peers)]
            for port in (bare_port, watched_port)
        ]
        load(peers, options.lines, 2.0)  # The first seconds are no rule.
        before = spent(bare.pid), spent(watched.pid)
        began = time.monotonic()
        load(peers, options.lines, options.seconds)
        took = time.monotonic() - began
        for each in [*peers[0], *peers[1]]:
            each.close()
        return (
            (spent(bare.pid) - before[0]) / took,
            (spent(watched.pid) - before[1]) / took,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--peers", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=100_000)
    options = parser.parse_args()
    ratios = []
    for _ in range(options.runs):
        bare, watched = run(options)
        ratios.append(watched / bare)
        print(f"{bare:.3f} cores, with a page {watched:.3f}: {ratios[-1]:.3f}")
    print(f"median {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
