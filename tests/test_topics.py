"""``echolab help``: its contents, and the topics, whose names are those of the code."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from typing import TYPE_CHECKING

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab.behaviour.fault import KINDS
from echolab.behaviour.values import Behaviour
from echolab.client.behaving import KINDS as CLIENT_KINDS_OF_FAULTS
from echolab.client.behaving import client_behaviour
from echolab.command.cli import CommandOptions
from echolab.command.commands import COMMANDS
from echolab.command.helping import TOPICS, text_of
from echolab.formats import FORMATS
from echolab.framing import FRAMING_NAMES
from echolab.near_misses import CLIENT_KINDS, ENDPOINT_KINDS
from echolab.quantities import byte_size, seconds
from echolab.server.answer_file import KEYS, PATTERN, STEPS
from echolab.server.option_values import framing_value, output_value
from tests.roff import rows
from tests.support import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS, LINES = 80, 24
EXAMPLE = "  $ "


def shown(*words: str) -> str:
    """Return what ``echolab`` prints with these words."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        CommandOptions().parseOptions(words)
    return out.getvalue()


def tables(topic: str) -> list[dict[str, str]]:
    """Return the tables of a topic."""
    return [
        dict(rows(block))
        for block in text_of(topic).rstrip().split("\n\n")
        if block.startswith("  ") and not block.startswith(EXAMPLE)
    ]


def kinds(table: dict[str, str]) -> list[str]:
    return [name.partition(":")[0] for name in table]


class HelpTests(SynchronousTestCase):
    def test_the_contents_fit_on_a_screen(self) -> None:
        lines = shown("help").splitlines()
        self.assertLessEqual(len(lines), LINES)
        self.assertLessEqual(max(map(len, lines)), COLUMNS)
        first = [line.split()[0] for line in lines if line.startswith("  ")]
        commands = [name for name, *_ in CommandOptions.subCommands]
        self.assertEqual(first, [*commands, *TOPICS])
        self.assertEqual(shown("--help"), shown("help"))

    def test_a_command(self) -> None:
        for name in COMMANDS:
            self.assertEqual(shown("help", name), shown(name, "--help"))
            self.assertIn("\nOther options:\n", shown("help", name))

    def test_mistakes(self) -> None:
        for words, why in (
            (
                ["framing"],
                "Unknown topic: framing; did you mean echolab help framings?",
            ),
            (["Sever"], "Unknown topic: Sever; did you mean echolab help server?"),
            (["zzz"], "Unknown topic: zzz; see echolab help"),
            (["a", "b"], "Usage: echolab help [COMMAND | TOPIC]"),
        ):
            with self.assertRaises(SystemExit) as ended:
                CommandOptions().parseOptions(["help", *words])
            self.assertEqual(ended.exception.code, why)
        with self.assertRaises(UsageError) as caught:
            CommandOptions().parseOptions(["hepl"])
        self.assertIn("did you mean echolab help?", str(caught.exception))

    def test_it_needs_no_reactor(self) -> None:
        code = (
            "import sys; from echolab.command.cli import main\n"
            "try: main(['help', 'units'])\n"
            "finally: print(*(sys.modules.keys() & {'twisted.internet.reactor', "
            "'echolab.command.server_options'}))"
        )
        ended = run(program=(sys.executable, "-c", code))
        self.assertEqual(ended.out.decode(), f"{text_of('units')}\n")


class TopicTests(SynchronousTestCase):
    def test_each_file_is_a_topic(self) -> None:
        folder = ROOT / "echolab" / "command" / "topics"
        self.assertEqual({each.stem for each in folder.iterdir()}, {*TOPICS})

    def test_they_fit(self) -> None:
        for topic in TOPICS:
            text = text_of(topic)
            self.assertEqual(shown("help", topic), text)
            self.assertLess(max(map(len, text.splitlines())), COLUMNS, topic)
            self.assertTrue(text.isascii())

    def test_their_options_exist(self) -> None:
        known = {
            each.rstrip("=")
            for command in COMMANDS.values()
            for each in command.options().longOpt
        } | {"logfile", "pidfile", "reactor"}  # twistd's
        for topic in TOPICS:
            named = set(re.findall(r"--([a-z][a-z-]*[a-z])", text_of(topic)))
            self.assertEqual(named - known, set(), topic)

    def test_their_examples_are_accepted(self) -> None:
        for example in examples():
            _, name, *words = shlex.split(example)
            if "@smtp.toml" not in words:
                COMMANDS[name].options().parseOptions(words)

    def test_units(self) -> None:
        times, sizes = tables("units")
        for named, read in (times, seconds), (sizes, byte_size):
            for text in named:
                for each in text.split(", "):
                    self.assertGreater(read(each), 0)

    def test_framings(self) -> None:
        [table] = tables("framings")
        self.assertEqual(kinds(table), [*_in_order(FRAMING_NAMES, kinds(table))])
        for name in table:
            framing_value(name)

    def test_formats(self) -> None:
        [table] = tables("formats")
        self.assertEqual([*table], [*FORMATS])

    def test_outputs(self) -> None:
        [table] = tables("outputs")
        for name in table:
            if name != "sink:NAME":
                output_value(name)

    def test_endpoints(self) -> None:
        server, client = tables("endpoints")
        self.assertEqual({*kinds(server)}, {*ENDPOINT_KINDS})
        self.assertEqual({*kinds(client)}, {*CLIENT_KINDS})

    def test_keys_of_answers(self) -> None:
        _, table = tables("answers")
        self.assertEqual({*table}, {PATTERN, STEPS, *KEYS})

    def test_behaviours(self) -> None:
        table, limits = tables("behaviours")
        self.assertEqual({*kinds(table)}, {*KINDS})
        for name in [*table, *limits]:
            Behaviour.parse(re.sub(r"=[NSK]\b", "=1", name))
        by_client = {
            name
            for name, said in zip(kinds(table), table.values(), strict=True)
            if said.endswith("*")
        }
        self.assertEqual(by_client, CLIENT_KINDS_OF_FAULTS)
        for name in limits:
            if "(server)" not in limits[name] and not name.startswith("answer-"):
                client_behaviour(name.replace("=N", "=1"))


def examples() -> Iterator[str]:
    """Yield the command lines of echolab in all topics."""
    for topic in TOPICS:
        for line in text_of(topic).splitlines():
            if line.startswith(f"{EXAMPLE}echolab "):
                yield line.removeprefix(EXAMPLE)


def _in_order(names: tuple[str, ...], order: list[str]) -> Iterator[str]:
    return iter(sorted(names, key=order.index))
