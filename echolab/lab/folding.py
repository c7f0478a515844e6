"""Fold what repeats in a figure, and mark its gaps."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from echolab.formats.figure_words import NO_BREAK, duration, size
from echolab.lab.kernel import ACK, WAITED
from echolab.lab.ledger import RECEIVES, End
from echolab.lab.rows import Arrow, Line, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
BULK_BYTES = 10_000
"""From so many bytes a row on, bytes in both directions are folded at once."""
LONGEST_BULK = 16
"""How many rows of them are shown before they are folded."""
BESIDE_BULK = 4
"""How many of them stay at the beginning and at the end."""
LONG_REST = 0.01
"""How long bytes must have waited to be read for a folded row to tell it."""
_NAME = re.compile("[ (]")
"""What ends the name of a call."""


def fold(rows: Iterable[Row]) -> list[Row]:
    """Replace long runs of rows about bytes by one row for each direction."""
    folded: list[Row] = []
    for is_talk, found in groupby(rows, key=_is_talk):
        if not is_talk:
            folded += found
            continue
        rows = list(found)
        if _is_bulk(rows):
            folded += _middle(rows, BESIDE_BULK, BESIDE_BULK, beside_gap=1)
        else:
            talk = [each for run in _runs(rows) for each in _shortened(run)]
            folded += fold_middle(talk)
    return folded


def _is_bulk(rows: list[Row]) -> bool:
    """Whether many bytes go in both directions at the same time."""
    spans = [row.arrow.span if row.arrow else row.span for row in rows if row.data_to]
    both = len({row.data_to for row in rows if row.data_to}) == len(End)
    number = sum(span[1] for span in spans if span)
    return both and len(rows) > LONGEST_BULK and number >= BULK_BYTES * len(spans)


def fold_middle(talk: list[Row]) -> list[Row]:
    """Replace the middle of many rows about bytes by one row for each direction."""
    if len(talk) <= LONGEST_TALK:
        return talk
    return _middle(talk, FIRST, LAST, beside_gap=BESIDE_GAP)


def _middle(rows: list[Row], first: int, last: int, *, beside_gap: int) -> list[Row]:
    """Fold all rows but the first and the last, and those beside unusual gaps."""
    folded = list(rows[:first])
    for is_stall, part in _parts(rows[first:-last], beside_gap):
        folded += part if is_stall or len(part) <= LONGEST_RUN else _folded(part)
    return [*folded, *rows[-last:]]


def _parts(rows: list[Row], beside_gap: int) -> Iterator[tuple[bool, list[Row]]]:
    """Cut rows at unusual gaps; yield what is around a gap as a part of its own."""
    usual = (rows[-1].at - rows[0].at) / len(rows)
    least = max(GAP_SECONDS, UNUSUAL * usual)
    done = 0
    for at, (row, after) in enumerate(pairwise(rows), 1):
        if after.at - row.at < least:
            continue
        start = max(done, at - beside_gap)
        yield False, rows[done:start]
        done = min(len(rows), at + beside_gap)
        yield True, rows[start:done]
    yield False, rows[done:]


def with_gaps(rows: Sequence[Row]) -> Iterator[Row]:
    """Put a note where nothing happens for long, as far as events were kept."""
    unseen = [(row.since, row.at) for row in rows if row.since is not None]
    last: float | None = None
    for row in rows:
        if last is not None and row.at - last >= GAP_SECONDS:
            is_known = not any(last < end and row.at > start for start, end in unseen)
            if is_known:
                note = f"… {duration(row.at - last)} nothing …"
                yield Row(row.at, is_timed=False, note=note)
        yield row
        if row.is_timed or row.since is not None or last is not None:
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
    label = f"{size(number)} in {duration(ends - first.at)}"
    start = carried[0].span[0] if carried and carried[0].span else 0
    arrow = Arrow(to, Line.SEEN, label, (start, number), _segments(arrows))
    counts = _counts([*rows, *others])
    waits = _longest(row.waits for row in (*rows, *others))
    rests = _longest(row.rests for row in (*rows, *others))
    got = sum(_got(row, to) for row in rows)
    told = {to: got} if got != number else {}
    said = ((end, _counted(counts, end, waits, rests, told)) for end in End)
    texts = {end: text for end, text in said if text}
    if not carried:
        lasted = f" in {duration(ends - first.at)}"
        texts = {end: text + lasted for end, text in texts.items()}
    return Row(
        first.at,
        texts=texts,
        arrow=arrow if carried else None,
        until=ends,
        span=None if carried else first.span,
        counts=counts,
        waits=waits,
        rests=rests,
        got={to: got},
    )


def _got(row: Row, end: End) -> int:
    """Return how many bytes an end has received in a row."""
    if row.got:
        return row.got.get(end, 0)
    span = row.span if row.arrow is None else row.arrow.span
    return span[1] if span and end in row.texts and row.data_to is end else 0


def _segments(arrows: list[Arrow]) -> int:
    """Return in how many segments all have travelled; 0 if that is not known of all."""
    are_counted = True
    for arrow in arrows:
        # A row with nothing but segments counts those of the rows above it.
        are_counted = bool(arrow.segments) and (are_counted or arrow.span is None)
    return sum(arrow.segments for arrow in arrows) if are_counted else 0


def _longest(found: Iterable[Mapping[End, float]]) -> dict[End, float]:
    """Return the longest wait of each end."""
    longest: dict[End, float] = {}
    for end, seconds in (each for waits in found for each in waits.items()):
        longest[end] = max(seconds, longest.get(end, 0.0))
    return longest


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


def _counted(
    counts: Counter[tuple[End, str]],
    end: End,
    waits: Mapping[End, float],
    rests: Mapping[End, float],
    got: Mapping[End, int],
) -> str:
    """Return what an end has done, and its longest waits: ``recv ×412, 26 MB``."""
    longest, rested = waits.get(end), rests.get(end, 0.0)
    said = []
    for (teller, name), number in counts.items():
        if number and teller is end:
            words = f"{name} ×{number}".replace(" ", NO_BREAK)
            if name == WAITED and longest is not None:  # This is too long for a line.
                most = duration(longest).replace(" ", NO_BREAK)
                words = f"{name}{NO_BREAK}×{number}, {most} at most"
            if name in RECEIVES and got.get(end):
                words += ", " + size(got[end]).replace(" ", NO_BREAK)
            if name in RECEIVES and rested >= LONG_REST:
                most = duration(rested).replace(" ", NO_BREAK)
                words += f", waited{NO_BREAK}{most} at most"
            said.append(words)
    return ", ".join(said)
