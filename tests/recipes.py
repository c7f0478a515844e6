"""Reads the recipes of a page of docs.

A recipe is what stands below one heading. A block ``console NAME`` is what the terminal
NAME shows: ``$`` begins a command, ``>`` continues it, ``^C`` interrupts it, and all
else is what it shows. A block that begins with what is shown is a later look at the
terminal. What follows the lecture's prompt is typed, and so is a line that a comment
``<!-- typed: LINE -->`` behind its block repeats. Any other block whose first line is
``# NAME.EXTENSION`` is a file.

A command in the terminal ``client``, or in one without a name, runs to its end. Any
other terminal runs beside the others until the recipe ends; a server that serves one
client, until a command in ``client`` has ended.

Some things are different each time: times, durations, versions, processes, the ports
of clients, which begin with 606 on the page, and those of servers (``PORTS``). ``…`` is
any text, and alone on a line any lines. Colours and spaces at the end of a line do not
count; nor does the line about the limit of open files. In a command or a file, the
folder of a server's certificate (``MADE``) is the one that a terminal has shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["MADE", "PORTS", "PROMPT", "Recipe", "Step", "pattern_of", "recipes_of"]

PROMPT = "Input message(.:quit): "
PORTS = re.compile(r"\b(?:8888|8889|8443|8080|6379|2525|1514|1515)\b")
"""The ports that pages use; free ones of as many digits take their places."""

MADE = re.compile(r"/\S+/echolab-\w+(?=/ca\.pem)")

_PART = re.compile(
    r"^(?P<level>#+) +(?P<title>[^\n]*)$"
    r"|^```(?P<language>\w+) ?(?P<terminal>\w*)\n(?P<block>.*?)^```$"
    r"(?P<typed>(?:\s*<!-- typed: .*? -->)*)"
    r"|^```.*?^```$",
    re.DOTALL | re.MULTILINE,
)
_TYPED = re.compile(r"<!-- typed: (.*?) -->")
_NAME = re.compile(r"(?:#|//|;) (\S+\.\w+)\n")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_PROGRAM = re.compile(
    r"(?:^|[|;&(])\s*(?:(?:do|exec|then)\s+)*(?:\w+=\S*\s+)*([\w./-]+)"
)
_WORDS_OF_SHELL = {"for", "while", "until", "do", "done", "if", "then", "fi", "cd", "{"}

_CHANGING = {
    r"\b\d\.\d{3} \d{3}\b": r"\d\.\d{3} \d{3}",
    r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)": r"\d{4}-\d\d-\d\dT[\d:.]+\S+",
    r"\b[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d": r"\w{3} [ \d]\d \d\d:\d\d:\d\d",
    r"\b606\d\d\b": r"\d+",
    r"\b\d+(?:\.\d+)?(?= ?(?:s|ms|µs|milliseconds)\b)": r"[\d.]+",
    r"(?<=PID: )\d+, UID: \d+": r"\d+, UID: \d+",
    r"/tmp/echolab-\w+": r"/\S+/echolab-\w+",
    r"(?<=[a-z]/)\d+(?:\.\d+)+": r"[\d.]+",
    r"…": r".*",
}
"""What is different each time: how it looks on a page, and what matches any of it."""

_CHANGES = re.compile("|".join(f"({each})" for each in _CHANGING))


@dataclass(frozen=True)
class Step:
    """One command, or a further look at its terminal.

    Attributes:
        terminal: where it runs.
        command: what the shell gets; ``^C`` to interrupt the last one; nothing to look.
        shown: the lines that it shows, in order.
        typed: those of them that are typed.
    """

    terminal: str
    command: str
    shown: tuple[str, ...] = ()
    typed: tuple[str, ...] = ()

    @property
    def stays(self) -> bool:
        """Whether it runs beside the others."""
        return self.terminal not in ("", "client")

    @property
    def serves_one(self) -> bool:
        """Whether it is a server that ends with its client."""
        return self.command.startswith("./server ") or " --once" in self.command

    @property
    def programs(self) -> set[str]:
        """The programs that it runs."""
        return {*_PROGRAM.findall(_QUOTED.sub("''", self.command))} - _WORDS_OF_SHELL


@dataclass(frozen=True)
class Recipe:
    """What stands below one heading.

    Attributes:
        title: the heading.
        files: what the recipe's files contain, by their names.
        steps: what is done, in order.
    """

    title: str
    files: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


def recipes_of(page: str, under: str = "") -> list[Recipe]:
    """Return the recipes of a page, or only those under one of its headings."""
    recipes: list[Recipe] = []
    level = 0 if under else -1
    for part in _PART.finditer(page):
        if part["level"]:
            if level > 0 and len(part["level"]) <= level:
                break
            if part["title"] == under:
                level = len(part["level"])
            recipes.append(Recipe(part["title"]))
        elif level and part["block"]:
            _add(recipes[-1], part)
    return [each for each in recipes if each.steps]


def _add(recipe: Recipe, block: re.Match[str]) -> None:
    name = _NAME.match(block["block"])
    if block["language"] == "console":
        typed = tuple(_TYPED.findall(block["typed"]))
        recipe.steps.extend(_steps(block["terminal"], block["block"], typed))
    elif name is not None:
        recipe.files[name[1]] = block["block"]


def _steps(terminal: str, block: str, typed: tuple[str, ...]) -> Iterator[Step]:
    parts = re.split(r"^(\^C$|\$ .*(?:\n> .*)*)\n?", block, flags=re.MULTILINE)
    if parts[0]:
        yield Step(terminal, "", tuple(parts[0].splitlines()))
    for command, shown in zip(parts[1::2], parts[2::2], strict=True):
        text = command.removeprefix("$ ").replace("\n> ", "\n")
        yield Step(terminal, text, tuple(shown.splitlines()), typed)


def pattern_of(lines: Iterable[str]) -> str:
    """Return the regular expression of what a page says that a command shows."""
    return "".join(
        r"(?:.*\n)*" if line == "…" else _pattern(line.rstrip()) + r"\n"
        for line in lines
        if not line.startswith("connections at a time: at most ")
    )


def _pattern(line: str) -> str:
    """Return what matches a line, whatever is different each time."""
    parts: list[str] = []
    end = 0
    for found in _CHANGES.finditer(line):
        parts += (
            re.escape(line[end : found.start()]),
            [*_CHANGING.values()][(found.lastindex or 1) - 1],
        )
        end = found.end()
    return "".join(parts) + re.escape(line[end:])
