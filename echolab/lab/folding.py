"""Fold what repeats in a figure, and mark its gaps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from echolab.lab.ledger import End
from echolab.lab.rows import Arrow, Line, Row
from echolab.lab.wording import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["fold", "fold_middle", "with_gaps"]

LONGEST_RUN = 8
"""How many rows of bytes in one direction are shown before they are folded."""
LONGEST_TALK = 60
"""How many rows of bytes in both directions are shown before they are folded."""
FIRST, LAST = 16, 8
"""How many of them stay at the beginning and at the end."""
GAP_SECONDS = 0.5


def fold(rows: Iterable[Row]) -> list[Row]:
    """Replace long runs of rows about bytes by one row for each direction."""
    folded: list[Row] = []
    for is_talk, found in groupby(rows, key=_is_talk):
        if not is_talk:
            folded += found
            continue
        talk = [each for run in _runs(list(found)) for each in _shortened(run)]
        folded += fold_middle(talk)
    return folded


def fold_middle(talk: list[Row]) -> list[Row]:
    """Replace the middle of many rows about bytes by one row for each direction."""
    if len(talk) <= LONGEST_TALK:
        return talk
    return [*talk[:FIRST], *_folded(talk[FIRST:-LAST]), *talk[-LAST:]]


def with_gaps(rows: Iterable[Row]) -> Iterator[Row]:
    """Put a note where nothing happens for long."""
    last: float | None = None
    for row in rows:
        if last is not None and row.at - last >= GAP_SECONDS:
            note = f"… {duration(row.at - last)} nothing …"
            yield Row(row.at, is_timed=False, note=note)
        yield row
        if row.is_timed or last is not None:
            last = max(last or row.at, row.at, row.until or row.at)


def _is_talk(row: Row) -> bool:
    """Whether a row is about bytes on their way, and nothing else."""
    if row.arrow is not None:
        return bool(row.arrow.span or row.arrow.segments or row.arrow.label == "ACK")
    return row.span is not None


def _runs(rows: list[Row]) -> Iterator[list[Row]]:
    """Cut rows into runs of one direction without gaps."""
    run: list[Row] = []
    to: End | None = None
    for row in rows:
        goes_to = _goes_to(row)
        gap = bool(run) and row.at - run[-1].at >= GAP_SECONDS
        if run and (gap or (goes_to and to and goes_to is not to)):
            yield run
            run, to = [], None
        run.append(row)
        to = to or goes_to
    if run:
        yield run


def _goes_to(row: Row) -> End | None:
    """Return where bytes go; an ACK goes with any direction."""
    if row.arrow is not None and row.arrow.segments:
        return row.arrow.to
    return row.data_to


def _shortened(run: list[Row]) -> list[Row]:
    return run if len(run) <= LONGEST_RUN else list(_folded(run))


def _folded(rows: list[Row]) -> Iterator[Row]:
    """Return one row for each direction in which bytes went."""
    for to in (End.SERVER, End.CLIENT):
        found = [row for row in rows if _goes_to(row) is to]
        if found:
            yield _one_row(found, to)


def _one_row(rows: list[Row], to: End) -> Row:
    first, last = rows[0], rows[-1]
    ends = max(row.until or row.at for row in rows)
    arrows = [row.arrow for row in rows if row.arrow is not None]
    carried = [arrow for arrow in arrows if arrow.span is not None]
    number = sum(arrow.span[1] for arrow in carried if arrow.span is not None)
    segments = sum(arrow.segments for arrow in arrows)
    label = f"{size(number)} in {duration(ends - first.at)}"
    start = carried[0].span[0] if carried and carried[0].span else 0
    return replace(
        last,
        at=first.at,
        is_timed=True,
        texts={end: text for end in End if (text := _calls(rows, end))},
        arrow=Arrow(to, Line.SEEN, label, (start, number), segments)
        if carried
        else None,
        until=ends,
        span=None if carried else first.span,
    )


def _calls(rows: list[Row], end: End) -> str:
    """Return how often each call was made: ``recv ×412``."""
    calls: Counter[str] = Counter()
    for row in rows:
        name, _, times = row.texts.get(end, "").partition(" ×")
        if name and not name.startswith("…"):
            calls[name.partition("(")[0].partition(" ")[0]] += int(times or 1)
    return ", ".join(f"{name} ×{number}" for name, number in calls.items())
