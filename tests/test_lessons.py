"""The lessons: their commands run and show what they are said to, in both languages."""

from __future__ import annotations

import re
import tempfile
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
    """Each lesson as a teacher gives it; those of the other language are the same."""

    def give(self, number: int) -> None:
        [lesson] = (LESSONS / "en").glob(f"{number:02}-*.md")
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        with Classroom(folder, missing=_missing) as room:
            room.give(lesson)

    def test_1_the_pair(self) -> None:
        self.give(1)

    def test_2_the_call_flow(self) -> None:
        self.give(2)

    def test_3_the_packet_flow(self) -> None:
        self.give(3)

    def test_4_one_recv_is_not_one_message(self) -> None:
        self.give(4)

    def test_5_1024_bytes(self) -> None:
        self.give(5)

    def test_6_partial_send_and_a_zero_window(self) -> None:
        self.give(6)

    def test_7_a_full_queue(self) -> None:
        self.give(7)

    def test_8_four_ends(self) -> None:
        self.give(8)

    def test_9_fin_half_close_time_wait(self) -> None:
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


def _missing(program: str) -> Exception:
    return SkipTest(f"{program} is not installed")
