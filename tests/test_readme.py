"""The promises of the README."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from echolab import Behaviour
from echolab.client.behaving import KINDS as CLIENT_KINDS
from tests.bench import Bench
from tests.recipes import PROMPT, Recipe, Step
from tests.support import ROOT

README = (ROOT / "README.md").read_text()
LANGUAGES = {each: (ROOT / each).read_text() for each in ("README.md", "README.ko.md")}
RECIPE = re.compile(
    r"^\*\*(.*?)\*\*(.*?)\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
ANY = ("…",)
MY_CLIENT = """
    import socket

    def deliver(parcel, host, port):
        answer = b""
        while not answer:
            with socket.create_connection((host, port), 30) as connection:
                try:
                    connection.sendall(parcel.encode() + b"\\n")
                    answer = connection.recv(100)
                except ConnectionError:
                    pass
        assert answer == b"ok\\n"
"""
"""Stands for the reader's client."""


class RecipeTests(SynchronousTestCase):
    """The five recipes, in their order."""

    def setUp(self) -> None:
        section = README.partition("\n## Five recipes\n")[2].partition("\n## ")[0]
        self.recipes = RECIPE.findall(section)

    def commands(self, number: int) -> list[str]:
        """Return the commands in the text of a recipe, in order."""
        code = re.findall(r"`([^`]+)`", self.recipes[number][1])
        return [each for each in code if " " in each]

    def step(self, number: int, terminal: str) -> Step:
        """Return what the block of a recipe shows."""
        command, *shown = self.recipes[number][2].splitlines()
        return Step(terminal, command.removeprefix("$ "), tuple(shown))

    def do(self, *steps: Step, **files: str) -> None:
        named = {f"{name}.py": text for name, text in files.items()}
        with Bench() as bench:
            bench.do(Recipe("", named, [*steps]))

    def test_there_are_five(self) -> None:
        self.assertEqual(len(self.recipes), 5)

    def test_bytes(self) -> None:
        [program] = self.commands(0)
        self.do(self.step(0, "server"), Step("client", program, ANY))

    def test_a_client_that_tries_again(self) -> None:
        _, command = self.commands(1)  # The first installs pytest.
        self.do(
            Step("client", command, ("…", "1 passed in 0.5s")),
            test_client=self.recipes[1][2],
            my_client=textwrap.dedent(MY_CLIENT),
        )

    def test_tls(self) -> None:
        [command] = self.commands(2)
        typed = f"{PROMPT}hello", f"{PROMPT}.", "finish."
        self.do(self.step(2, "server"), Step("client", command, typed))

    def test_syslog(self) -> None:
        [command] = self.commands(3)
        self.do(self.step(3, "server"), Step("client", command))

    def test_a_figure(self) -> None:
        server, client = self.commands(4)
        drawn = self.step(4, "client")
        self.do(Step("server", server, ANY), Step("client", client, ANY), drawn)


class ReadmeTests(SynchronousTestCase):
    def test_it_is_short(self) -> None:
        self.assertLessEqual(len(README.splitlines()), 120)

    def test_the_commands_make_an_environment(self) -> None:
        made = "python3 -m venv --without-pip .venv && python3 -m pip --python .venv"
        for last in (
            "install pip . && .venv/bin/twistd -n echolab --port 8888",
            "install pip -e '.[test]' && .venv/bin/python -m pytest",
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

    def test_the_number_of_faults(self) -> None:
        kinds = [e for e in vars(Behaviour).values() if isinstance(e, staticmethod)]
        said = f"| {len(kinds)} as a server, {len(CLIENT_KINDS)} as a client |"
        self.assertIn(f"| faults on purpose {said}", README)

    def test_python_versions(self) -> None:
        self.assertIn("CPython 3.11 or later", README)
        self.assertGreaterEqual(sys.version_info, (3, 11))

    def test_both_languages_have_the_same_commands_and_links(self) -> None:
        for pattern in (
            r"^```.*?^```$|^    .*?$",  # blocks
            r"`[^`\n]+`",  # commands and names in texts
            r"\]\(([^)]+)\)",  # links
            r"^(#+) ",  # headings
        ):
            english, korean = (
                re.findall(pattern, text, re.DOTALL | re.MULTILINE)
                for text in LANGUAGES.values()
            )
            self.assertEqual(
                [each for each in korean if each not in LANGUAGES],
                [each for each in english if each not in LANGUAGES],
            )
        for text, other in zip(LANGUAGES.values(), [*LANGUAGES][::-1], strict=True):
            self.assertIn(f"]({other})", text.partition("\n## ")[0])
