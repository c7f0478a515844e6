"""Writes what is made from the options: manual pages, and tables in the docs.

``python -m tests.make_reference``
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from echolab.command.cli import CommandOptions
from echolab.command.commands import COMMANDS
from echolab.command.helping import text_of
from echolab.command.option_help import description
from echolab.option import options_of
from tests.roff import (
    bold,
    escaped,
    examples,
    italic,
    prose,
    section,
    subsection,
    tagged,
    topic_as_roff,
)
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from echolab.command.option_making import SettingsOptions
    from echolab.option import Group, Option

DOCS = ROOT / "docs"
TABLES = re.compile(
    r"(<!-- options of (\w+) -->\n).*?(<!-- end of options -->\n)", re.DOTALL
)
CODE = re.compile(
    r"(?<![\w-])--[a-z-]*[a-z]|[^\s();]*[\\=_/@][^\s();]*[^\s();,.:]|/\.(?= )"
)
"""What users type, in a text: an option, or a word with a sign that prose has not."""
OF_ALL = ("units", "exit-status", "environment")
"""The topics on the page of ``echolab`` itself."""


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each file that is made from the options, with its text."""
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text("utf-8")
        if TABLES.search(text):
            yield path, TABLES.sub(_filled, text)
    yield DOCS / "man" / "echolab.1", _program_page()
    for name, command in COMMANDS.items():
        yield DOCS / "man" / f"echolab-{name}.1", _page(name, command.about)


def _groups(options: SettingsOptions) -> Iterator[tuple[Group, list[Option]]]:
    """Yield the groups of options, each with its options."""
    made = [option for _, option in options_of(options.made_of)]
    for group, found in groupby(made, lambda option: option.group):
        yield group, list(found)


def _filled(found: re.Match[str]) -> str:
    """Return the tables of the options of a command, between their markers."""
    begin, name, end = found.groups()
    groups = _groups(COMMANDS[name].options())
    tables = "\n".join(_table(group, options) for group, options in groups)
    return f"{begin}\n{tables}\n{end}"


def _table(group: Group, options: list[Option]) -> str:
    return "".join(
        [
            f"### {group.title}\n\n",
            *(f"    {each}\n" for each in group.examples),
            "\n| option | what it does | default |\n| --- | --- | --- |\n",
            *map(_row, options),
        ]
    )


def _row(option: Option) -> str:
    names = ", ".join(f"`{_cell(each)}`" for each in option.spelt.split(", "))
    shown = option.shown if " " in option.shown else f"`{option.shown}`"
    default = shown if option.shown else ""
    return f"| {names} | {_marked(option.help)} | {_cell(default)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _marked(text: str) -> str:
    """Write a text in Markdown, with what users type as code."""
    return _cell(CODE.sub(r"`\g<0>`", text))


def _page(name: str, about: str) -> str:
    """Return the manual page of a command."""
    options = COMMANDS[name].options()
    return "".join(
        [
            *_head(f"echolab-{name}", about),
            section("synopsis"),
            f"{bold(f'echolab {name}')} {escaped(options.synopsis)}\n",
            section("description"),
            f"{prose(options.longdesc)}\n",
            section("options"),
            *(_options(group, found) for group, found in _groups(options)),
            *map(_topic, options.topics),
            *_see_also(f"echolab-{name}"),
        ]
    )


def _program_page() -> str:
    """Return the manual page of ``echolab``."""
    commands = {name: about for name, _, _, about in CommandOptions.subCommands}
    return "".join(
        [
            *_head("echolab", "The lab bench for stream sockets."),
            section("synopsis"),
            f"{bold('echolab')} {italic('COMMAND')} [options]\n",
            section("description"),
            prose(
                "echolab receives on many connections at once and prints what arrives. "
                "It sends lines, misbehaves on purpose to test programs, and draws "
                "what happened on a connection. Each command has a page of its own."
            ),
            "\n",
            section("commands"),
            *(tagged(bold(name), about) for name, about in commands.items()),
            section("options"),
            tagged(f"{bold('-h')}, {bold('--help')}", "Show the commands and exit."),
            tagged(bold("--version"), "Show the version and exit."),
            section("examples"),
            examples(["echolab server 8888", "echolab client 127.0.0.1 8888"]),
            *map(_topic, OF_ALL),
            *_see_also("echolab"),
        ]
    )


def _head(name: str, about: str) -> Iterator[str]:
    yield '.\\" Made by tests/make_reference.py.\n'
    # Neither a date nor a version: the page only changes with its text.
    yield f'.TH "{escaped(name.upper())}" 1 "" "echolab" "echolab"\n'
    yield ".nr HY 0\n.nh\n.ad l\n"  # Names are never hyphenated.
    yield section("name")
    said = about[0].lower() + about[1:].rstrip(".")
    yield f"{escaped(name)} \\- {escaped(said)}\n"


def _options(group: Group, options: list[Option]) -> str:
    """Return a group of options in roff."""
    return "".join(
        [
            subsection(group.title),
            examples(group.examples),
            *(tagged(_spelt(each), description(each)) for each in options),
        ]
    )


def _spelt(option: Option) -> str:
    long = bold(f"--{option.name}")
    names = f"{bold(f'-{option.short}')}, {long}" if option.short else long
    return f"{names} {italic(option.value)}" if option.value else names


def _topic(name: str) -> str:
    """Return a topic as a section."""
    text = text_of(name)
    about = text.partition("\n")[0]
    return f"{section(name.replace('-', ' '))}{prose(about)}.\n{topic_as_roff(text)}"


def _see_also(name: str) -> Iterator[str]:
    others = ["echolab", *(f"echolab-{each}" for each in COMMANDS)]
    yield section("see also")
    others = [f"{bold(each)}(1)" for each in others if each != name]
    yield ",\n".join(others) + "\n"


def main() -> None:
    """Write all files that are made from the options."""
    (DOCS / "man").mkdir(exist_ok=True)
    for path, text in pages():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
