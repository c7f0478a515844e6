"""The scripts of ``echolab completion``, in the real shells."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from echolab.client.endpoints import endpoint_from_string
from echolab.command.cli import CommandOptions, main
from echolab.command.completion.commands import (
    Argument,
    CommandSyntax,
    Entry,
    commands_of,
    names_of,
)
from echolab.command.completion.options import SCRIPTS
from echolab.command.helping import TOPICS
from echolab.command.option_making import OTHERS
from echolab.errors import ListenError
from echolab.near_misses import CLIENT_KINDS, ENDPOINT_KINDS
from echolab.option import FILE, Option, choices_in
from echolab.option_values import CLIENT_ENDPOINTS, SERVER_ENDPOINTS
from echolab.server.endpoints import server_endpoints
from echolab.server.settings import ServerSettings
from tests.shells import FISH, Shell
from tests.support import ECHOLAB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LINES = {
    "echolab ser": "echolab server ",
    "echolab completion z": "echolab completion zsh ",
    "echolab help exit": "echolab help exit-status ",
    "echolab help tail": "echolab help tail ",
    "echolab help units x": "echolab help units x",
    "echolab tail n": "echolab tail nats://",
    # values, of long and short options, with a space and with =
    "echolab server --framing ne": "echolab server --framing netstring ",
    "echolab server --framing=ne": "echolab server --framing=netstring ",
    "echolab server --framing deli": "echolab server --framing delimiter:",
    "echolab server -f length:wi": "echolab server -f length:width=",
    "echolab server -f length:width=4,o": "echolab server -f length:width=4,o",
    "echolab server -f length:width=4,or": "echolab server -f length:width=4,order=",
    "echolab server --interface 127": "echolab server --interface 127.0.0.1 ",
    "echolab server --reply e": "echolab server --reply echo ",
    "echolab draw --as me": "echolab draw --as mermaid ",
    "echolab client --speed m": "echolab client --speed max ",
    # endpoints
    "echolab server --listen sy": "echolab server --listen systemd:",
    "echolab server --listen=sy": "echolab server --listen=systemd:",
    "echolab server --listen tcp:": "echolab server --listen tcp:",
    "echolab server --listen tcp:1:in": "echolab server --listen tcp:1:interface=",
    "echolab server --listen haproxy:ss": "echolab server --listen haproxy:ssl:",
    "echolab client --connect u": "echolab client --connect unix:",
    # behaviours: a parameter is given once, and a client counts no messages
    "echolab server --behave reset:only=1:o": "echolab server --behave reset:only=1:o",
    "echolab server --behave reset:first=1:o": (
        "echolab server --behave reset:first=1:only="
    ),
    "echolab server --behave reset:after-m": (
        "echolab server --behave reset:after-messages="
    ),
    "echolab client --behave reset:after-m": "echolab client --behave reset:after-m",
    # files
    "echolab draw my": r"echolab draw my\ file.pem ",
    "echolab draw a b sub/i": "echolab draw a b sub/in.pem ",
    "echolab draw --between 1 2 my": r"echolab draw --between 1 2 my\ file.pem ",
    "echolab export a my": r"echolab export a my\ file.pem ",
    "echolab export a b my": "echolab export a b my",
    "echolab server my": "echolab server my",
    "echolab server --record my": r"echolab server --record my\ file.pem ",
    "echolab server --record=my": r"echolab server --record=my\ file.pem ",
    r"echolab server --record my\ ": r"echolab server --record my\ file.pem ",
    'echolab server --record "my': 'echolab server --record "my file.pem" ',
    "echolab server --record su": "echolab server --record sub/",
    "echolab server --record ~/su": "echolab server --record ~/sub/",
    "echolab client --file my": r"echolab client --file my\ file.pem ",
    "echolab server --output ra": "echolab server --output raw:",
    "echolab server --output raw:my": r"echolab server --output raw:my\ file.pem ",
    "echolab server -o raw:sub/i": "echolab server -o raw:sub/in.pem ",
    "echolab server -o my": r"echolab server -o my\ file.pem ",
    "echolab server --listen=unix:my": r"echolab server --listen=unix:my\ file.pem ",
    "echolab server --listen ssl:1:privateKey=su": (
        "echolab server --listen ssl:1:privateKey=sub/"
    ),
    "echolab server --answer @my": r"echolab server --answer @my\ file.pem ",
    "echolab server --answer=@my": r"echolab server --answer=@my\ file.pem ",
    # what takes any text is not completed
    "echolab server --port m": "echolab server --port m",
    "echolab server --greet m": "echolab server --greet m",
    "echolab client --expect '<a b>' --quie": (
        "echolab client --expect '<a b>' --quiet "
    ),
    # what is the shell's own
    "echolab server > my": r"echolab server > my\ file.pem ",
    # options may be given once; of two that contradict each other, one
    "echolab server --onc": "echolab server --once ",
    "echolab server --once --onc": "echolab server --once --onc",
    "echolab server -p 1 --por": "echolab server -p 1 --por",
    "echolab client --dot --no-d": "echolab client --dot --no-d",
    "echolab draw -- --al": "echolab draw -- --al",
}
"""What is typed before Tab, and the line after it."""

VALUED = {
    "bash": "echolab server --framing ",
    "zsh": "echolab server --framing=",
    "fish": "echolab server --framing ",
}
REPEATED = {
    "bash": "echolab server --allow 1 --allow ",
    "zsh": "echolab server --allow 1 --allow=",
    "fish": "echolab server --allow 1 --allow ",
}


def options_of(command: CommandSyntax) -> list[str]:
    """Return all names of the options of a command, sorted."""
    return sorted(
        name
        for entry in command.entries
        for option in entry.options
        for name in names_of(option)
    )


def parameters_in(offers: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the kind of endpoint and the name of each offered parameter."""
    for offer in offers:
        kind, colons, name = offer.partition("::")
        if colons:
            yield kind, name.removesuffix(FILE)


