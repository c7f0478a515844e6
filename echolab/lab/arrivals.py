"""Put what arrives on the row of the arrow that carries it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.lab.wording import NO_BREAK, duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.lab.rows import Row

__all__ = ["with_arrivals"]


def with_arrivals(rows: Iterable[Row]) -> list[Row]:
    """Put what arrives on the row of its arrow, if nothing happens in between."""
    joined: list[Row] = []
    for row in rows:
        at = len(joined) - 1
        while at >= 0 and joined[at].is_bare and not _arrives(joined[at], row):
            at -= 1
        if at < 0 or not _arrives(joined[at], row):
            joined.append(row)
            continue
        before = joined[at]
        [(end, text)] = row.texts.items()
        if before.is_timed and row.is_timed and row.span and row.at > before.at:
            later = f"{duration(row.at - before.at)} later"
            text = f"{text} {later.replace(' ', NO_BREAK)}"
        if not before.is_timed:
            before = replace(before, at=row.at, is_timed=row.is_timed)
        joined[at] = replace(before, texts={**before.texts, end: text})
    return joined


def _arrives(before: Row, row: Row) -> bool:
    """Whether a row is the arrival of the arrow of one before it."""
    arrow = before.arrow
    if arrow is None or row.arrow is not None or [*row.texts] != [arrow.to]:
        return False
    if arrow.to in before.texts or before.until is not None:
        return False
    return row.span == arrow.span if arrow.span else arrow.label in row.answers
