"""Gives all lessons, and writes them with figures of what has just been recorded.

``python3 -m tests.make_lessons FOLDER``
"""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import SkipTest

from tests.bench import Bench
from tests.lessons import FIGURE, LANGUAGES, LESSONS, figures_of, lesson_of
from tests.recipes import Recipe, Step

if TYPE_CHECKING:
    import re

FORMS = {"svg": "svg", "text": "txt"}
"""The forms in which figures are drawn, and what their files end with."""


def make(folder: Path) -> None:
    """Give all lessons; write them and their figures into a folder."""
    drawn = folder.resolve() / "figures"
    shutil.rmtree(drawn, ignore_errors=True)
    drawn.mkdir(parents=True)
    with Bench(literally=True) as bench:
        for lesson in sorted((LESSONS / "en").glob("*.md")):
            try:
                bench.do(lesson_of(lesson))
            except SkipTest as why:
                print(f"{lesson.name}: no figures: {why}")
            else:
                bench.do(_drawing(lesson, drawn))
    for program in LESSONS.iterdir():
        if program.is_file():
            shutil.copy(program, folder)
    for language in LANGUAGES:
        (folder / language).mkdir(exist_ok=True)
        for lesson in (LESSONS / language).glob("*.md"):
            text = FIGURE.sub(partial(_shown, drawn), lesson.read_text())
            (folder / language / lesson.name).write_text(text)


def _drawing(lesson: Path, drawn: Path) -> Recipe:
    """Return how the figures of a lesson that has been given are drawn."""
    commands = [
        f"{command} --as {form} --output '{drawn / name}.{suffix}'"
        for name, command in figures_of(lesson).items()
        for form, suffix in FORMS.items()
    ]
    return Recipe("", steps=[Step("client", each) for each in commands])


def _shown(drawn: Path, found: re.Match[str]) -> str:
    text = drawn / f"{found[1]}.txt"
    if not text.exists():
        return found[0]
    picture = f"![{found[1]}](../figures/{found[1]}.svg)"
    return f"{picture}\n\n```text\n{text.read_text()}```"


if __name__ == "__main__":
    make(Path(sys.argv[1]))
