"""Put what arrives on the row of its arrow; leave out arrows that are not needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.formats.figure_words import NO_BREAK, duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.lab.ledger import End
    from echolab.lab.rows import Row

__all__ = ["in_order", "with_arrivals", "without_guesses"]


ENDS = {"FIN", "FIN, ACK", "RST", "end"}


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Put bytes above the FIN or RST of their side: they came before it.

    They may be read long after it. Then only the read stays where it was.
    """
    found: list[Row] = []
    ended: dict[End, int] = {}  # where the FIN or RST to an end is
    for row in rows:
        arrow = row.arrow
        place = ended.get(arrow.to) if arrow and arrow.span else None
        if arrow is None or place is None:
            if arrow is not None and arrow.label in ENDS:
                ended[arrow.to] = len(found)
            found.append(row)
            continue
        while place and _counts(found[place - 1], arrow.to):
            place -= 1
        at = found[place].at
        found.insert(
            place, replace(row, at=at, is_timed=False, texts={}, aside="", rests={})
        )
        for end, where in ended.items():
            ended[end] = where + (where >= place)
        if row.texts:
            found.append(replace(row, arrow=None, span=arrow.span))
    return found


def _counts(row: Row, to: End) -> bool:
    """Whether a row counts the segments of the bytes above it."""
    arrow = row.arrow
    if arrow is None or arrow.to is not to:
        return False
    return arrow.segments > 0 and arrow.span is None


def with_arrivals(rows: Iterable[Row]) -> list[Row]:
    """Put what arrives on the row of its arrow, if nothing happens in between."""
    joined: list[Row] = []
    for row in rows:
        at = len(joined) - 1
        while at >= 0 and joined[at].is_bare and not _arrives(joined[at], row):
            at -= 1
        if at < 0 or not _arrives(joined[at], row):
            joined.append(_with_aside(row))
            continue
        before = joined[at]
        if before.is_timed and row.is_timed and row.at > before.at:
            later = f"{duration(row.at - before.at)} later"
            row = replace(row, aside=row.aside or later)
        if not before.is_timed:
            before = replace(before, at=row.at, is_timed=row.is_timed)
        texts = {**before.texts, **_with_aside(row).texts}
        rests = {**before.rests, **row.rests}
        joined[at] = replace(before, texts=texts, rests=rests)
    return joined


def _with_aside(row: Row) -> Row:
    """Return a row with its aside as part of its text, which is not broken."""
    aside = row.aside.replace(" ", NO_BREAK)
    texts = {end: f"{text} {aside}".rstrip() for end, text in row.texts.items()}
    return replace(row, texts=texts, aside="")


def _arrives(before: Row, row: Row) -> bool:
    """Whether a row is the arrival of the arrow of one before it."""
    arrow = before.arrow
    if arrow is None or row.arrow is not None or [*row.texts] != [arrow.to]:
        return False
    if arrow.to in before.texts or before.until is not None:
        return False
    return row.span == arrow.span if arrow.span else arrow.label in row.answers


def without_guesses(rows: Iterable[Row]) -> list[Row]:
    """Return rows whose only arrows are captured packets: nothing need be deduced."""
    kept = []
    for row in rows:
        if row.arrow is None or row.of_capture:
            kept.append(row)
        elif row.texts:
            name = next(iter(row.texts.values())).partition("(")[0]
            folds = name if row.arrow.span else ""
            kept.append(replace(row, arrow=None, folds=folds))
    return kept
