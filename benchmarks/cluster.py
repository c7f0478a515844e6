"""Three nats-servers, receivers, a balancer and readers on loopback, ended at will."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import re
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from parts import Part, Reader, asked, find, until
from programs import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
    from types import TracebackType

    from nats.js import JetStreamContext

T = TypeVar("T")

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "docs" / "examples" / "cluster"
ECHOLAB = (sys.executable, "-m", "echolab")
SUBJECT = "lines"
STREAM = "LINES"
STATUS = 17
"""The column of a server's state in HAProxy's statistics."""


class Cluster:
    """Nodes, receivers and, if it is installed, a balancer; all ends with it.

    Attributes:
        folder: where all its files are.
        nodes: the nats-servers.
        receivers: the servers of echolab.
        clients: the ports of the nodes for clients.
        leaves: their ports for nodes that stand beside receivers.
        balancer: HAProxy, with the configuration of docs/examples/cluster.
        ports: where senders connect: the balancer's, or those of the receivers.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 3,
        receivers: int = 2,
        disk: Path | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            folder: where configurations and logs go.
            nodes: how many nats-servers.
            receivers: how many servers of echolab.
            disk: where the nodes keep their streams, if not in the folder.
        """
        self.folder = folder
        self._disk = disk or folder
        self.clients = [free_port() for _ in range(nodes)]
        self.leaves = [free_port() for _ in range(nodes)]
        self._http = [free_port() for _ in range(nodes)]
        self._routes = [free_port() for _ in range(nodes)]
        self._fronts = [free_port() for _ in range(receivers)]
        self._health = [free_port() for _ in range(receivers)]
        self.nodes = [self._node(i) for i in range(nodes)]
        self.receivers: list[Part] = []
        self.balancer: Part | None = None
        self.ports: Sequence[int] = self._fronts
        self._readers: list[Reader] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for reader in self._readers:
            reader.end()
        for part in (*filter(None, [self.balancer]), *self.receivers, *self.nodes):
            part.send_signal(signal.SIGCONT)
            part.end()

    def address(self, **parameters: str) -> str:
        """Return the stream as echolab's options name it."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.clients)
        given = {"replicas": str(len(self.nodes)), **parameters}
        asked_for = "&".join(f"{name}={value}" for name, value in given.items())
        return f"nats://{hosts}/{SUBJECT}?{asked_for}"

    def start_nodes(self) -> None:
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_until_ready()

    def start_receivers(
        self,
        *options: str,
        environment: Mapping[str, str] | None = None,
        stream: bool = True,
        balanced: bool = True,
    ) -> None:
        """Start the receivers and the balancer.

        Args:
            options: more options of each receiver.
            environment: more variables of their environment.
            stream: whether they put what they receive into the stream.
            balanced: whether there is a balancer, if it is installed.
        """
        program = find("haproxy") if balanced else None
        for i, (front, health) in enumerate(
            zip(self._fronts, self._health, strict=True)
        ):
            listen = f"tcp:{front}:interface=127.0.0.1"
            behind = ("--listen", f"haproxy:{listen}", "--proxy-from", "127.0.0.1")
            command = [
                *(*ECHOLAB, "server"),
                *(behind if program else ("--listen", listen)),
                *("--web", str(health)),
                *options,
            ]
            if stream:
                command += ["--output", self.address(receiver=f"r{i}")]
            log = self.folder / f"receiver{i}.log"
            self.receivers.append(
                Part(
                    f"receiver {i}",
                    command,
                    log,
                    partial(asked, health, "/healthz"),
                    environment,
                )
            )
        # The first one makes the stream, and is waited for.
        for part in self.receivers:
            part.start()
            part.wait_until_ready()
        if program:
            self._balance(program)

    def _balance(self, program: str) -> None:
        front = free_port()
        text = (EXAMPLES / "haproxy.cfg").read_text()
        admin = self.folder / "admin.sock"
        text = text.replace("/run/haproxy/admin.sock", str(admin))
        text = text.replace("bind :8888", f"bind 127.0.0.1:{front}")
        before, _, _ = text.partition("    server receiver1")
        for i, (port, health) in enumerate(
            zip(self._fronts, self._health, strict=True)
        ):
            before += f"    server receiver{i} 127.0.0.1:{port} port {health}\n"
        file = self.folder / "haproxy.cfg"
        file.write_text(before)
        self.ports = [front]
        # In the foreground, as systemd starts it: what is killed is all of it.
        command = [program, "-W", "-db", "-f", str(file)]
        log = self.folder / "haproxy.log"
        ready = partial(self.tell_balancer, "show info")
        self.balancer = Part("HAProxy", command, log, ready)
        self.balancer.start()
        self.balancer.wait_until_ready()

    def tell_balancer(self, command: str) -> str:
        """Give HAProxy a command on its socket; return its answer, or nothing."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(self.folder / "admin.sock"))
            client.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()
        return ""

    def wait_for_receiver(self, number: int) -> None:
        """Wait until HAProxy gives connections to a receiver."""
        begin = f"receivers,receiver{number},"

        def is_up() -> bool:
            lines = self.tell_balancer("show stat").splitlines()
            found = [
                line.split(",")[STATUS] for line in lines if line.startswith(begin)
            ]
            return found == ["UP"]

        until(is_up, 60, f"HAProxy knows that receiver {number} is there")

    def leader(self) -> Part:
        """Return the node that leads the stream; wait until there is one."""
        until(lambda: self._leaders(), 60, "a node leads the stream")
        return self._leaders()[0]

    def state(self) -> dict[str, int]:
        """Return how many messages and bytes the stream has."""
        node = self.nodes.index(self.leader())
        found: dict[str, int] = next(self._streams(node))["state"]
        return found

    def _leaders(self) -> list[Part]:
        """Return the nodes that are said to lead, and run."""
        names = {
            stream.get("cluster", {}).get("leader")
            for i in range(len(self.nodes))
            for stream in self._streams(i)
        }
        return [node for node in self.nodes if node.name in names and node.runs()]

    def _streams(self, i: int) -> Iterator[dict[str, Any]]:
        """Yield what a node knows of its streams."""
        page = asked(self._http[i], "/jsz?streams=1") if self.nodes[i].runs() else None
        for account in json.loads(page or b"{}").get("account_details") or []:
            yield from account.get("stream_detail") or []

    def has_leaves(self) -> bool:
        """Return whether a node that stands beside a receiver has connected."""
        pages = [asked(port, "/leafz") for port in self._http]
        return any(json.loads(page or b"{}").get("leafs") for page in pages)

    def healthy(self, node: Part) -> bool:
        """Return whether a node has caught up with the others."""
        return bool(asked(self._http[self.nodes.index(node)], "/healthz"))

    def ask(
        self, what: Callable[[JetStreamContext], Coroutine[object, object, T]]
    ) -> T:
        """Ask the engine something, or tell it."""

        async def asking() -> T:
            nats = importlib.import_module("nats")
            servers = [f"nats://127.0.0.1:{port}" for port in self.clients]
            client = await nats.connect(servers)
            try:
                return await what(client.jetstream(timeout=20))
            finally:
                await client.close()

        return asyncio.run(asking())

    def reader(self, *options: str) -> Reader:
        """Start a reader of the whole stream."""
        file = self.folder / f"read{len(self._readers)}"
        log = self.folder / "tail.log"
        command = [*ECHOLAB, "tail", "--from", "first", "--output", f"json:{file}"]
        reader = Reader([*command, *options, self.address()], file, log)
        self._readers.append(reader)
        return reader

    def _node(self, i: int) -> Part:
        folder = self._disk / f"node{i}"
        folder.mkdir()
        routes = ", ".join(f"nats://127.0.0.1:{port}" for port in self._routes)
        text = (EXAMPLES / "nats-server.conf").read_text()
        for old, new in {
            "0.0.0.0:4222": f"127.0.0.1:{self.clients[i]}",
            "127.0.0.1:8222": f"127.0.0.1:{self._http[i]}",
            "0.0.0.0:6222": f"127.0.0.1:{self._routes[i]}",
            "0.0.0.0:7422": f"127.0.0.1:{self.leaves[i]}",
            "/var/lib/nats": str(folder),
            "100GB": "4GB",
        }.items():
            assert old in text
            text = text.replace(old, new)
        before, _, rest = text.partition("routes: [")
        text = f"{before}routes: [{routes}{rest[rest.index(']') :]}"
        if len(self._routes) == 1:
            # Alone, it waits for nobody.
            text = re.sub(
                r"^cluster \{.*?^\}\n", "", text, flags=re.DOTALL | re.MULTILINE
            )
        file = self.folder / f"node{i}.conf"
        file.write_text(text)
        program = find("nats-server")
        assert program is not None
        log = self.folder / f"node{i}.log"
        environment = {"NODE": f"n{i}"}
        ready = partial(asked, self._http[i], "/healthz")
        return Part(f"n{i}", [program, "-c", str(file)], log, ready, environment)
