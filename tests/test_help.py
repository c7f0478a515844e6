"""The help and the docs name the same options."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from echolab.client.settings import ClientSettings
from echolab.command.client_options import ClientOptions
from echolab.command.commands import COMMANDS
from echolab.command.helping import TOPICS
from echolab.command.server_options import ServerOptions
from echolab.option import options_of
from echolab.server.settings import ServerSettings
from echolab.terminal.commands import COMMANDS as TYPED
from echolab.terminal.commands import FOR_ONE
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.command.option_making import SettingsOptions
    from echolab.option import Option

PAGES = {
    path.name: path.read_text()
    for path in (*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md"))
}
OTHER_OPTIONS = "Other options"
OF_OTHERS = {
    *("--logfile", "--logger", "--pidfile", "--reactor", "--syslog"),  # twistd's
    "--log-file",  # twist's
    "--immediate-mode",  # tcpdump's
    "--fdname",  # systemd-socket-activate's
    *("--cacert", "--data", "--data-binary", "--fail", "--header"),  # curl's
    *("--max-time", "--retry-connrefused", "--retry-delay"),  # curl's
    *("--silent", "--unix-socket"),  # curl's
    "--line-buffered",  # grep's
    "--state",  # logrotate's
    "--prot",  # an error's example
    *("--hours", "--wait-seconds"),  # benchmarks/scaling.py's
    "--now",  # systemctl's
    *("--without-pip", "--python", "--force"),  # of venv, pip and uv
    *("--include-deps", "--with-executables-from"),  # pipx's and uv's
    *("--octet-count", "--rfc", "--server", "--tag", "--tcp"),  # logger's
}


def options_in(options: SettingsOptions) -> Iterator[Option]:
    """Yield the options of a command that are made from its settings."""
    for _, option in options_of(options.made_of):
        yield option


def help_of(options: Any, columns: int = 80) -> str:
    with mock.patch.dict("os.environ", {"COLUMNS": str(columns)}):
        return str(options)


def groups(shown: str) -> dict[str, list[str]]:
    """Return the headings of a help text, each with the spelling of its options."""
    found: dict[str, list[str]] = {}
    for heading, lines in re.findall(r"^(\w.*):\n((?:  .*\n)+)", shown, re.MULTILINE):
        entries = re.findall(r"^ {2,6}(-.*?)(?:  .*)?$", lines, re.MULTILINE)
        found[heading] = [spelt.partition("--")[2] for spelt in entries]
    return found


def mentioned(text: str) -> Iterator[str]:
    """Return all words in one of our texts that look like a long option."""
    for word in re.findall(r"(?<![\w-])--[a-z][a-z-]*", text):
        yield word.rstrip("-")


class WidthTests(SynchronousTestCase):
    def test_odd_widths_are_none(self) -> None:
        usual = help_of(ServerOptions())
        for columns in ("0", "-3", "abc", ""):
            with (
                mock.patch.dict("os.environ", {"COLUMNS": columns}),
                mock.patch("os.get_terminal_size", side_effect=OSError),
            ):
                self.assertEqual(str(ServerOptions()), usual)


class ListTests(SynchronousTestCase):
    def test_every_option_is_in_a_group(self) -> None:
        for name, command in COMMANDS.items():
            options = command.options()
            shown = groups(help_of(options))
            self.assertEqual(shown.pop(OTHER_OPTIONS), ["help", "version"])
            made: dict[str, list[str]] = {}
            for option in options_in(options):
                spelt = option.spelt.partition("--")[2]
                made.setdefault(option.group.title, []).append(spelt)
            self.assertEqual(shown, made, name)
            named = {each.partition(" ")[0] for some in made.values() for each in some}
            known = {each.rstrip("=") for each in options.longOpt}
            self.assertEqual(named, known - {"help", "version"})

    def test_what_the_docs_mention_is_there(self) -> None:
        known = {
            f"--{name.rstrip('=')}"
            for command in COMMANDS.values()
            for name in command.options().longOpt
        }
        for name, text in PAGES.items():
            unknown = {*mentioned(text)} - known - OF_OTHERS
            self.assertEqual(unknown, set(), name)

    def test_every_field_is_an_option(self) -> None:
        for settings in ServerSettings, ClientSettings:
            without = [
                name
                for name, field in settings.__dataclass_fields__.items()
                if not field.metadata
            ]
            self.assertEqual(without, [])


class ExampleTests(SynchronousTestCase):
    """The command lines under the heading of each group."""

    def test_each_group_has_two(self) -> None:
        for name, command in COMMANDS.items():
            shown = help_of(command.options())
            for group in {each.group for each in options_in(command.options())}:
                self.assertEqual(len(set(group.examples)), 2, group.title)
                under = "".join(f"  $ {each}\n" for each in group.examples)
                self.assertIn(f"\n{group.title}:\n{under}  ", shown)
                for example in group.examples:
                    self.assertTrue(example.startswith(f"echolab {name} "), example)

    def test_each_is_accepted_and_has_an_option_of_its_group(self) -> None:
        for command in COMMANDS.values():
            made = [*options_in(command.options())]
            for group in {each.group for each in made}:
                names = {f"--{each.name}" for each in made if each.group == group}
                for example in group.examples:
                    _, _, *words = shlex.split(example.partition(" | ")[0])
                    command.options().parseOptions(words)
                    self.assertTrue(names & {*words}, example)


class LayoutTests(SynchronousTestCase):
    def test_it_fits(self) -> None:
        for command in COMMANDS.values():
            for columns in 80, 100:
                lines = help_of(command.options(), columns).splitlines()
                self.assertLessEqual(max(map(len, lines)), columns, max(lines, key=len))

    def test_it_ends_with_its_topics(self) -> None:
        for command in COMMANDS.values():
            options = command.options()
            last = help_of(options).split("\n\n")[-1]
            self.assertEqual(
                last.split(),
                f"Topics of echolab help: {', '.join(options.topics)}.".split(),
            )
            self.assertLessEqual({*options.topics}, {*TOPICS})

    def test_an_entry(self) -> None:
        shown = help_of(ServerOptions())
        self.assertIn(
            "\n  -p, --port PORT             TCP port to listen on; 0 takes a free one."
            "\n                              [default: 8888]\n",
            shown,
        )
        self.assertIn("\n      --once                  Serve one connection", shown)

    def test_what_can_be_typed(self) -> None:
        for options, commands in (ServerOptions, TYPED), (ClientOptions, FOR_ONE):
            shown = help_of(options())
            named = re.findall(r"(?<=[ (])/([a-z]+)\b(?!/)", shown)
            self.assertEqual(sorted(named), sorted(commands))

    def test_a_long_name_stands_alone(self) -> None:
        shown = help_of(ServerOptions())
        self.assertIn("\n      --handshake-timeout SECONDS\n   ", shown)

    def test_defaults(self) -> None:
        shown = " ".join(help_of(ClientOptions()).split())
        for text in (
            "IP address of the server. [default: 127.0.0.1, if --port is given]",
            "How long one attempt to connect may take. [default: 30]",
            "as fast as possible. [default: 1; a pause over an hour is refused]",
            "Show no replies. --escape",
        ):
            self.assertIn(text, shown)
