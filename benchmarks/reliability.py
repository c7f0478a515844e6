#!/usr/bin/env python3
"""Ill-treat echolab, and its peers in the same way; see ../docs/reliability.md.

Usage: python benchmarks/reliability.py [--quick] [NAME ...]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING

import restarts as restarting
from contests import ECHOLAB
from faults import FAULTS
from programs import PYTHON, Program, connected, installed, open_files
from syslogging import rsyslog
from trying import try_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVER = f"exec {ECHOLAB} server --interface 127.0.0.1 --port PORT"
NCAT = "exec ncat -lk -m 20000 127.0.0.1 PORT"
SOCAT = "exec socat -u TCP-LISTEN:PORT,bind=127.0.0.1,fork,backlog=1024 -"
PEERS = {"echolab": SERVER, "ncat -lk": NCAT, "socat fork": SOCAT}
BARE = f"""exec {PYTHON} -c "
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
reactor.listenTCP(PORT, Factory.forProtocol(Protocol), 1024, '127.0.0.1')
reactor.run()
" """

quick = False
faults: list[str] = []


def say(name: str, who: str, text: str) -> None:
    print(f"{name:9} {who:10} {text}", flush=True)


@contextlib.contextmanager
def running(command: str, stdout: int = subprocess.DEVNULL) -> Iterator[Program]:
    """Start a shell command that listens on PORT; end it and all its children."""
    with Program(command, stdout=stdout) as program:
        try:
            program.connect().close()
            yield program
        finally:
            program.kill()
            if program.process.stdout is not None:
                program.process.stdout.close()


def each_peer() -> Iterator[tuple[str, str]]:
    for who, command in PEERS.items():
        if quick and who != "echolab":
            continue
        if installed(command):
            yield who, command
        else:
            print(f"{who}: not installed")


def idle() -> None:
    """Silent connections: memory of each, and how soon a new line is printed."""
    for who, command in {"bare": BARE, **dict(each_peer())}.items():
        count = 10_000 if who in ("bare", "echolab") else 500
        if quick:
            count = 50
        with running(command, subprocess.PIPE) as program:
            assert program.process.stdout is not None
            drain = threading.Thread(
                target=read_to_last, args=(program.process.stdout,)
            )
            before = program.resident()
            clients = [connected(program.port) for _ in range(count)]
            if who != "socat fork":
                while open_files(program.pid) < count:
                    time.sleep(0.05)
            else:
                time.sleep(1)  # Its children are started one by one.
            each = (program.resident() - before) / count
            text = f"{count} connections, {each:,.0f} bytes each"
            if who != "bare":
                drain.start()
                with connected(program.port) as client:
                    began = time.monotonic()
                    client.sendall(b"the last line\n")
                    drain.join()
                    text += f", a line took {(time.monotonic() - began) * 1e3:.1f} ms"
            for client in clients:
                client.close()
        say("idle", who, text)


def read_to_last(stream: IO[bytes]) -> None:
    """Read the lines of a stream, up to the last."""
    for line in stream:
        if b"the last line" in line:
            return


def files() -> None:
    """64 descriptors, 200 clients for 3 seconds: who is served, CPU, log."""
    for who, command in each_peer():
        limited = f"ulimit -n 64; {command}"
        with running(limited, subprocess.PIPE) as program:
            assert program.process.stdout is not None
            clients = []
            for _ in range(200):
                with contextlib.suppress(OSError):
                    client = socket.create_connection(("127.0.0.1", program.port), 0.2)
                    client.sendall(b"hello\n")
                    clients.append(client)
            before = program.spent()
            time.sleep(1 if quick else 3)
            spent = (program.spent() - before) / (1 if quick else 3)
            for client in clients:
                client.close()
            time.sleep(0.2)
            served = "no"
            with contextlib.suppress(OSError), connected(program.port) as client:
                client.sendall(b"the last line\n")
                os.set_blocking(program.process.stdout.fileno(), False)
                time.sleep(0.5)
                out = program.process.stdout.read() or b""
                served = "yes" if b"the last line" in out else "no"
                text = f"{out.count(b'hello')} of 200 served"
        say("files", who, f"{text}, {spent:.0%} CPU meanwhile, recovers: {served}")


def endless() -> None:
    """256 MiB without a newline: how far memory rises."""
    block = b"x" * (1 << 20)
    for who, command in each_peer():
        with running(command) as program, connected(program.port) as client:
            before = most = program.resident()
            for _ in range(8 if quick else 256):
                client.sendall(block)
                most = max(most, program.resident())
        say("endless", who, f"{(most - before) / (1 << 20):.1f} MiB over before")


def stuck() -> None:
    """A stdout nobody reads, and SIGTERM: how long the end takes."""
    for who, command in each_peer():
        with running(command, subprocess.PIPE) as program:
            before = program.resident()
            client = connected(program.port)
            client.settimeout(1)
            with contextlib.suppress(OSError):
                while True:
                    client.send(b"x" * 65535 + b"\n")
            rise = (program.resident() - before) / (1 << 20)
            program.process.terminate()
            began = time.monotonic()
            try:
                program.process.wait(20)
                text = f"SIGTERM ended it after {time.monotonic() - began:.1f} s"
            except subprocess.TimeoutExpired:
                text = "SIGTERM did not end it in 20 s"
            client.close()
        say("stuck", who, f"{rise:.1f} MiB over before, {text}")


