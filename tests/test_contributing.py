"""The steps in CONTRIBUTING.md work; all names in it and in SECURITY.md exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from echolab.command.client_options import ClientOptions
from echolab.command.server_options import ServerOptions
from tests.support import ROOT

GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
COMMANDS = re.findall(r"^(?:    )?((?:python3|nox) .*)", GUIDE, re.MULTILINE)
FILES = dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", GUIDE, re.DOTALL))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SESSIONS = (ROOT / "noxfile.py").read_text()

ADDED = (
    ("echolab/formats/names.py", "]] = {\n", '"sizes": Sizes,\n'),
    (
        "echolab/formats/names.py",
        "import Raw\n",
        "from echolab.formats.sizes import Sizes\n",
    ),
    (
        "echolab/framing/names.py",
        "_Write]] = {\n",
        '"pkt-line": (PktLineFramer, pkt_line),\n',
    ),
    (
        "echolab/framing/names.py",
        "import NetstringFramer, netstring\n",
        "from echolab.framing.pkt_line import PktLineFramer, pkt_line\n",
    ),
    ("tests/test_framing.py", "makes: tuple[Make, ...] = (", "PktLineFramer, "),
    (
        "tests/test_framing.py",
        "import SynchronousTestCase\n",
        "from echolab.framing.pkt_line import PktLineFramer\n",
    ),
)
"""The guide's additions: the file, the text before, and the added text."""


def run(folder: Path, command: str) -> None:
    """Run Python in a folder; if it fails, fail with its output."""
    _, *arguments = shlex.split(command)
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise AssertionError(f"{command}\n{ended.stdout}{ended.stderr}")


class ContributingTests(SynchronousTestCase):
    timeout = 600

    def test_one_test(self) -> None:
        pytest, trial = (each for each in COMMANDS if "test_whole_lines" in each)
        run(ROOT, f"{pytest} -p no:cacheprovider")
        with tempfile.TemporaryDirectory() as folder:
            elsewhere = f"trial --temp-directory={folder}/trial "
            run(ROOT, trial.replace("trial ", elsewhere))

    def test_a_format_and_a_framing_are_added(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for each in ("echolab", "tests", "twisted"):
                unwanted = shutil.ignore_patterns("__pycache__", "dropin.cache")
                shutil.copytree(ROOT / each, folder / each, ignore=unwanted)
            shutil.copy(ROOT / "pyproject.toml", folder)
            for path, text in FILES.items():
                self.assertFalse((folder / path).exists(), path)
                (folder / path).write_text(text)
            for path, behind, what in ADDED:
                if "import" not in what:
                    self.assertIn("`" + what.strip(", \n"), GUIDE)
                before, found, after = (folder / path).read_text().partition(behind)
                self.assertTrue(found, f"{path}: {behind}")
                (folder / path).write_text(before + found + what + after)
            commands = [each for each in COMMANDS if " or " in each]
            self.assertEqual(len(commands), 2)
            for command in commands:
                run(folder, f"{command} -p no:cacheprovider")

    def test_what_is_named_is_there(self) -> None:
        new = {*FILES, "changelog.d/NAME.SECTION.md"}
        for path in {*re.findall(r"[`( ]([\w.]+/[\w./]+\.(?:py|md))", GUIDE)} - new:
            self.assertTrue((ROOT / path).exists(), path)
        for name, path in re.findall(r"`(\w+)` in `(\S+\.py)`", GUIDE):
            self.assertIn(name, (ROOT / path).read_text())
        [extra] = re.findall(r"-e '\.\[(\w+)\]'", GUIDE)
        self.assertIn(extra, PROJECT["project"]["optional-dependencies"])

    def test_every_session_is_one(self) -> None:
        there = re.findall(r"^@nox\.session.*\ndef (\w+)", SESSIONS, re.MULTILINE)
        for command in COMMANDS:
            _, _, named = command.partition(" -s ")
            for session in named.partition(" -- ")[0].split():
                self.assertIn(session.partition("-")[0], there)

    def test_ci_and_hooks_run_sessions(self) -> None:
        self.assertIn("nox --no-venv --no-install", (ROOT / ".ci/run").read_text())
        hooks = (ROOT / ".pre-commit-config.yaml").read_text()
        entries = re.findall(r"entry: (.*)", hooks)
        self.assertTrue(entries)
        for entry in entries:
            words = ", ".join(f'"{word}"' for word in entry.split())
            self.assertIn(f"session.run({words})", SESSIONS)

    def test_every_fragment_is_in_a_section(self) -> None:
        towncrier = PROJECT["tool"]["towncrier"]
        sections = [each["directory"] for each in towncrier["type"]]
        [named] = re.findall(r"SECTION is (.*?)\.", GUIDE)
        self.assertEqual(re.findall(r"`(\w+)`", named), sections)
        for path in (ROOT / "changelog.d").glob("*.md"):
            self.assertIn(path.name.split(".")[1], sections, path.name)
        self.assertIn(towncrier["start_string"], (ROOT / "CHANGELOG.md").read_text())


class SecurityTests(SynchronousTestCase):
    def test_what_is_named_is_there(self) -> None:
        page = (ROOT / "SECURITY.md").read_text()
        tests = re.findall(r"`(test_\w+\.py)`", page)
        self.assertTrue(tests)
        for name in tests:
            self.assertTrue((ROOT / "tests" / name).exists(), name)
        ours = {"--version"}
        for options in (ServerOptions(), ClientOptions()):
            ours |= {f"--{name.rstrip('=')}" for name in options.longOpt}
        self.assertEqual({*re.findall(r"`(--[a-z-]+)", page)} - ours, set())
