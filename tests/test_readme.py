"""The promises of the README."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

README = (ROOT / "README.md").read_text()


class ReadmeTests(SynchronousTestCase):
    def test_the_commands_make_an_environment(self) -> None:
        made = "python3 -m venv --without-pip .venv && python3 -m pip --python .venv"
        for last in (
            "install . && .venv/bin/twistd -n echolab --port 8888",
            "install -e '.[test]' && .venv/bin/python -m pytest",
        ):
            self.assertRegex(README, rf"(?m)^ *{re.escape(f'{made} {last}')}$")

    def test_ci_runs_the_test_command(self) -> None:
        ci = Path(ROOT, ".ci", "run")
        if not ci.exists():  # An installed package does not have it.
            raise SkipTest("no .ci/run")
        [found] = re.findall(
            r"^readme=\$\((.* README\.md)\)$", ci.read_text(), re.MULTILINE
        )
        ended = subprocess.run(
            ["bash", "-c", found], cwd=ROOT, capture_output=True, text=True, check=True
        )
        self.assertTrue(ended.stdout.endswith(".venv/bin/python -m pytest\n"))
        self.assertEqual(ended.stdout.count("\n"), 1)

    def test_python_versions(self) -> None:
        self.assertIn("CPython 3.11 or later", README)
        self.assertGreaterEqual(sys.version_info, (3, 11))
