"""The command lines of docs/examples/cluster are echolab's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from echolab.command.server_options import ServerOptions
from echolab.command.tail_options import TailOptions
from tests.test_cluster_examples import EXAMPLES, UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield the words of each command of echolab in the examples."""
    for path in UNITS:
        text = path.read_text().replace("\\\n", " ")
        for line in re.findall(r"^ExecStart=\S+/echolab (.*)", text, re.MULTILINE):
            words = re.sub(r"%[li]", "1", line)
            yield path.name, words.replace("${RUNTIME_DIRECTORY}", "/run/lab").split()
    compose = (EXAMPLES / "compose.yaml").read_text()
    for block in re.findall(r"command: &\w+\n((?: +- \S+\n)+)", compose):
        yield "compose.yaml", re.findall(r"- (\S+)", block)


class CommandTests(SynchronousTestCase):
    def test_echolab_takes_its_command_lines(self) -> None:
        known = {"server": ServerOptions, "tail": TailOptions}
        found = [*commands()]
        self.assertEqual(len(found), 6)
        for _, (name, *words) in found:
            known[name]().parseOptions(words)
