"""What is made from the options is current, and the manual pages can be shown."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from echolab.command.commands import COMMANDS
from tests.make_reference import DOCS, TABLES, pages
from tests.roff import escaped, rows, topic_as_roff

MAN = DOCS / "man"
SHOWN = re.compile(r".\x08")
"""What man prints before a letter, to make it bold or underlined."""


def man(name: str, columns: int) -> tuple[str, str]:
    """Return what man prints of a page, and its warnings."""
    ended = subprocess.run(
        ["man", "--warnings", "-l", str(MAN / f"{name}.1")],
        env={**os.environ, "MANWIDTH": str(columns), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
        text=True,
    )
    return SHOWN.sub("", ended.stdout), ended.stderr


class CurrentTests(SynchronousTestCase):
    def test_the_committed_pages_are_current(self) -> None:
        for path, text in pages():
            self.assertEqual(
                path.read_text(), text, "run python -m tests.make_reference"
            )

    def test_each_command_has_its_tables_and_its_page(self) -> None:
        found = [
            name
            for path in DOCS.glob("*.md")
            for _, name, _ in TABLES.findall(path.read_text())
        ]
        self.assertEqual(sorted(found), sorted(COMMANDS))
        self.assertEqual(
            {each.stem for each in MAN.iterdir()},
            {"echolab", *(f"echolab-{name}" for name in COMMANDS)},
        )


class ManualTests(SynchronousTestCase):
    def setUp(self) -> None:
        if not (shutil.which("man") and shutil.which("groff")):
            raise SkipTest("needs man and groff")

    def test_no_page_has_a_warning(self) -> None:
        for page in MAN.glob("*.1"):
            for columns in 60, 80:
                ended = subprocess.run(
                    [
                        *("groff", "-man", "-ww", "-z", "-Tutf8", f"-rLL={columns}n"),
                        str(page),
                    ],
                    capture_output=True,
                    check=True,
                )
                self.assertEqual((ended.stdout, ended.stderr), (b"", b""), page.name)

    def test_a_page_as_it_is_shown(self) -> None:
        for columns in 60, 80:
            text, warnings = man("echolab-server", columns)
            self.assertEqual(warnings, "")
            self.assertIn("\n       -p, --port PORT\n", text)
            self.assertIn("\n         echolab server --tls --allow ", text)
            self.assertIn("'^QUIT=221 bye' 8888\n", text)
            for title in "NAME", "SYNOPSIS", "OPTIONS", "FRAMINGS", "EXIT STATUS":
                self.assertIn(f"\n{title}\n", text)
            self.assertIn("\n       chunk  what one recv returned\n", text)
            if columns == 80:
                self.assertLessEqual(max(map(len, text.splitlines())), columns)


class RoffTests(SynchronousTestCase):
    def test_signs(self) -> None:
        self.assertEqual(escaped(r"\0-"), r"\e0\-")
        self.assertEqual(escaped(".TH"), r"\&.TH")
        self.assertEqual(escaped("'it'"), r"\(aqit\(aq")
        self.assertEqual(escaped("a…"), r"a\[u2026]")

    def test_rows(self) -> None:
        block = "  a     one\n        more\n  a,long,name\n        two"
        self.assertEqual([*rows(block)], [("a", "one more"), ("a,long,name", "two")])

    def test_a_topic(self) -> None:
        text = "About\n\nA text of\ntwo lines.\n\n  a  one\n\n  $ echolab\n"
        self.assertEqual(
            topic_as_roff(text),
            ".PP\nA text of two lines.\n.TP\n\\fBa\\fR\none\n"
            ".PP\n.EX\n  echolab\n.EE\n",
        )
