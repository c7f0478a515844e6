"""The help and the docs name the same options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from echolab.client.settings import ClientSettings
from echolab.command.client_options import ClientOptions
from echolab.command.draw_options import DrawOptions
from echolab.command.export_options import ExportOptions
from echolab.command.server_options import ServerOptions
from echolab.command.tail_options import TailOptions
from echolab.server.settings import ServerSettings
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    *("--fail", "--retry-connrefused", "--retry-delay", "--silent"),  # curl's
    "--prot",  # an error's example
    *("--hours", "--wait-seconds"),  # benchmarks/scaling.py's
    "--now",  # systemctl's
}


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


def tables(page: str, command: str) -> dict[str, list[str]]:
    """Return the headings of the tables of a command's options in a page."""
    begin, end = f"<!-- options of {command} -->\n", "<!-- end of options -->\n"
    text = PAGES[page].partition(begin)[2].partition(end)[0]
    return {
        heading[0].upper() + heading[1:]: [
            spelt.replace(r"\|", "|")
            for spelt in re.findall(r"^\| `--(.*?)` \|", rows, re.MULTILINE)
        ]
        for heading, rows in re.findall(
            r"^\| (.*) \| \|\n((?:\|.*\n)+)", text, re.MULTILINE
        )
    }


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
    def test_the_tables_in_the_docs_are_the_help(self) -> None:
        for options, page, command in (
            (ServerOptions(), "server.md", "server"),
            (ClientOptions(), "client.md", "client"),
            (DrawOptions(), "drawing.md", "draw"),
            (ExportOptions(), "drawing.md", "export"),
            (TailOptions(), "tailing.md", "tail"),
        ):
            shown = groups(help_of(options))
            self.assertEqual(shown.pop(OTHER_OPTIONS), ["help", "version"])
            self.assertEqual(shown, tables(page, command))
            named = {
                spelt.partition(" ")[0] for each in shown.values() for spelt in each
            }
            known = {name.rstrip("=") for name in options.longOpt}
            self.assertEqual(named, known - {"help", "version"})

    def test_what_the_docs_mention_is_there(self) -> None:
        known = {
            f"--{name.rstrip('=')}"
            for options in (
                ServerOptions(),
                ClientOptions(),
                DrawOptions(),
                ExportOptions(),
                TailOptions(),
            )
            for name in options.longOpt
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


class LayoutTests(SynchronousTestCase):
    def test_it_fits(self) -> None:
        for options in (
            ServerOptions(),
            ClientOptions(),
            DrawOptions(),
            ExportOptions(),
        ):
            for columns in 80, 100:
                lines = help_of(options, columns).splitlines()
                self.assertLessEqual(max(map(len, lines)), columns)

    def test_an_entry(self) -> None:
        shown = help_of(ServerOptions())
        self.assertIn(
            "\n  -p, --port PORT             TCP port to listen on; 0 takes a free one."
            "\n                              [default: 8888]\n",
            shown,
        )
        self.assertIn("\n      --once                  Serve one connection", shown)

    def test_a_long_name_stands_alone(self) -> None:
        shown = help_of(ServerOptions())
        self.assertIn("\n      --handshake-timeout SECONDS\n   ", shown)

    def test_defaults(self) -> None:
        shown = " ".join(help_of(ClientOptions()).split())
        for text in (
            "Name or IP address of the server. [default: 127.0.0.1]",
            "How long a try to connect may take. [default: 30]",
            "as it goes. [default: 1, without gaps over an hour]",
            "Show no replies. --escape",
        ):
            self.assertIn(text, shown)
