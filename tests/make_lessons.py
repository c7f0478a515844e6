"""Gives all lessons, and writes them with figures of what has just been recorded.

``python3 -m tests.make_lessons FOLDER``
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lessons import FIGURE, LANGUAGES, LESSONS, PORT, Classroom, figures_of

if TYPE_CHECKING:
    import re

FORMS = {"svg": "svg", "text": "txt"}
"""The forms in which figures are drawn, and what their files end with."""


class NotInstalledError(Exception):
    """A program that a lesson needs is not installed; its name."""


def make(folder: Path) -> None:
    """Give all lessons; write them and their figures into a folder."""
    drawn = folder.resolve() / "figures"
    drawn.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as there:
        for lesson in sorted((LESSONS / "en").glob("*.md")):
            try:
                _draw(lesson, Path(there), drawn)
            except NotInstalledError as name:
                print(f"{lesson.name}: no figures: {name} is not installed")
    for program in LESSONS.iterdir():
        if program.is_file():
            shutil.copy(program, folder)
    for language in LANGUAGES:
        (folder / language).mkdir(exist_ok=True)
        for lesson in (LESSONS / language).glob("*.md"):
            text = FIGURE.sub(partial(_shown, drawn), lesson.read_text())
            (folder / language / lesson.name).write_text(text)


def _draw(lesson: Path, there: Path, drawn: Path) -> None:
    """Give a lesson in a folder, and draw its figures."""
    with Classroom(there, missing=NotInstalledError, port=int(PORT)) as room:
        room.give(lesson)
        for name, command in figures_of(lesson).items():
            for form, suffix in FORMS.items():
                file = drawn / f"{name}.{suffix}"
                file.unlink(missing_ok=True)
                room.run(f"{command} --as {form} --output '{file}'")


def _shown(drawn: Path, found: re.Match[str]) -> str:
    text = drawn / f"{found[1]}.txt"
    if not text.exists():
        return found[0]
    picture = f"![{found[1]}](../figures/{found[1]}.svg)"
    return f"{picture}\n\n```text\n{text.read_text()}```"


if __name__ == "__main__":
    make(Path(sys.argv[1]))
