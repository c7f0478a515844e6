"""Each part of a cluster is taken out and put back: how many clients notice?"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import ECHOLAB, Cluster
from parts import Part, find
from programs import free_port
from typing_extensions import override
from visiting import Visitors

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENTS = 4
REPLY = ("--reply", "ok")


def measured(name: str, visitors: Visitors, what: Callable[[], None]) -> None:
    """Do something while clients come and go, and print how they fared."""
    time.sleep(0.5)
    try:
        what()
        time.sleep(1)
    finally:
        visitors.end()
    why = ", ".join(f"{n} {what}" for what, n in Counter(visitors.failed).items())
    print(
        f"{name:44} {visitors.answered:6,} answered, {len(visitors.failed):4} not"
        f"{f' ({why})' if why else ''}; the slowest took {visitors.slowest:.2f} s",
        flush=True,
    )


def behind_haproxy(rounds: int) -> None:
    """Receivers and HAProxy itself, with the configuration of the examples."""

    def told(cluster: Cluster) -> None:
        for i, receiver in enumerate(cluster.receivers):
            server = f"set server receivers/receiver{i} state"
            cluster.tell_balancer(f"{server} drain")
            receiver.end(signal.SIGTERM)
            receiver.start()
            receiver.wait_until_ready()
            cluster.tell_balancer(f"{server} ready")
            cluster.wait_for_receiver(i)

    def untold(cluster: Cluster) -> None:
        for receiver in cluster.receivers:
            receiver.end(signal.SIGTERM)
            receiver.start()
            receiver.wait_until_ready()
            time.sleep(3)

    def killed(cluster: Cluster) -> None:
        for receiver in cluster.receivers:
            receiver.end(signal.SIGKILL)
            receiver.start()
            receiver.wait_until_ready()
            time.sleep(3)

    def reloaded(cluster: Cluster) -> None:
        assert cluster.balancer is not None
        for _ in range(3):
            os.kill(cluster.balancer.pid, signal.SIGUSR2)
            time.sleep(2)

    def restarted(cluster: Cluster) -> None:
        assert cluster.balancer is not None
        cluster.balancer.end()
        cluster.balancer.start()
        cluster.balancer.wait_until_ready()

    for name, what in {
        "receivers: drained by HAProxy, SIGTERM, start": told,
        "receivers: SIGTERM, start": untold,
        "receivers: SIGKILL, start": killed,
        "HAProxy: reloaded three times": reloaded,
        "HAProxy: SIGKILL, start": restarted,
    }.items():
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            cluster = stack.enter_context(Cluster(folder, nodes=0))
            cluster.start_receivers("--output", "raw:/dev/null", *REPLY, stream=False)
            visitors = Visitors(cluster.ports, CLIENTS)
            stack.callback(visitors.end)

            def some(
                what: Callable[[Cluster], None] = what, cluster: Cluster = cluster
            ) -> None:
                for _ in range(rounds):
                    what(cluster)

            measured(name, visitors, some)


def listening(port: int) -> socket.socket:
    """Hold a socket of a shared port, as systemd does with ReusePort=yes."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", port))
    held.listen(1024)
    return held


AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="lab")
os.execv(sys.argv[2], sys.argv[2:])
"""


def on_one_port(rounds: int) -> None:
    """Two processes of one port, which they or systemd hold."""
    for held in (False, True):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            port = free_port()
            parts = []
            for i in range(2):
                command = [*ECHOLAB, "server", *REPLY, "--output", "raw:/dev/null"]
                if held:
                    mine = stack.enter_context(listening(port))
                    mine.set_inheritable(True)
                    number = str(mine.fileno())
                    command += ["--listen", "systemd:domain=INET:index=0"]
                    command = [ECHOLAB[0], "-c", AS_SYSTEMD, number, *command]
                else:
                    command += ["--interface", "127.0.0.1", "--reuse-port"]
                    command += ["--port", str(port)]
                log = folder / f"{i}.log"
                parts.append(Served(f"server {i}", command, log))
                stack.callback(parts[-1].end)
                parts[-1].start()
                parts[-1].wait_until_ready()
            visitors = Visitors([port], CLIENTS)
            stack.callback(visitors.end)

            def restart(parts: list[Served] = parts) -> None:
                for _ in range(rounds):
                    for part in parts:
                        part.end(signal.SIGTERM)
                        part.start()
                        part.wait_until_ready()

            name = "systemd's sockets, ReusePort" if held else "--reuse-port"
            measured(f"{name}: SIGTERM, start", visitors, restart)


class Served(Part):
    """A server that says when it listens."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self._starts = 0
        super().__init__(name, command, log, self._listens, inherit=True)

    @override
    def start(self) -> None:
        self._starts += 1
        super().start()

    def _listens(self) -> bool:
        return self.log.read_text().count("listening on") >= self._starts


def restarts(*, quick: bool = False) -> None:
    """Measure all of it."""
    rounds = 1 if quick else 5
    if find("haproxy") is None:
        print("restarts  not measured: haproxy is not installed")
    elif not quick:
        behind_haproxy(rounds)
    on_one_port(rounds)


if __name__ == "__main__":
    restarts()
