"""The lessons: their commands run and show what they are said to, in both languages."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.lessons import (
    FIGURE,
    LANGUAGES,
    LESSONS,
    Classroom,
    blocks_of,
    figures_of,
)

NAMES = {
    language: sorted(path.name for path in (LESSONS / language).glob("*.md"))
    for language in LANGUAGES
}


class GivenTests(SynchronousTestCase):
    """The course as a teacher gives it, in one folder; both languages have the same.

    The names are in the order of the lessons: trial runs the tests by their names.
    """

    def give(self, number: int) -> None:
        [lesson] = (LESSONS / "en").glob(f"{number:02}-*.md")
        with Classroom(_folder(), missing=_missing) as room:
            room.give(lesson)

    def test_01_the_pair(self) -> None:
        self.give(1)

    def test_02_the_call_flow(self) -> None:
        self.give(2)

    def test_03_the_packet_flow(self) -> None:
        self.give(3)

    def test_04_one_recv_is_not_one_message(self) -> None:
        self.give(4)

    def test_05_1024_bytes(self) -> None:
        self.give(5)

    def test_06_partial_send_and_a_zero_window(self) -> None:
        self.give(6)

    def test_07_a_full_queue(self) -> None:
        self.give(7)

    def test_08_four_ends(self) -> None:
        self.give(8)

    def test_09_fin_half_close_time_wait(self) -> None:
        self.give(9)

    def test_10_addresses_and_flags(self) -> None:
        self.give(10)


class TextTests(SynchronousTestCase):
    def test_the_languages_have_the_same_commands(self) -> None:
        self.assertEqual(len(NAMES["en"]), 10)
        for language, names in NAMES.items():
            self.assertEqual(names, NAMES["en"])
            for name in names:
                self.assertEqual(
                    blocks_of(LESSONS / language / name),
                    blocks_of(LESSONS / "en" / name),
                    f"{language}/{name}",
                )

    def test_the_index_leads_to_each(self) -> None:
        index = (LESSONS / "README.md").read_text()
        linked = re.findall(r"\]\((\w\w)/([\w-]+\.md)\)", index)
        there = [(lang, name) for lang, names in NAMES.items() for name in names]
        self.assertEqual(sorted(linked), sorted(there))

    def test_every_figure_is_drawn_by_the_command_before_it(self) -> None:
        names: list[str] = []
        for lesson in (LESSONS / "en").glob("*.md"):
            figures = FIGURE.findall(lesson.read_text())
            self.assertEqual(list(figures_of(lesson)), figures, lesson.name)
            self.assertNotEqual(figures, [], lesson.name)
            names += figures
        self.assertEqual(len({*names}), len(names))

    def test_each_recording_is_of_one_program(self) -> None:
        recordings: list[str] = []
        for lesson in (LESSONS / "en").glob("*.md"):
            recordings += re.findall(r" --record (\S+)", lesson.read_text())
        self.assertEqual(len({*recordings}), len(recordings), sorted(recordings))

    def test_a_lesson_draws_all_that_it_records_and_captures(self) -> None:
        for lesson in (LESSONS / "en").glob("*.md"):
            text = lesson.read_text()
            made = re.findall(r" (?:--record|-w) (\S+)", text)
            drawn = re.findall(r"^(?:\$ )?echolab draw .*$", text, re.MULTILINE)
            files = re.findall(r"\S+\.(?:jsonl|pcap)\b", "\n".join(drawn))
            self.assertEqual({*files}, {*made}, lesson.name)

    def test_programs_that_are_linked_are_there(self) -> None:
        for language, names in NAMES.items():
            for name in names:
                text = (LESSONS / language / name).read_text()
                for program in re.findall(r"\]\(\.\./([\w.]+)\)", text):
                    self.assertTrue((LESSONS / program).exists(), program)

    def test_the_program_that_is_shown_is_the_one_that_runs(self) -> None:
        [code] = re.findall(
            r"^```python\n(.*?)^```$",
            (LESSONS / "en" / "10-flags.md").read_text(),
            re.DOTALL | re.MULTILINE,
        )
        self.assertEqual(code, (LESSONS / "flags.py").read_text())


@cache
def _folder() -> Path:
    """Return the folder of the course: one for all lessons of a run."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


def _missing(program: str) -> Exception:
    return SkipTest(f"{program} is not installed")
