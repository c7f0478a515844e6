"""Reads the lessons of docs/lessons.

A lesson is written as recipes are, and is one recipe, whatever headings it has. Its
files are the programs of the folder. A comment ``<!-- figure: NAME -->`` stands behind
the block whose last command draws the figure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.recipes import Recipe, recipes_of
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FIGURE", "LANGUAGES", "LESSONS", "figures_of", "lesson_of"]

LESSONS = ROOT / "docs" / "lessons"
LANGUAGES = "en", "ko"

FIGURE = re.compile(r"<!-- figure: ([\w-]+) -->")

_DRAWN = re.compile(
    rf"^\$ (echolab draw .*)\n(?:(?!\$|```).*\n)*```\n\n{FIGURE.pattern}$", re.MULTILINE
)


def lesson_of(page: Path) -> Recipe:
    """Return a lesson, with the programs that lessons use."""
    programs = [each for each in LESSONS.iterdir() if each.suffix in {".c", ".py"}]
    return Recipe(
        page.stem,
        {each.name: each.read_text() for each in programs},
        [step for part in recipes_of(page.read_text()) for step in part.steps],
    )


def figures_of(page: Path) -> dict[str, str]:
    """Return the figures of a lesson: by its name, the command that draws each."""
    return {name: command for command, name in _DRAWN.findall(page.read_text())}
