"""A cluster, senders and readers while something is done to it; what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import ECHOLAB, Cluster
from counting import LINE, Sender, Verdict, judge
from faults import FAULTS, NotHereError, clock_set_back, disk_full
from parts import Reader, find, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


@dataclass(frozen=True)
class Pace:
    """How much is sent, and for how long.

    Attributes:
        acknowledged: how many senders send again what was not acknowledged.
        plain: how many senders only send.
        rate: lines a second of each.
        before: seconds before the fault.
        after: seconds after it.
    """

    acknowledged: int = 3
    plain: int = 2
    rate: int = 2_000
    before: float = 3.0
    after: float = 5.0


QUICK = Pace(1, 1, 500, 1.0, 1.0)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk of 64 MiB that the nodes will use."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise NotHereError("this user cannot mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@dataclass(frozen=True)
class Outcome:
    """What came of one fault.

    Attributes:
        acknowledged: of the senders that send again what was not acknowledged.
        program: of `echolab client --acknowledged`.
        plain: of the senders that only send.
        following: what the reader saw that followed the stream, of the first.
        silence: the longest time between two acknowledgements of one sender.
        stillness: the longest time in which the reader that follows saw nothing.
        notes: what was not as it should be.
    """

    acknowledged: Verdict
    program: Verdict
    plain: Verdict
    following: Verdict
    silence: float
    stillness: float
    notes: list[str]


def run(fault: Callable[[Cluster], None], pace: Pace) -> Outcome:
    """Start a cluster, send, do it, and count.

    Raises:
        NotHereError: this machine cannot do it.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        disk = folder
        environment = {}
        if fault is disk_full:
            stack.enter_context(small_disk(folder))
            disk = folder / "disk"
        if fault is clock_set_back:
            if not Path(FAKETIME).exists():
                raise NotHereError("libfaketime is not installed")
            (folder / "clock").write_text("+0s\n")
            environment = {
                "LD_PRELOAD": FAKETIME,
                "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        cluster = stack.enter_context(Cluster(folder, disk=disk))
        cluster.start_nodes()
        cluster.start_receivers("--acknowledge", environment=environment)
        cluster.leader()
        return treat(cluster, fault, pace)


def treat(cluster: Cluster, fault: Callable[[Cluster], None], pace: Pace) -> Outcome:
    """Send through a cluster while something is done to it, and count."""
    notes = []
    keeping = [
        Sender(f"k{i}", cluster.ports, acknowledged=True, rate=pace.rate)
        for i in range(pace.acknowledged)
    ]
    plain = [
        Sender(f"p{i}", cluster.ports, acknowledged=False, rate=pace.rate)
        for i in range(pace.plain)
    ]
    senders = keeping + plain
    live = cluster.reader("--follow")

    async def send() -> None:
        await asyncio.gather(*(sender.run() for sender in senders))

    sending = threading.Thread(target=lambda: asyncio.run(send()), daemon=True)
    with piped(cluster, pace.rate) as program:
        sending.start()
        time.sleep(pace.before)
        fault(cluster)
        time.sleep(pace.after)
        for sender in senders:
            sender.end()
        sending.join(120)
        if sending.is_alive():
            notes.append("senders still wait for acknowledgements")
        status = program.finish()
        if status:
            notes.append(f"echolab client ended with {status}")
    seen = collected(cluster, notes)
    sent = {sender.name: sender.sent for sender in senders}
    known = {sender.name: sender.acknowledged for sender in keeping}
    done = {"c0": program.sent if status == 0 else 0}
    names = {sender.name for sender in keeping}
    mine = {name: count for name, count in sent.items() if name in names}
    theirs = {name: count for name, count in sent.items() if name not in names}
    until_seen(live, len(seen))
    live.end()
    return Outcome(
        judge(seen, mine, known),
        judge(seen, {"c0": program.sent}, done),
        judge(seen, theirs, {}),
        judge(live.lines, mine, known),
        max(sender.silence for sender in keeping),
        live.silence,
        notes,
    )


def collected(cluster: Cluster, notes: list[str]) -> list[bytes]:
    """Read the stream from its first message to its end."""
    reader = cluster.reader()
    if not reader.wait(120):
        notes.append("the reader did not end in order")
    return reader.lines


def until_seen(reader: Reader, count: int) -> None:
    """Wait a little until the reader that follows has seen as many lines."""
    with contextlib.suppress(TimeoutError):
        until(lambda: len(reader.lines) >= count, 10, "as many lines")


class Program:
    """`echolab client --acknowledged`, fed with numbered lines."""

    def __init__(self, cluster: Cluster, rate: int) -> None:
        self.sent = 0
        self._ended = threading.Event()
        target = ("127.0.0.1", str(cluster.ports[0]))
        with (cluster.folder / "client.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*ECHOLAB, "client", "--acknowledged", "--retry", "90", *target],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._thread = threading.Thread(target=self._feed, args=(rate // 20,))
        self._thread.start()

    def _feed(self, block: int) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        with contextlib.suppress(OSError), stdin:
            for at in itertools.count(1, block):
                if self._ended.wait(0.05):
                    break
                lines = [LINE % ("c0", i) for i in range(at, at + block)]
                stdin.write("".join(lines).encode())
                stdin.flush()
                self.sent = at + block - 1

    def finish(self) -> int:
        """End its input; return its exit status."""
        self._ended.set()
        try:
            return self._process.wait(120)
        except subprocess.TimeoutExpired:
            return -1
        finally:
            self.end()

    def end(self) -> None:
        self._ended.set()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._thread.join()


@contextlib.contextmanager
def piped(cluster: Cluster, rate: int) -> Iterator[Program]:
    program = Program(cluster, rate)
    try:
        yield program
    finally:
        program.end()


def describe(verdict: Verdict) -> str:
    """Return a verdict as the columns of a table."""
    return (
        f"{verdict.sent:8,} {verdict.acknowledged:8,} {verdict.lost:6,} "
        f"{verdict.missing:7,} {verdict.doubled:6,} {verdict.disordered:6,}"
    )


HEAD = (
    f"{'fault':20} {'senders':12} {'sent':>8} {'acknow.':>8} {'lost':>6} "
    f"{'missing':>7} {'twice':>6} {'order':>6}  silence"
)


def report(name: str, outcome: Outcome) -> None:
    """Print what came of a fault."""
    rows = {
        "acknowledged": (outcome.acknowledged, f"{outcome.silence:7.1f} s"),
        "client": (outcome.program, ""),
        "plain": (outcome.plain, ""),
        "(followed)": (outcome.following, f"{outcome.stillness:7.1f} s"),
    }
    for who, (verdict, silence) in rows.items():
        print(f"{name:20} {who:12} {describe(verdict)}  {silence}", flush=True)
    for note in outcome.notes:
        print(f"{name:20} {note}", flush=True)


def try_faults(names: list[str], *, quick: bool = False) -> None:
    """Try each fault, and print what came of it."""
    if find("nats-server") is None:
        print("cluster   not measured: nats-server is not installed")
        return
    print(HEAD)
    for name in names or (["nothing"] if quick else FAULTS):
        try:
            report(name, run(FAULTS[name], QUICK if quick else Pace()))
        except NotHereError as why:
            print(f"{name:20} not measured: {why}")
        except (ChildProcessError, TimeoutError) as why:
            print(f"{name:20} went wrong: {why}")
