"""docs/watching.md: its tables and files for other programs are right."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from echolab.web.lag import Lag
from echolab.web.metrics import Metrics
from echolab.web.totals import QueueNow
from tests.support import ROOT, Program
from tests.test_metrics import NOTHING, Watching

GUIDE = (ROOT / "docs" / "watching.md").read_text()
DASHBOARD = (ROOT / "docs" / "grafana-panel.json").read_text()
FILES = re.findall(r"```\w+\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL)


def samples() -> dict[str, set[str]]:
    """Return the names of all samples of `/metrics`, each with its labels."""
    watching = Watching()
    watching.now.queues[:] = [QueueNow("127.0.0.1:8888", 0, 1024, 0)]
    try:
        text, _ = Metrics(watching, Lag(Clock()))()
    finally:
        NOTHING.queues.clear()
    return {
        sample.name: {*sample.labels}
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def checked(name: str, text: str, *command: str) -> None:
    """Have another program check a file, if that program is installed."""
    if shutil.which(command[0]) is None:
        raise SkipTest(f"{command[0]} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_text(text)
        ended = subprocess.run(
            [*command, name], cwd=folder, capture_output=True, text=True, check=False
        )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def files(name: str) -> str:
    """Return all that the page has of a file."""
    return "\n".join(text for each, text in FILES if each == name)


class PageTests(SynchronousTestCase):
    def test_the_address_of_the_page(self) -> None:
        [words] = re.findall(
            r"^    echolab (server --web 8889 .*)$", GUIDE, re.MULTILINE
        )
        [shown] = re.findall(r"^(watch at .*)$", GUIDE, re.MULTILINE)
        words = re.sub(r"\b(8888|8889)\b", "0", words)
        with Program(*words.split(), "--interface", "127.0.0.1") as server:
            server.wait_for(b"watch at ", stream="err")
            server.process.terminate()
            server.end()
        [said] = re.findall(r"^(watch at .*)$", server.err.decode(), re.MULTILINE)
        [said, shown] = [re.sub(r":\d+/", ":PORT/", each) for each in (said, shown)]
        self.assertEqual(said.partition("=")[0], shown.partition("=")[0])
        self.assertEqual(len(said), len(shown))


class MetricsTests(SynchronousTestCase):
    def test_the_table_is_what_there_is(self) -> None:
        shown = {
            name: {*filter(None, labels.split(","))}
            for name, labels in re.findall(
                r"^\| `(echolab_\w+)(?:\{(.*?)\})?` \|", GUIDE, re.MULTILINE
            )
        }
        there = samples()
        lag = "echolab_event_loop_lag_seconds"
        parts = {name for name in there if name.startswith(f"{lag}_")}
        self.assertEqual(
            parts, {f"{lag}_{part}" for part in ("bucket", "count", "sum")}
        )
        there = {name: there[name] for name in there.keys() - parts} | {lag: set()}
        ours = {name: labels for name, labels in there.items() if name in shown}
        self.assertEqual(shown, ours)
        others = {name.partition("_")[0] for name in there.keys() - shown.keys()}
        self.assertEqual(others, {"process"})

    def test_no_label_names_a_peer(self) -> None:
        labels = set[str]().union(*samples().values())
        self.assertEqual(labels, {"state", "cause", "address", "le", "version"})

    def test_the_dashboard_asks_for_what_there_is(self) -> None:
        dashboard: dict[str, Any] = json.loads(DASHBOARD)
        asked = set()
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                asked |= {*re.findall(r"\b(?:echolab|process)_\w+", target["expr"])}
        [_, variable] = dashboard["templating"]["list"]
        asked |= {*re.findall(r"echolab_\w+", variable["query"]["query"])}
        self.assertGreater(len(asked), 10)
        self.assertEqual(asked - samples().keys(), set())


class FileTests(SynchronousTestCase):
    def test_prometheus_reads_its_file(self) -> None:
        text = files("prometheus.yml")
        self.assertIn("credentials_file: ", text)
        text = re.sub(r"credentials_file: .*", "credentials_file: prometheus.yml", text)
        checked("prometheus.yml", text, "promtool", "check", "config")

    def test_prometheus_finds_no_fault_with_the_metrics(self) -> None:
        if shutil.which("promtool") is None:
            raise SkipTest("promtool is not installed")
        text, _ = Metrics(Watching(), Lag(Clock()))()
        ended = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            capture_output=True,
            check=False,
        )
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, b"", b""))

    def test_haproxy_reads_its_file(self) -> None:
        defaults = "defaults\n  timeout connect 5s\n  timeout client 1m\n"
        text = f"{defaults}  timeout server 1m\n{files('haproxy.cfg')}"
        self.assertEqual(text.count("backend "), 3)
        text = re.sub(r" ssl crt \S+", "", text)
        checked("haproxy.cfg", text, "haproxy", "-c", "-f")
