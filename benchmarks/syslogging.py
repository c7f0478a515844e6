"""rsyslog, treated as a cluster of echolab is: its plain TCP, and RELP."""

from __future__ import annotations

import contextlib
import itertools
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from counting import LINE, Verdict, judge
from parts import Part, connects, find, until
from programs import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = 5_000
AWAY = 4.0

RECEIVER = """
module(load="{input}")
input(type="{input}" port="{port}")
template(name="line" type="string" string="%rawmsg%\\n")
action(type="omfile" file="{folder}/received" template="line" asyncWriting="off")
"""
SENDER = """
global(workDirectory="{folder}")
module(load="imfile" mode="inotify")
input(type="imfile" file="{folder}/lines" tag="lines" freshStartTail="off")
module(load="{output}")
action(type="{output}" target="127.0.0.1" port="{port}" {more}
       action.resumeRetryCount="-1" action.resumeInterval="1"
       queue.type="linkedList" queue.size="1000000")
"""


def killed(receiver: Part) -> None:
    """SIGKILL for the receiver; back after 4 s."""
    receiver.end()
    time.sleep(AWAY)
    receiver.start()


def stopped(receiver: Part) -> None:
    """SIGTERM for the receiver; back after 4 s."""
    receiver.end(signal.SIGTERM)
    time.sleep(AWAY)
    receiver.start()


def stalled(receiver: Part) -> None:
    """SIGSTOP for the receiver, and SIGKILL after 4 s; back at once."""
    receiver.send_signal(signal.SIGSTOP)
    time.sleep(AWAY)
    receiver.end()
    receiver.start()


def received(protocol: str, what: Callable[[Part], None]) -> Verdict:
    """Send lines from one rsyslogd to another while something is done to it."""
    program = find("rsyslogd")
    assert program is not None
    port = free_port()
    relp = protocol == "RELP"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        parts = []
        for name, text in (("receiver", RECEIVER), ("sender", SENDER)):
            file = folder / f"{name}.conf"
            filled = text.format(
                folder=folder,
                port=port,
                input="imrelp" if relp else "imtcp",
                output="omrelp" if relp else "omfwd",
                more="" if relp else 'protocol="tcp"',
            )
            file.write_text(filled)
            command = [program, "-n", "-f", str(file), "-i", f"{folder}/{name}.pid"]
            ready = (lambda: connects(port)) if name == "receiver" else (lambda: True)
            parts.append(Part(name, command, folder / f"{name}.log", ready))
            stack.callback(parts[-1].end)
        receiver, sender = parts
        lines = stack.enter_context((folder / "lines").open("w"))
        receiver.start()
        receiver.wait_until_ready()
        sender.start()
        done = threading.Event()
        counts: list[int] = []
        writing = threading.Thread(target=lambda: counts.append(write(lines, done)))
        writing.start()
        try:
            time.sleep(3)
            what(receiver)
            time.sleep(5)
        finally:
            done.set()
            writing.join()
        (count,) = counts
        log = folder / "received"

        def came() -> list[bytes]:
            found = log.read_bytes().splitlines() if log.exists() else []
            return [line[line.find(b"s0 ") :] for line in found if b"s0 " in line]

        with contextlib.suppress(TimeoutError):
            last = b"%d " % count
            until(lambda: came()[-1:] and came()[-1][3:].startswith(last), 20, "last")
        return judge(came(), {"s0": count}, {})


def write(file: IO[str], done: threading.Event) -> int:
    """Append numbered lines at a steady pace; return the number of the last."""
    block = RATE // 20
    for at in itertools.count(0, block):
        if done.wait(0.05):
            return at
        file.write("".join(LINE % ("s0", i) for i in range(at + 1, at + 1 + block)))
        file.flush()
    raise AssertionError


def rsyslog(*, quick: bool = False) -> None:
    """Print what came of it, if rsyslog is installed."""
    if find("rsyslogd") is None:
        print("rsyslog   not measured: rsyslogd is not installed")
        return
    for protocol in ("plain TCP", "RELP"):
        module = "/usr/lib/x86_64-linux-gnu/rsyslog/omrelp.so"
        if protocol == "RELP" and not Path(module).exists():
            print("rsyslog   RELP not measured: rsyslog-relp is not installed")
            continue
        for what in (killed, stopped, stalled)[: 1 if quick else None]:
            found = received(protocol, what)
            print(
                f"rsyslog   {protocol:10} receiver {what.__name__:8} "
                f"{found.sent:,} sent, {found.missing:,} lost, "
                f"{found.doubled:,} doubled, {found.disordered:,} out of order",
                flush=True,
            )


if __name__ == "__main__":
    rsyslog()
