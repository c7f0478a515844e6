"""A nats-server beside a receiver takes what it has, also while the others are away."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import ROOT, SECONDS

sys.path.append(str(ROOT / "benchmarks"))

from cluster import EXAMPLES, STREAM, SUBJECT, Cluster
from parts import Part, asked, find, until
from programs import free_port

if TYPE_CHECKING:
    from nats.js import JetStreamContext

NUMBERS = [b"%d" % i for i in range(100)]


class LeafTests(SynchronousTestCase):
    def test_what_it_has_arrives_when_they_are_back(self) -> None:
        program = find("nats-server")
        if program is None:
            raise SkipTest("nats-server is not installed")
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        cluster = self.enterContext(Cluster(folder, nodes=1))
        leaf = Leaf(program, folder, cluster)
        self.addCleanup(leaf.part.end)
        leaf.part.start()
        leaf.part.wait_until_ready()
        # The other nodes are away: it says that it is not healthy, and takes all.
        asyncio.run(leaf.publish())
        cluster.start_nodes()
        until(cluster.has_leaves, SECONDS, "the node beside the receiver is connected")
        # The script of the example, for one node.
        subprocess.run(
            [sys.executable, str(EXAMPLES / "sourcing.py"), *leaf.collecting],
            env={**os.environ, "REPLICAS": "1"},
            check=True,
        )
        self.assertEqual(cluster.ask(read), NUMBERS)


async def read(js: JetStreamContext) -> list[bytes]:
    """Return as many messages of the stream that collects, from its first."""
    subscription = await js.subscribe(
        f"all-{SUBJECT}.>", stream=f"ALL-{STREAM}", ordered_consumer=True
    )
    return [(await subscription.next_msg(timeout=60)).data for _ in NUMBERS]


class Leaf:
    """The node beside a receiver, with the configuration of the example."""

    def __init__(self, program: str, folder: Path, cluster: Cluster) -> None:
        self._port, http = free_port(), free_port()
        (node,) = cluster.leaves
        text = (EXAMPLES / "leaf.conf").read_text()
        before, _, rest = text.partition("urls: [")
        text = f"{before}urls: [nats-leaf://127.0.0.1:{node}{rest[rest.index(']') :]}"
        text = text.replace("127.0.0.1:4222", f"127.0.0.1:{self._port}")
        text = text.replace("/var/lib/nats-leaf", str(folder / "leaf"))
        file = folder / "leaf.conf"
        file.write_text(f"{text}\nhttp: 127.0.0.1:{http}\n")
        hub = f"nats://127.0.0.1:{cluster.clients[0]}"
        self.collecting = (hub, SUBJECT, "leaf1")
        self.part = Part(
            "leaf",
            [program, "-c", str(file)],
            folder / "leaf.log",
            partial(asked, http, "/healthz"),
            {"NODE": "leaf1"},
        )

    async def publish(self) -> None:
        """Publish numbers as a receiver would; each must be acknowledged."""
        nats = importlib.import_module("nats")
        client = await nats.connect(f"nats://127.0.0.1:{self._port}")
        js = client.jetstream()
        await js.add_stream(name=STREAM, subjects=[f"{SUBJECT}.>"])
        for number in NUMBERS:
            headers = {"Nats-Msg-Id": f"receiver1-run-{number.decode()}"}
            await js.publish(f"{SUBJECT}.receiver1.peer", number, headers=headers)
        await client.close()
