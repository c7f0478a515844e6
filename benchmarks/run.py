#!/usr/bin/env python3
"""Time echolab beside its peers on the same work; see README.md here.

Usage: python benchmarks/run.py [--runs N] [--megabytes N] [NAME ...]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LINE = b"x" * 63 + b"\n"
BLOCK = LINE * 16384
HERE = Path(__file__).parent
ECHOLAB = f"{sys.executable} -m echolab"
SERVER = f"exec {ECHOLAB} server --once --interface 127.0.0.1 --port PORT"
LISTEN = "ncat -l 127.0.0.1 PORT"


@dataclass(frozen=True)
class Contest:
    """One piece of work, echolab and its peers.

    Attributes:
        name: what it is called on the command line.
        work: does it with a started program; returns what was done a second.
        unit: of what.
        echolab: the shell command that is echolab.
        peers: shell commands, by name, with the ratio echolab is to reach.
        share: how much of the megabytes asked for the slowest peer can bear.
    """

    name: str
    work: Callable[[str, int], float]
    unit: str
    echolab: str
    peers: dict[str, tuple[str, float]]
    share: float = 1.0


@dataclass(frozen=True)
class Limit:
    """A figure that has an upper limit.

    Attributes:
        name: what it is called on the command line.
        work: measures it on a program; given the megabytes asked for.
        unit: of the figure.
        echolab: the shell command that is echolab.
        most: what the figure may be at most.
    """

    name: str
    work: Callable[[str, int], float]
    unit: str
    echolab: str
    most: float


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def connected(port: int) -> socket.socket:
    """Connect as soon as somebody listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def start(
    command: str, port: int, stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a shell command in a process group of its own."""
    return subprocess.Popen(
        ["sh", "-c", command.replace("PORT", str(port))],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def receive(command: str, megabytes: int) -> float:
    """One connection, 64-byte lines in writes of 1 MiB; until the program ends."""
    port = free_port()
    process = start(command, port)
    try:
        with connected(port) as client:
            began = time.monotonic()
            for _ in range(megabytes):
                client.sendall(BLOCK)
            client.shutdown(socket.SHUT_WR)
            process.wait(300)
            return megabytes * len(BLOCK) / 1e6 / (time.monotonic() - began)
    finally:
        stop(process)


def send(command: str, megabytes: int) -> float:
    """A pipe into a client, a sink at the other end."""
    listener = socket.create_server(("127.0.0.1", 0))
    feed = f"head -c {megabytes << 20} /dev/zero | "
    process = start(feed + command, listener.getsockname()[1])
    try:
        connection, _ = listener.accept()
        with listener, connection:
            began = time.monotonic()
            buffer = bytearray(1 << 20)
            while connection.recv_into(buffer):
                pass
            return (megabytes << 20) / 1e6 / (time.monotonic() - began)
    finally:
        stop(process)


def churn(command: str, megabytes: int) -> float:
    """Connect, send a line, close; 8 at a time. How many a second."""
    port = free_port()
    process = start(command, port)
    count = max(10, megabytes // 2)

    def client() -> None:
        for _ in range(count):
            with connected(port) as connection:
                connection.sendall(LINE)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)

    try:
        connected(port).close()
        clients = [threading.Thread(target=client) for _ in range(8)]
        began = time.monotonic()
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        return 8 * count / (time.monotonic() - began)
    finally:
        stop(process)


def many(command: str, megabytes: int) -> float:
    """200 connections, each writing one line at a time. Lines a second."""
    port = free_port()
    process = start(command, port)
    rounds = max(1, megabytes // 2)
    try:
        clients = [connected(port) for _ in range(200)]
        began = time.monotonic()
        for _ in range(rounds):
            for client in clients:
                client.send(LINE)
        for client in clients:
            client.shutdown(socket.SHUT_WR)
        for client in clients:
            client.recv(1)
            client.close()
        return len(clients) * rounds / (time.monotonic() - began)
    finally:
        stop(process)


def resident(process: subprocess.Popen[bytes]) -> int:
    """How much memory a process has, in bytes."""
    pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE")


def idle(command: str, megabytes: int) -> float:
    """10,000 connections that say nothing. Bytes of resident memory each."""
    port = free_port()
    process = start(command, port)
    count = min(10_000, megabytes * 10)
    descriptors = Path(f"/proc/{process.pid}/fd")
    clients = []
    try:
        clients.append(connected(port))
        before, open_before = resident(process), len(list(descriptors.iterdir()))
        clients += [connected(port) for _ in range(count)]
        while len(list(descriptors.iterdir())) < open_before + count:
            time.sleep(0.05)
        return (resident(process) - before) / count
    finally:
        for client in clients:
            client.close()
        stop(process)


def unread(command: str, megabytes: int) -> float:
    """Four fast senders, a stdout nobody reads for 10 s. MiB over idle.

    Afterwards it is read, and every line must be there.
    """
    port = free_port()
    process = start(command, port, subprocess.PIPE)
    assert process.stdout is not None
    done = threading.Event()
    sent = dict.fromkeys(range(4), 0)

    def sender(number: int) -> None:
        block = (b"%063d\n" % number) * 1024
        with connected(port) as client:
            while not done.is_set():
                client.sendall(block)
                sent[number] += 1024

    try:
        connected(port).close()
        before = resident(process)
        senders = [threading.Thread(target=sender, args=(n,)) for n in sent]
        for each in senders:
            each.start()
        most = 0
        deadline = time.monotonic() + min(10.0, megabytes / 100)
        while time.monotonic() < deadline:
            most = max(most, resident(process))
            time.sleep(0.05)
        done.set()
        ender = threading.Thread(target=end_when_sent, args=(process, senders))
        ender.start()
        came = dict.fromkeys(sent, 0)
        for line in process.stdout:
            assert len(line) == len(LINE)
            came[int(line)] += 1
        ender.join()
        assert came == sent, f"{sent} lines were sent, {came} came"
        return (most - before) / (1 << 20)
    finally:
        done.set()
        stop(process)
        process.stdout.close()


def end_when_sent(
    process: subprocess.Popen[bytes], senders: list[threading.Thread]
) -> None:
    for each in senders:
        each.join()
    process.terminate()


def start_up(command: str, _megabytes: int) -> float:
    """From the start to the first connection, or to the end. Starts a second."""
    port = free_port()
    began = time.monotonic()
    process = start(command, port)
    try:
        if "PORT" in command:
            connected(port).close()
        else:
            process.wait(60)
        return 1 / (time.monotonic() - began)
    finally:
        stop(process)


def contests(folder: str) -> list[Contest | Limit]:
    recording = f"rm -f {folder}/r; {SERVER} --record {folder}/r"
    lecture = f"{folder}/server"
    has_lecture = Path(lecture).exists()
    return [
        Contest(
            *("classic", receive, "MB/s", SERVER),
            {
                **({"C": (f"exec {lecture} PORT", 1.0)} if has_lecture else {}),
                "ncat | sed": (f"{LISTEN} | sed 's/^/recv data: /'", 2.0),
            },
        ),
        Contest(
            *("log", receive, "MB/s", f"{SERVER} --format log"),
            {"ncat | ts": (f"{LISTEN} | ts", 25.0)},
            0.05,
        ),
        Contest(
            *("raw", receive, "MB/s", f"{SERVER} --format raw"),
            {"ncat": (f"exec {LISTEN}", 0.9)},
        ),
        Contest(
            *("raw-escaped", receive, "MB/s", f"{SERVER} --format raw --escape always"),
            {"ncat | cat -v": (f"{LISTEN} | cat -v", 1.0)},
        ),
        Contest(
            *("json", receive, "MB/s", f"{SERVER} --format json"),
            {"ncat | jq": (f"{LISTEN} | jq -Rc '{{message:.}}'", 20.0)},
            0.3,
        ),
        Contest(
            *("hex", receive, "MB/s", f"{SERVER} --format hex"),
            {"ncat | hexdump": (f"{LISTEN} | hexdump -C", 5.0)},
            0.2,
        ),
        Contest(
            *("send", send, "MB/s", f"{ECHOLAB} client --no-dot 127.0.0.1 PORT"),
            {"ncat": ("ncat --send-only 127.0.0.1 PORT", 1.0)},
        ),
        Contest(
            *("churn", churn, "connections/s", SERVER.replace("--once ", "")),
            {
                "ncat -lk": ("exec ncat -lk 127.0.0.1 PORT", 0.5),
                "socat fork": (
                    "exec socat -u TCP-LISTEN:PORT,bind=127.0.0.1,fork,backlog=1024 -",
                    5.0,
                ),
            },
        ),
        Contest(
            *("many", many, "lines/s", SERVER.replace("--once ", "")),
            {"ncat -lk": ("exec ncat -lk -m 300 127.0.0.1 PORT", 1.0)},
        ),
        Contest(
            *(
                "record",
                receive,
                "MB/s",
                f"rm -f {folder}/r; {SERVER} --record {folder}/r",
            ),
            {
                "classic": (SERVER, 0.85),
                "ncat | tee": (f"{LISTEN} | tee {folder}/t | sed 's/^/recv: /'", 1.0),
            },
            0.2,
        ),
        Contest(
            "record-many",
            *(many, "lines/s"),
            recording.replace("--once ", ""),
            {"classic": (SERVER.replace("--once ", ""), 0.85)},
        ),
        Limit(*("idle", idle, "bytes each", SERVER.replace("--once ", ""), 4096)),
        Limit(
            *("unread", unread, "MiB over idle"),
            *(SERVER.replace("--once", "--format raw"), 64),
        ),
        Contest(
            *("start", start_up, "starts/s", SERVER),
            {
                "import reactor": (
                    f"exec {sys.executable} -c 'import twisted.internet.reactor'",
                    0.5,
                )
            },
        ),
    ]


def installed(command: str) -> bool:
    """Whether every program of a shell command is there."""
    stages = [stage.removeprefix("exec ").split() for stage in command.split(" | ")]
    return all(shutil.which(stage[0]) for stage in stages)


def check(limit: Limit, runs: int, megabytes: int) -> None:
    """Measure a figure; print its median and the limit."""
    figures = [limit.work(limit.echolab, megabytes) for _ in range(runs)]
    print(
        f"{limit.name:12} echolab {statistics.median(figures):8.1f} {limit.unit}"
        f"  wanted at most {limit.most:g}",
        flush=True,
    )


def measure(contest: Contest, runs: int, megabytes: int) -> None:
    """Run a contest in alternating runs; print medians and ratios."""
    commands = {"echolab": contest.echolab}
    for name, (command, _) in contest.peers.items():
        if installed(command):
            commands[name] = command
        else:
            print(f"{contest.name:12} {name}: not installed")
    figures: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            figures[name].append(
                contest.work(command, max(1, int(megabytes * contest.share)))
            )
    medians = {name: statistics.median(values) for name, values in figures.items()}
    ours = medians.pop("echolab")
    for name, theirs in medians.items():
        wanted = contest.peers[name][1]
        print(
            f"{contest.name:12} echolab {ours:8.1f}  {name} {theirs:8.1f} "
            f"{contest.unit}  ratio {ours / theirs:6.2f}  wanted {wanted:g}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(
        f"{platform.platform()}, {os.cpu_count()} processors, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )
    with tempfile.TemporaryDirectory() as folder:
        if compiler := shutil.which("cc"):
            subprocess.run(
                [compiler, "-O2", "-o", f"{folder}/server", str(HERE / "server.c")],
                check=True,
            )
        else:
            print("classic      C: no compiler")
        every = contests(folder)
        unknown = set(options.names) - {each.name for each in every}
        if unknown:
            parser.error(f"no such contest: {', '.join(sorted(unknown))}")
        for contest in every:
            if options.names and contest.name not in options.names:
                continue
            if isinstance(contest, Limit):
                check(contest, options.runs, options.megabytes)
            else:
                measure(contest, options.runs, options.megabytes)


if __name__ == "__main__":
    main()