class OfferTests(SynchronousTestCase):
    def test_words_of_a_value(self) -> None:
        for value, words in (
            ("split|close", ("split", "close")),
            ("none|echo|TEXT", ("none", "echo")),
            ("N|max", ("max",)),
            ("FILE", (FILE,)),
            ("PATH", (FILE,)),
            ("SECONDS", ()),
            ("[HOST:]PORT", ()),
            ("", ()),
        ):
            self.assertEqual(choices_in(value), words)

    def test_what_is_offered_is_accepted(self) -> None:
        number = 0
        for command in commands_of(CommandOptions()):
            for entry in command.entries:
                for option in entry.options:
                    for word in option.offered:
                        if word[-1] not in ":=/" and not word.endswith(FILE):
                            option.read(word)
                            number += 1
        self.assertGreater(number, 80)

    def test_kinds_of_endpoints(self) -> None:
        for offers, kinds in (
            (SERVER_ENDPOINTS, {*ENDPOINT_KINDS}),
            (CLIENT_ENDPOINTS, {*CLIENT_KINDS}),
        ):
            self.assertEqual({each.partition(":")[0] for each in offers}, kinds)

    def test_parameters_of_endpoints(self) -> None:
        reactor: Any = MemoryReactorClock()
        for kind, name in parameters_in(SERVER_ENDPOINTS):
            settings = ServerSettings(listen=(f"{kind}:1:{name}1",))
            try:
                server_endpoints(reactor, settings)
            except ListenError as why:  # for example, 1 is no file
                self.assertNotIn("unknown argument", str(why))
        for kind, name in parameters_in(CLIENT_ENDPOINTS):
            # A wrong name is a TypeError.
            with contextlib.suppress(ValueError):
                endpoint_from_string(reactor, f"{kind}:localhost:1:{name}1")

    def test_arguments(self) -> None:
        made = commands_of(CommandOptions(), TOPICS)
        commands = {each.name: each for each in made if each.name}
        recording = Argument("RECORDING", (FILE,))
        for name, arguments in (
            ("server", (Argument("PORT", ()),)),
            ("draw", (recording,)),
            ("export", (recording, Argument("FILE", (FILE,)))),
            ("tail", (Argument("ADDRESS", ("nats://",)),)),
            ("help", (Argument("COMMAND|TOPIC", (*commands, *TOPICS)),)),
            ("completion", (Argument("|".join(SCRIPTS), tuple(SCRIPTS)),)),
        ):
            self.assertEqual(commands[name].arguments, arguments)
        self.assertEqual(
            [each.name for each in commands.values() if each.endless], ["draw"]
        )
        self.assertEqual(made[0].arguments[0].offered, tuple(commands))


class CommandLineTests(SynchronousTestCase):
    def test_mistakes_name_the_shells(self) -> None:
        for words, said in (
            ([], "Usage: echolab completion bash|zsh|fish"),
            (["bash", "zsh"], "Usage: echolab completion bash|zsh|fish"),
            (["tcsh"], "completion tcsh: must be one of bash, zsh, fish"),
        ):
            with self.assertRaises(SystemExit) as caught:
                main(["completion", *words])
            self.assertEqual(str(caught.exception.code).partition(";")[0], said)

    def test_a_closed_pipe(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        ended = subprocess.run(
            [*ECHOLAB, "completion", "bash"],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
        os.close(writer)
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))


