"""The files of docs/examples/cluster and docs/systemd, read by their programs."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import ROOT

sys.path.append(str(ROOT / "benchmarks"))

from cluster import Cluster
from parts import find
from visiting import Visitors

EXAMPLES = ROOT / "docs" / "examples" / "cluster"
UNITS = sorted(
    path
    for folder in (EXAMPLES, ROOT / "docs" / "systemd")
    for path in folder.iterdir()
    if path.suffix in (".service", ".socket")
)


def need(program: str) -> str:
    """Return the path of a program, or skip the test."""
    path = find(program)
    if path is None:
        raise SkipTest(f"{program} is not installed")
    return path


def check(*command: str, **environment: str) -> str:
    """Run a program, which must say that all is well; return what it said."""
    ended = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


class FileTests(SynchronousTestCase):
    def test_haproxy_takes_its_configuration(self) -> None:
        said = check(need("haproxy"), "-c", "-f", str(EXAMPLES / "haproxy.cfg"))
        warnings = re.findall(r"\[WARNING\].*", said)
        # The names of the example are nobody's.
        self.assertEqual([w for w in warnings if "could not resolve" not in w], [])

    def test_nats_server_takes_its_configurations(self) -> None:
        program = need("nats-server")
        for name in ("nats-server.conf", "leaf.conf"):
            check(program, "-t", "-c", str(EXAMPLES / name), NODE="n1")

    def test_systemd_takes_the_units(self) -> None:
        program = shutil.which("systemd-analyze")
        if program is None:
            raise SkipTest("systemd-analyze is not installed")
        with tempfile.TemporaryDirectory() as folder:
            for path in UNITS:
                # systemd looks whether the programs are there.
                text = re.sub(
                    r"/(opt|usr/local)/\S*bin/\S+", "/bin/true", path.read_text()
                )
                Path(folder, path.name).write_text(text)
            for path in UNITS:
                instance = path.name.replace("@.", "@1.")
                if instance != path.name:
                    Path(folder, instance).symlink_to(path.name)
                said = check(
                    *(program, "verify", "--man=no", f"{folder}/{instance}"),
                    SYSTEMD_UNIT_PATH=f"{folder}:",
                )
                self.assertNotIn(folder, said)

    def test_compose_takes_the_services(self) -> None:
        try:
            yaml = importlib.import_module("yaml")
        except ModuleNotFoundError:
            raise SkipTest("PyYAML is not installed") from None
        made = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())
        services = made["services"]
        self.assertEqual(len(services), 8)
        for name, service in services.items():
            self.assertTrue({"image", "build"} & {*service}, name)
            self.assertLessEqual({*service.get("depends_on", [])}, {*services}, name)
            for volume in service.get("volumes", []):
                source, _, _ = volume.partition(":")
                where = EXAMPLES / source if source.startswith(".") else None
                self.assertTrue(where.is_file() if where else source in made["volumes"])

    def test_the_nodes_of_all_files_have_one_name(self) -> None:
        """The balancer, the units and compose mean the same machines."""
        configuration = (EXAMPLES / "nats-server.conf").read_text()
        nodes = re.findall(r"nats://(nats\d):6222", configuration)
        self.assertEqual(nodes, ["nats1", "nats2", "nats3"])
        for name in ("receiver@.service", "reader@.service", "compose.yaml"):
            text = (EXAMPLES / name).read_text()
            self.assertIn(f"nats://{','.join(nodes)}/lines", text, name)
        leaves = re.findall(
            r"nats-leaf://(nats\d):7422", (EXAMPLES / "leaf.conf").read_text()
        )
        self.assertEqual(leaves, nodes)


class RestartTests(SynchronousTestCase):
    def test_receivers_are_taken_out_and_put_back_unseen(self) -> None:
        need("haproxy")
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        cluster = self.enterContext(Cluster(folder, nodes=0))
        output = ("--output", f"log:{folder}/lines", "--reply", "ok")
        cluster.start_receivers(*output, stream=False)
        visitors = Visitors(cluster.ports)
        self.addCleanup(visitors.end)
        for i, receiver in enumerate(cluster.receivers):
            cluster.wait_for_receiver(1 - i)
            visitors.wait_for(20)
            server = f"set server receivers/receiver{i} state"
            self.assertEqual(cluster.tell_balancer(f"{server} drain").strip(), "")
            visitors.wait_for(20)
            receiver.end(signal.SIGTERM)
            visitors.wait_for(20)
            receiver.start()
            receiver.wait_until_ready()
            cluster.tell_balancer(f"{server} ready")
            cluster.wait_for_receiver(i)
        # The balancer itself gets a new configuration.
        assert cluster.balancer is not None
        os.kill(cluster.balancer.pid, signal.SIGUSR2)
        visitors.wait_for(100)
        visitors.end()
        self.assertEqual(visitors.failed, [])
        lines = (folder / "lines").read_text()
        self.assertEqual(lines.count("recv hello\n"), visitors.answered)
