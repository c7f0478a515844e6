"""The promises of the README."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

README = (ROOT / "README.md").read_text()


class ReadmeTests(SynchronousTestCase):
    def test_ci_runs_the_test_command(self) -> None:
        [command] = re.findall(r"^    (python3 .*pytest)$", README, re.MULTILINE)
        self.assertEqual(
            command, "python3 -m pip install -e '.[test]' && python3 -m pytest"
        )
        ci = Path(ROOT, ".ci", "run")
        if ci.exists():  # An sdist also has it; an installed package does not.
            self.assertIn("README.md", ci.read_text())

    def test_python_versions(self) -> None:
        self.assertIn("CPython 3.11 or later", README)
        self.assertGreaterEqual(sys.version_info, (3, 11))
