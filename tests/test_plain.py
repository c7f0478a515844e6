"""The docs are plain: short sentences, words of today."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.prose import sentences_of
from tests.support import ROOT

WORDS = 25
PAGES = {
    path.name: path.read_text()
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs" / "lessons" / "en").glob("*.md"),
    )
}
OLD = re.compile(
    r"\b(albeit|amid|amongst|anew|aught|be it|for ever|forthwith|hence\w*|here(?:by|in)"
    r"|hitherto|lest|nought|shall|so long a|such as ha(?:s|ve)"
    r"|(?:tell|tells|told) of|there(?:by|in|of|upon)|unto|upon|whence|where(?:by|in)"
    r"|whilst|whither|whoever|whom|whosoever)\b",
    re.IGNORECASE,
)


class PlainTests(SynchronousTestCase):
    def test_no_sentence_is_long(self) -> None:
        for name, page in PAGES.items():
            long = [x for x in sentences_of(page) if len(x.split()) > WORDS]
            self.assertEqual(long, [], name)

    def test_no_turn_is_old(self) -> None:
        for name, page in PAGES.items():
            old = [x for x in sentences_of(page) if OLD.search(x)]
            self.assertEqual(old, [], name)


class SentenceTests(SynchronousTestCase):
    def test_code_is_a_word_and_a_cell_has_notes(self) -> None:
        page = (
            "# A title\n\nOne `a b c`\nsentence. Two, [a link](x.md)?\n\n    code\n\n"
            "- Item. `x` begins.\n\n```\ncode\n```\n\n| a | b |\n| --- | --- |\n"
            "| one; two | `c\\|d` |\n"
        )
        self.assertEqual(
            [*sentences_of(page)],
            [
                *("A title", "One `code` sentence.", "Two, a link?"),
                *("Item.", "`code` begins.", "a", "b", "one", "two", "`code`"),
            ],
        )