class ShellTests(SynchronousTestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.program = CommandOptions()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "my file.pem").touch()
        (self.folder / "sub").mkdir()
        (self.folder / "sub" / "in.pem").touch()

    def start(self, name: str) -> Shell:
        return self.enterContext(Shell(name, self.script(name), self.folder))

    def script(self, name: str) -> str:
        if shutil.which(name) is None:
            raise SkipTest(f"there is no {name}")
        return SCRIPTS[name](commands_of(self.program, TOPICS))

    def output(self, *command: str) -> list[str]:
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=True
        ).stdout.splitlines()

    def check_syntax(self, name: str) -> None:
        (self.folder / "script").write_text(self.script(name))
        ended = subprocess.run(
            [name, "-n", "script"],
            cwd=self.folder,
            capture_output=True,
            check=True,
        )
        self.assertEqual((ended.stdout, ended.stderr), (b"", b""))

    def check_lines(self, name: str) -> None:
        shell = self.start(name)
        expected = {
            **LINES,
            "echolab server --fram": VALUED[name],
            "echolab server --allow 1 --al": REPEATED[name],
        }
        after = {line: shell.line_after(f"{line}\t") for line in expected}
        self.assertEqual(after, expected)

    def test_bash(self) -> None:
        self.check_syntax("bash")
        self.check_lines("bash")

    def test_zsh(self) -> None:
        self.check_syntax("zsh")
        self.check_lines("zsh")

    def test_fish(self) -> None:
        self.check_syntax("fish")
        self.check_lines("fish")

    def test_bash_with_other_word_breaks(self) -> None:
        shell = self.start("bash")
        for breaks in " ", " :", " =":
            shell.type(f"\x15COMP_WORDBREAKS={quote(breaks)}\r")
            after = {line: shell.line_after(f"{line}\t") for line in LINES}
            self.assertEqual(after, LINES)

    def test_descriptions_are_only_text(self) -> None:
        text = "it's $(touch run) `touch run` [a] \\ \"b: %s"
        option = Option("--word WORD", text, OTHERS, offers=("one",))
        commands = (
            CommandSyntax("", "", (), (Argument("COMMAND", ("try",)),)),
            CommandSyntax("try", text, (Entry((option,)),), ()),
        )
        for name in SCRIPTS:
            self.script(name)
            with Shell(name, SCRIPTS[name](commands), self.folder) as shell:
                shell.line_after("echolab \t\t")
                shell.line_after("echolab try --\t\t")
                after = shell.line_after("echolab try --word o\t")
                self.assertEqual(after, "echolab try --word one ")
            self.assertFalse((self.folder / "run").exists())

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the beginning of a line for each command, and its options."""
        for command in commands_of(self.program):
            words = ["echolab", *([command.name] if command.name else [])]
            yield " ".join(words), options_of(command)

    def test_every_option_in_bash(self) -> None:
        (self.folder / "script").write_text(self.script("bash"))
        for line, options in self.commands():
            program = (
                f"source ./script; COMP_LINE='{line} -' COMP_POINT=${{#COMP_LINE}}; "
                f"COMP_WORDS=({line} -); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
                '_echolab; printf "%s\\n" "${COMPREPLY[@]}"'
            )
            found = self.output("bash", "--norc", "-c", program)
            self.assertEqual(sorted(found), options)

    def test_every_option_in_zsh(self) -> None:
        shell = self.start("zsh")
        for line, options in self.commands():
            found = {*shell.candidates(f"{line} -"), *shell.candidates(f"{line} --")}
            self.assertEqual(sorted(found), options)

    def test_every_option_in_fish(self) -> None:
        (self.folder / "script").write_text(self.script("fish"))
        for line, options in self.commands():
            program = f"source ./script; complete -C '{line} -'"
            found = self.output(*FISH, "-c", program)
            names = [each.partition("\t")[0] for each in found]
            self.assertEqual(sorted(names), options)
            described = [each for each in found if each.partition("\t")[2]]
            self.assertEqual(described, found)

    def test_fish_does_not_complete_what_is_given(self) -> None:
        (self.folder / "script").write_text(self.script("fish"))
        program = "source ./script; complete -C 'echolab server -f line --fo'"
        found = self.output(*FISH, "-c", program)
        self.assertEqual([each.partition("\t")[0] for each in found], ["--format"])
