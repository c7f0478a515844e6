"""The lessons: their commands run and show what they are said to, in both languages."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.bench import proved
from tests.lessons import FIGURE, LANGUAGES, LESSONS, figures_of, lesson_of

NAMES = {
    language: sorted(path.name for path in (LESSONS / language).glob("*.md"))
    for language in LANGUAGES
}
ALIKE = re.compile(r"^```.*?^```$|^<!-- .*? -->$", re.DOTALL | re.MULTILINE)
"""What is the same in all languages: terminals, programs, figures."""


@proved([lesson_of(LESSONS / "en" / name) for name in NAMES["en"]])
class GivenTests(SynchronousTestCase):
    """Each lesson is a test; both languages have the same."""


class TextTests(SynchronousTestCase):
    def test_the_languages_have_the_same_commands(self) -> None:
        self.assertEqual(len(NAMES["en"]), 10)
        for language, names in NAMES.items():
            self.assertEqual(names, NAMES["en"])
            for name in names:
                blocks, english = (
                    ALIKE.findall((LESSONS / each / name).read_text())
                    for each in (language, "en")
                )
                self.assertEqual(blocks, english, f"{language}/{name}")

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
