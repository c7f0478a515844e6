"""Write a figure as a sequence diagram for Mermaid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.formats.figure_words import NO_BREAK, clock_time, harmless
from echolab.lab.ledger import End
from echolab.lab.rows import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.lab.rows import Figure, Row

__all__ = ["draw_mermaid"]

NAMES = {End.CLIENT: "C", End.SERVER: "S"}
ESCAPES = {
    ord(character): f"#{name};"
    for character, name in {
        "<": "lt",
        ">": "gt",
        "&": "amp",
        '"': "quot",
        # Signs that begin or end something in Mermaid.
        **{each: str(ord(each)) for each in "#;%$\\`"},
    }.items()
}
"""Mermaid's escapes, which are HTML's with another first sign."""


def draw_mermaid(figure: Figure) -> str:
    """Return a figure as the text of a Mermaid diagram.

    Mermaid has no third kind of line: what lies between two looks is broken as what is
    deduced, and the labels say which it is.
    """
    lines = ["sequenceDiagram"]
    for end, name in NAMES.items():
        lines.append(f"participant {name} as {_escaped(figure.lanes[end])}")
    lines += (
        f"Note over C,S: {_escaped(each)}" for each in (figure.title, *figure.remarks)
    )
    for row in figure.rows:
        lines += _lines(row, figure.began)
    return "\n    ".join(lines) + "\n"


def _lines(row: Row, began: float) -> Iterator[str]:
    time = f"{clock_time(max(0.0, row.at - began))} " if row.is_timed else ""
    if row.note:
        yield _note_over(row.note)
    arrow = row.arrow
    # A call that sends stands before its arrow, one that receives after it.
    for end in row.texts:
        if arrow is None or end is arrow.to.other:
            yield _note(end, time + row.texts[end])
            time = ""
    if arrow is not None:
        certainty = "" if arrow.line is Line.SEEN else f" ({arrow.line.value})"
        sign = "->>" if arrow.line is Line.SEEN else "-->>"
        ends = f"{NAMES[arrow.to.other]}{sign}{NAMES[arrow.to]}"
        yield f"{ends}: {_escaped(time + arrow.text + certainty)}"
        if arrow.to in row.texts:
            yield _note(arrow.to, row.texts[arrow.to])


def _note_over(text: str) -> str:
    return f"Note over C,S: {_escaped(text)}"


def _note(end: End, text: str) -> str:
    side = "left" if end is End.CLIENT else "right"
    return f"Note {side} of {NAMES[end]}: {_escaped(text)}"


def _escaped(text: str) -> str:
    return harmless(text).replace(NO_BREAK, " ").translate(ESCAPES)
