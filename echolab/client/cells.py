"""Text as every terminal draws it in the same number of cells.

Terminals do not agree on how wide a flag is, a family joined of several emoji, a
skin tone, or a heart made colourful: some draw one picture, some its parts. Where
the cursor must be known, such text is shown by its parts, whose width is the same
everywhere: a flag as its two letters, a joined emoji as the single ones.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prompt_toolkit.layout.processors import (
    Processor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.layout.utils import explode_text_fragments
from prompt_toolkit.utils import get_cwidth
from typing_extensions import override

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

__all__ = ["CellProcessor", "in_cells", "rows_of"]

_FIRST_LETTER = 0x1F1E6  # REGIONAL INDICATOR SYMBOL LETTER A
_PARTS = {
    **{_FIRST_LETTER + number: chr(ord("A") + number) for number in range(26)},
    **dict.fromkeys(
        (
            0x200D,  # the joiner
            0x20E3,  # the keycap around a digit
            *range(0xFE00, 0xFE10),  # variation selectors
            *range(0x1F3FB, 0x1F400),  # skin tones
            *range(0xE0020, 0xE0080),  # tags, as in the flag of Scotland
        ),
        "",
    ),
}


def in_cells(text: str) -> str:
    """Show text by its parts."""
    return text.translate(_PARTS)


def rows_of(text: str, columns: int) -> list[str]:
    """Break text into rows of at most so many cells."""
    rows, width = [""], 0
    for character in in_cells(text.expandtabs()):
        cells = get_cwidth(character)
        if width + cells > columns:
            rows.append("")
            width = 0
        rows[-1] += character
        width += cells
    return rows


class CellProcessor(Processor):
    """Shows what is edited by its parts; what is edited stays as it is."""

    @override
    def apply_transformation(
        self, transformation_input: TransformationInput
    ) -> Transformation:
        """Replace what is shown, and say what stands where."""
        fragments = transformation_input.fragments
        if all(text.isascii() for _, text, *_ in fragments):
            return Transformation(fragments)
        whole = explode_text_fragments(fragments)
        shown = [in_cells(text) for _, text, *_ in whole]
        changed: StyleAndTextTuples = [
            (style, text)
            for (style, *_), text in zip(whole, shown, strict=True)
            if text
        ]
        # The place of each character in what is shown, and of the end.
        places = list(accumulate(map(len, shown), initial=0))
        last = len(places) - 1
        return Transformation(
            changed,
            source_to_display=lambda at: places[min(at, last)] + max(0, at - last),
            display_to_source=lambda at: (
                places.index(at) if at <= places[-1] else last + at - places[-1]
            ),
        )
