"""Text shown by its parts, for a known cursor position."""

from __future__ import annotations

from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

try:
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.document import Document
    from prompt_toolkit.layout.controls import BufferControl
    from prompt_toolkit.layout.processors import TransformationInput

    from echolab.terminal.cells import CellProcessor, in_cells, rows_of
except ImportError:
    installed = False
else:
    installed = True


class CellTests(SynchronousTestCase):
    def setUp(self) -> None:
        if not installed:
            raise SkipTest("prompt_toolkit is not installed")

    def test_parts(self) -> None:
        for text, shown in (
            ("plain, wörd, 漢字, e\u0301", "plain, wörd, 漢字, e\u0301"),
            ("🇩🇪🇫🇷", "DEFR"),
            ("👨\u200d👩\u200d👧", "👨👩👧"),
            ("👍🏽 ❤\ufe0f 1\ufe0f\u20e3", "👍 ❤ 1"),
        ):
            self.assertEqual(in_cells(text), shown)

    def test_rows(self) -> None:
        self.assertEqual(rows_of("", 3), [""])
        self.assertEqual(rows_of("abcdef", 3), ["abc", "def"])
        self.assertEqual(rows_of("a漢字b", 3), ["a漢", "字b"])
        self.assertEqual(rows_of("a\tb", 20), ["a       b"])

    def test_what_is_edited_stands_where_it_is_shown(self) -> None:
        text = "a👨\u200d👩b🇩"
        document = Document(text)
        changed = CellProcessor().apply_transformation(
            TransformationInput(
                BufferControl(Buffer(document=document)),
                *(document, 0, lambda at: at),
                fragments=[("", text)],
                width=80,
                height=1,
            )
        )
        shown = "".join(part for _, part, *_ in changed.fragments)
        self.assertEqual(shown, "a👨👩bD")
        places = [changed.source_to_display(at) for at in range(len(text) + 2)]
        self.assertEqual(places, [0, 1, 2, 2, 3, 4, 5, 6])
        for place in range(len(shown) + 2):
            at = changed.display_to_source(place)
            self.assertEqual(changed.source_to_display(at), place)
