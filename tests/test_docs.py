"""The examples of docs/testing.md run, each style with its own runner."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.trial.unittest import SynchronousTestCase

from echolab import Behaviour
from echolab.testing import LabProcess, Remembering, ServerKeywords
from tests.support import PYTEST, ROOT, SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

GUIDE = (ROOT / "docs" / "testing.md").read_text()
ANSWERS = (ROOT / "docs" / "answers.md").read_text()
ANSWERING = ("test_memory.py", "test_answers.py", "test_protocol.py")
EXAMPLES = dict(
    re.findall(r"```python\n# (\w+\.py)\n(.*?)```", GUIDE + ANSWERS, re.DOTALL)
)
RETRIES = EXAMPLES.pop("test_retries.py")


class GuideTests(SynchronousTestCase):
    def run_examples(self, names: Iterable[str], *command: str) -> str:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        for name in names:
            Path(folder, name).write_text(EXAMPLES.pop(name))
        ended = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        said = ended.stdout + ended.stderr
        self.assertEqual(ended.returncode, 0, said)
        return said

    def test_a_client_that_tries_again(self) -> None:
        names: dict[str, Any] = {}
        exec(compile(RETRIES, "test_retries.py", "exec"), names)
        test = names["test_my_client_tries_again"]
        [marker] = test.pytestmark
        names["my_client"] = self  # `deliver` represents the reader's code.
        with LabProcess(**marker.kwargs) as server:
            test(server)

    def deliver(self, parcel: str, host: str, port: int) -> None:
        answer = b""
        while not answer:
            with (
                contextlib.suppress(ConnectionResetError),
                socket.create_connection((host, port), SECONDS) as connection,
            ):
                connection.sendall(parcel.encode() + b"\n")
                answer = connection.recv(100)
        self.assertEqual(answer, b"ok\n")

    def test_every_style(self) -> None:
        pytest = (*PYTEST, "--strict-markers")
        plain = ("test_plain.py", "test_asyncio.py", "test_a_server.py", *ANSWERING)
        self.run_examples(plain, *pytest, "-p", "no:twisted", *plain)
        self.run_examples(["test_coroutines.py"], *pytest, "test_coroutines.py")
        said = self.run_examples(["test_trial.py"], "twisted.trial", "test_trial")
        self.assertIn("PASSED (successes=2)", said)
        said = self.run_examples(["test_unittest.py"], "unittest", "test_unittest")
        self.assertIn("Ran 2 tests", said)
        self.assertEqual(EXAMPLES, {})

    def test_every_behaviour_is_in_the_table_and_is_one(self) -> None:
        table = GUIDE.partition("## Misbehaviour")[2].partition("\n## ")[0]
        named = re.findall(r"^\| `([\w-]+)", table, re.MULTILINE)
        kinds = {
            name.replace("_", "-")
            for name, value in vars(Behaviour).items()
            if isinstance(value, staticmethod)
        }
        self.assertEqual(set(named), kinds)
        cells = "\n".join(re.findall(r"^\|(.*?)\|", table, re.MULTILINE))
        for text in re.findall(r"`(.*?)`", cells):
            Behaviour.parse(text.replace("=N", "=1").replace("=S", "=1"))

    def test_every_question_and_option_is_one(self) -> None:
        table = GUIDE.partition("## What can be asked")[2].partition("\n## ")[0]
        for name in re.findall(r"^\| `(\w+)\(", table, re.MULTILINE):
            if name != "str" and not name.startswith("wait_for"):
                self.assertTrue(hasattr(Remembering, name), name)
        table = GUIDE.partition("## How the server is")[2].partition("\n## ")[0]
        self.assertEqual(
            set(re.findall(r"`(\w+)=", table.partition("| option | |")[2])),
            {*ServerKeywords.__annotations__},
        )

    def test_the_examples_that_are_named_are_there(self) -> None:
        named = set(re.findall(r"\(examples/(\w+\.py)\)", GUIDE))
        there = {path.name for path in (ROOT / "docs" / "examples").glob("test_*.py")}
        self.assertEqual(named, there)
