"""Fold what repeats in a figure, and mark its gaps."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from echolab.formats.figure_words import NO_BREAK, duration, size
from echolab.lab.kernel import ACK, WAITED
from echolab.lab.ledger import End
from echolab.lab.rows import Arrow, Line, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["GAP_SECONDS", "fold", "fold_middle", "with_gaps"]

LONGEST_RUN = 8
"""How many rows of bytes in one direction are shown before they are folded."""
LONGEST_TALK = 60
"""How many rows of bytes in both directions are shown before they are folded."""
FIRST, LAST = 16, 8
"""How many of them stay at the beginning and at the end."""
GAP_SECONDS = 0.5
UNUSUAL = 10
"""A gap is unusual, and is not folded, if it is so many times as long as others."""
BESIDE_GAP = 3
"""How many rows stay on each side of an unusual gap."""
_NAME = re.compile("[ (]")
"""What ends the name of a call."""


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
    folded = list(talk[:FIRST])
    for is_stall, part in _parts(talk[FIRST:-LAST]):
        folded += part if is_stall or len(part) <= LONGEST_RUN else _folded(part)
    return [*folded, *talk[-LAST:]]


def _parts(rows: list[Row]) -> Iterator[tuple[bool, list[Row]]]:
    """Cut rows at unusual gaps; yield what is around a gap as a part of its own."""
    usual = (rows[-1].at - rows[0].at) / len(rows)
    least = max(GAP_SECONDS, UNUSUAL * usual)
    done = 0
    for at, (row, after) in enumerate(pairwise(rows), 1):
        if after.at - row.at < least:
            continue
        start = max(done, at - BESIDE_GAP)
        yield False, rows[done:start]
        done = min(len(rows), at + BESIDE_GAP)
        yield True, rows[start:done]
    yield False, rows[done:]


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
    if row.folds:
        return True
    if row.arrow is not None:
        return bool(row.arrow.span or row.arrow.segments)
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
    # With a capture, a send is up to four rows: itself, its packet, the ACK, the recv.
    rows = 4 if any(row.of_capture for row in run) else 1
    return run if len(run) <= LONGEST_RUN * rows else list(_folded(run))


def _folded(rows: list[Row]) -> Iterator[Row]:
    """Return one row for each direction in which bytes went, in order of time."""
    return iter(sorted(_by_direction(rows), key=attrgetter("at")))


def _by_direction(rows: list[Row]) -> Iterator[Row]:
    others = [row for row in rows if _goes_to(row) is None]
    for to in (End.SERVER, End.CLIENT):
        found = [row for row in rows if _goes_to(row) is to]
        if found:
            yield _one_row(found, others, to)
            others = []
    if others:
        yield _one_row(others, [], End.SERVER)


def _one_row(rows: list[Row], others: list[Row], to: End) -> Row:
    first = rows[0]
    ends = max(row.until or row.at for row in rows)
    arrows = [row.arrow for row in rows if row.arrow is not None]
    carried = [arrow for arrow in arrows if arrow.span is not None]
    number = sum(arrow.span[1] for arrow in carried if arrow.span is not None)
    segments = sum(arrow.segments for arrow in arrows)
    label = f"{size(number)} in {duration(ends - first.at)}"
    start = carried[0].span[0] if carried and carried[0].span else 0
    arrow = Arrow(to, Line.SEEN, label, (start, number), segments)
    counts = _counts([*rows, *others])
    waits: dict[End, float] = {}
    for end, wait in (each for row in (*rows, *others) for each in row.waits.items()):
        waits[end] = max(wait, waits.get(end, 0.0))
    lasted = "" if carried else f" in {duration(ends - first.at)}"
    return Row(
        first.at,
        texts={
            end: text + lasted
            for end in End
            if (text := _counted(counts, end, waits.get(end)))
        },
        arrow=arrow if carried else None,
        until=ends,
        span=None if carried else first.span,
        counts=counts,
        waits=waits,
    )


def _counts(rows: Iterable[Row]) -> Counter[tuple[End, str]]:
    """Count calls, and what the kernel has told, at each end."""
    counts: Counter[tuple[End, str]] = Counter()
    for row in rows:
        if row.counts:
            counts.update(row.counts)
        elif row.folds:
            teller = row.arrow.to.other if row.arrow else next(iter(row.texts))
            counts[teller, row.folds] += row.folds != ACK
        else:
            for end, text in row.texts.items():
                counts[end, _NAME.split(text, 1)[0]] += not text.startswith("…")
    return counts


def _counted(counts: Counter[tuple[End, str]], end: End, longest: float | None) -> str:
    """Return how often each call was made, and the longest wait: ``recv ×412``."""
    said = []
    for (teller, name), number in counts.items():
        if number and teller is end:
            words = f"{name} ×{number}".replace(" ", NO_BREAK)
            if name == WAITED and longest is not None:  # This is too long for a line.
                most = duration(longest).replace(" ", NO_BREAK)
                words = f"{name}{NO_BREAK}×{number}, {most} at most"
            said.append(words)
    return ", ".join(said)