def full() -> None:
    """An output file on a full 1 MiB disk that is emptied after 3 seconds."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            say("full", "echolab", "not measured: this user cannot mount a tmpfs")
            return
        try:
            ballast = Path(folder, "ballast")
            ballast.write_bytes(b"x" * (1 << 19))
            log = Path(folder, "log")
            count = 8_000
            with running(f"{SERVER} --output raw:{log}") as program:
                with connected(program.port) as client:
                    lines = b"".join(b"%099d\n" % i for i in range(count))
                    sender = threading.Thread(target=client.sendall, args=(lines,))
                    sender.start()
                    time.sleep(1 if quick else 3)
                    printed = log.read_bytes()
                    ballast.unlink()
                    sender.join()
                program.process.terminate()
                program.process.wait(20)
            same = log.read_bytes() == lines
            say(
                "full",
                "echolab",
                f"{len(printed)} bytes when full, then all {count} lines, "
                f"whole and in order: {same}",
            )
        finally:
            subprocess.run(["umount", folder], check=True)


def senders(port: int, count: int, done: threading.Event) -> list[threading.Thread]:
    """Start senders of numbered lines; each sends until it is done or cut off."""

    def send(number: int) -> None:
        with contextlib.suppress(OSError), connected(port) as client:
            at = 0
            while not done.is_set():
                block = b"".join(
                    b"%d %060d\n" % (number, i) for i in range(at, at + 100)
                )
                client.sendall(block)
                at += 100

    threads = [threading.Thread(target=send, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    return threads


def gaps(lines: list[bytes]) -> int:
    """How many lines of numbered senders are missing, torn or out of order."""
    wrong = 0
    due: Counter[bytes] = Counter()
    for line in lines:
        number, _, text = line.partition(b" ")
        if len(text) != 60 or int(text) != due[number]:
            wrong += 1
        else:
            due[number] += 1
    return wrong


def ended() -> None:
    """SIGTERM, then SIGKILL, while 10 senders write to a file."""
    for name in ("SIGTERM", "SIGKILL"):
        with tempfile.TemporaryDirectory() as folder:
            log, ends = Path(folder, "log"), Path(folder, "ends")
            done = threading.Event()
            outputs = f"--drain 1 --output raw:{log} --output json:{ends}"
            with running(f"{SERVER} {outputs}") as program:
                threads = senders(program.port, 10, done)
                time.sleep(0.3 if quick else 1.5)
                program.process.send_signal(signal.Signals[name])
                program.process.wait(20)
                done.set()
                for thread in threads:
                    thread.join()
            *lines, rest = log.read_bytes().split(b"\n")
            # An unterminated last line of one peer may have another's behind it.
            text = f"{len(lines):,} lines"
            if name == "SIGTERM":
                events = [json.loads(line) for line in ends.read_text().splitlines()]
                read = sum(e["bytes"] for e in events if e["event"] == "finished")
                text += f", bytes read less bytes printed: {read - log.stat().st_size}"
            else:
                torn = gaps(lines)
                text += f", wrong before the last: {torn}, last is torn: {bool(rest)}"
        say(name, "echolab", text)


def rotated() -> None:
    """Rename and SIGHUP ten times while 10 senders write."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        done = threading.Event()
        with running(f"{SERVER} --output raw:{log}") as program:
            threads = senders(program.port, 10, done)
            for turn in range(10):
                time.sleep(0.05 if quick else 0.2)
                log.rename(Path(folder, f"log.{turn}"))
                program.process.send_signal(signal.SIGHUP)
                while not log.exists():
                    time.sleep(0.01)
            done.set()
            for thread in threads:
                thread.join()
            program.process.terminate()
            program.process.wait(20)
        parts = [Path(folder, f"log.{turn}").read_bytes() for turn in range(10)]
        *lines, _ = b"".join([*parts, log.read_bytes()]).split(b"\n")
    say("rotated", "echolab", f"{len(lines):,} lines, missing or torn: {gaps(lines)}")


def soak() -> None:
    """Connections that come and go: memory early and late."""
    seconds = 2 if quick else 60
    for who, command in each_peer():
        with running(command) as program:
            done = time.monotonic() + seconds
            figures = [program.resident()]
            count = 0
            while time.monotonic() < done:
                for _ in range(200):
                    with (
                        contextlib.suppress(OSError),
                        connected(program.port) as client,
                    ):
                        client.sendall(b"hello\n" * 10 + b"unterminated")
                        if count % 3 == 0:  # by a reset
                            linger = b"\1\0\0\0\0\0\0\0"
                            client.setsockopt(
                                socket.SOL_SOCKET, socket.SO_LINGER, linger
                            )
                        count += 1
                figures.append(program.resident())
        late = figures[len(figures) // 2 :]
        early, most = figures[1] / (1 << 20), max(late) / (1 << 20)
        say("soak", who, f"{count:,} connections, {early:.1f} MiB, late {most:.1f} MiB")


def restarts() -> None:
    """Each part of a cluster is taken out and put back: how many clients notice?"""
    restarting.restarts(quick=quick)


def cluster() -> None:
    """Three nats-servers, receivers and HAProxy, and rsyslog: what is lost?"""
    try_faults(faults, quick=quick)
    if not quick and not faults:
        rsyslog()


TREATMENTS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        *(idle, files, endless, stuck, full, ended, rotated, soak),
        *(restarts, cluster),
    )
}


def main() -> None:
    global quick, faults
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="only see that it works, without the peers"
    )
    parser.add_argument("names", nargs="*", choices=[[], *TREATMENTS], metavar="NAME")
    parser.add_argument(
        *("--fault", "-f"),
        action="append",
        choices=FAULTS,
        help="of cluster: only this one; may be repeated",
    )
    options = parser.parse_args()
    quick, faults = options.quick, options.fault or []
    # Under nohup it would be ignored, by echolab too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(
        f"{platform.platform()}, {os.cpu_count()} processors, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )
    for name, treat in TREATMENTS.items():
        if not options.names or name in options.names:
            treat()


if __name__ == "__main__":
    main()
