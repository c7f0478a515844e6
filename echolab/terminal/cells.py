"""Text that has the same width on every terminal.

Terminals do not agree on the width of a flag, a family of joined emoji, a skin tone or
a heart with a variation selector: some draw one picture, some its parts. If the cursor
position must be known, such text is shown as its parts, whose width is the same
everywhere: a flag as its two letters, a joined emoji as single ones.
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
    """Return text with combined characters replaced by their parts."""
    return text.translate(_PARTS)


def rows_of(text: str, columns: int) -> list[str]:
    """Break text into rows of at most ``columns`` cells."""
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
    """Show the edited line by its parts; the line itself does not change."""

    @override
    def apply_transformation(
        self, transformation_input: TransformationInput
    ) -> Transformation:
        """Replace the shown text, and map positions in it."""
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
        # The position of each character in the shown text, and of the end.
        places = list(accumulate(map(len, shown), initial=0))
        last = len(places) - 1
        return Transformation(
            changed,
            source_to_display=lambda at: places[min(at, last)] + max(0, at - last),
            display_to_source=lambda at: (
                places.index(at) if at <= places[-1] else last + at - places[-1]
            ),
        )
