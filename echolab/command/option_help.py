"""The options in ``--help``: in groups, with examples, values and defaults."""

from __future__ import annotations

import textwrap
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.option import Option

__all__ = ["description", "help_of"]

COLUMN = 30
"""The column where the description of an option begins."""
LEAST_WIDTH = 20
NO_BREAK = chr(0xA0)


def help_of(
    options: Iterable[Option], about: str, topics: Iterable[str], width: int
) -> str:
    """Describe options, each group under its heading and its examples.

    Args:
        options: the options, sorted by group.
        about: the text below them.
        topics: the topics of ``echolab help`` that say more.
        width: the maximum length of a line.
    """
    sections = []
    for group, found in groupby(options, attrgetter("group")):
        examples = "".join(f"  $ {each}\n" for each in group.examples)
        entries = "".join(_entry(each, width) for each in found)
        sections.append(f"{group.title}:\n{examples}{entries}")
    more = f"Topics of echolab help: {', '.join(topics)}."
    texts = [textwrap.fill(each, width) + "\n" for each in (about, more)]
    return "\n" + "\n".join([*sections, *texts])


def _entry(option: Option, width: int) -> str:
    left = f"{'  ' if option.short else '      '}{option.spelt}"
    said = textwrap.wrap(
        description(option), max(width - COLUMN, LEAST_WIDTH), break_on_hyphens=False
    )
    first = "" if len(left) > COLUMN - 2 else said.pop(0)
    rest = [" " * COLUMN + each for each in said]
    lines = [f"{left:{COLUMN}}{first}".rstrip(), *rest]
    return "".join(f"{line}\n" for line in lines).replace(NO_BREAK, " ")


def description(option: Option) -> str:
    """Return what an option does, and its default."""
    if not option.shown:
        return option.help
    return f"{option.help} [default:{NO_BREAK}{option.shown}]"
