"""Draw a figure as text: for a terminal, with Unicode or without."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from echolab.formats.figure_words import NO_BREAK, cells, clock_time, cut
from echolab.formats.wrapping import wrap
from echolab.lab.ledger import End
from echolab.lab.rows import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.lab.rows import Arrow, Figure, Row

__all__ = ["DRAWN", "draw_text"]

LEAST_WIDTH, MOST_WIDTH = 60, 140
LEAST_ARROW, MOST_ARROW = 26, 64
BREAK = "\x1f"
"""A sign for `NO_BREAK` that every encoding has."""
BESIDE = 7
"""How far the name of a lane reaches over its lane."""
LEAST_HEAD = 3
"""How many characters of the first bytes are worth showing."""
LEAST_SIDE = 12
DRAWN = "│┊─·◀▶…×µ"
"""The characters that a figure is drawn with, where they can be encoded."""
ASCII = dict(zip(DRAWN, ("|", ":", "-", ".", "<", ">", "...", "x", "u"), strict=True))


class _Columns(NamedTuple):
    """The widths of a figure's columns."""

    time: int
    left: int
    arrow: int
    right: int


def draw_text(figure: Figure, width: int, encoding: str = "utf-8") -> str:
    """Return a figure as lines of text.

    Args:
        figure: the figure.
        width: how many columns it may take.
        encoding: what the text will be encoded in. If that has no lines and arrows,
            they are drawn in ASCII.
    """
    drawing = _Drawing(figure, min(max(width, LEAST_WIDTH), MOST_WIDTH), encoding)
    lines = (line.replace(NO_BREAK, " ").rstrip() for line in drawing.lines())
    return "".join(f"{line}\n" for line in lines)


class _Drawing:
    def __init__(self, figure: Figure, width: int, encoding: str) -> None:
        self._figure = figure
        self._width = width
        self._encoding = encoding
        self._plain = not _can_be_encoded(DRAWN, encoding)
        self._marks = {
            Line.SEEN: self._said("─"),
            Line.BETWEEN: self._said("─ "),
            Line.DEDUCED: self._said("·"),
        }
        self._columns = self._measure()

    def _said(self, text: str) -> str:
        """Return a text as it can be encoded."""
        if self._plain:
            text = "".join(ASCII.get(each, each) for each in text)
        coded = text.replace(NO_BREAK, BREAK).encode(self._encoding, "backslashreplace")
        return coded.decode(self._encoding).replace(BREAK, NO_BREAK)

    def _measure(self) -> _Columns:
        """Share the width out among the columns."""
        rows = self._figure.rows
        time = max((len(self._time(row)) for row in rows), default=0) + 2
        room = self._width - time - 4
        needs = {
            end: max(cells(self._said(row.texts.get(end, ""))) for row in rows)
            for end in End
        }
        labels = (self._label(row.arrow) for row in rows if row.arrow is not None)
        arrow = max(LEAST_ARROW, *(cells(label) + 8 for label in labels), LEAST_ARROW)
        left, right = (max(needs[end], LEAST_SIDE) for end in End)
        if left + right + arrow > room:
            arrow = max(LEAST_ARROW, min(arrow, room - left - right))
        arrow = min(arrow, MOST_ARROW, room - 2 * LEAST_SIDE)
        if left + right > room - arrow:
            half = (room - arrow) // 2
            left = max(min(left, half), room - arrow - right)
            right = room - arrow - left
        spare = room - left - right - arrow
        return _Columns(
            time, left, arrow + max(0, min(spare, MOST_ARROW - arrow)), right
        )

    def lines(self) -> Iterator[str]:
        """Yield the lines of the figure."""
        figure = self._figure
        yield from self._wrapped(figure.title)
        for remark in figure.remarks:
            yield from self._wrapped(remark)
        yield ""
        yield from self._names()
        for row in figure.rows:
            yield from self._row(row)
        yield ""
        yield self._legend()

    def _wrapped(self, text: str) -> list[str]:
        return wrap(self._said(text), self._width)

    def _names(self) -> Iterator[str]:
        """Yield the names of the lanes, each above its lane as far as there is room."""
        time, left, arrow, _ = self._columns
        client, server = (self._said(self._figure.lanes[end]) for end in End)
        lanes = time + left + 1, time + left + arrow + 2
        if cells(client) + cells(server) + 2 > self._width:
            yield client
            client = ""
        start = max(0, lanes[0] + BESIDE - cells(client))
        line = " " * start + client
        start = min(lanes[1] - BESIDE, self._width - cells(server))
        if cells(line) + 2 > start:
            line = line[cells(line) + 2 - start :]
        yield _padded(line, start) + server

    def _row(self, row: Row) -> Iterator[str]:
        time, left, arrow, right = self._columns
        lefts = wrap(self._said(row.texts.get(End.CLIENT, "")), left)
        rights = wrap(self._said(row.texts.get(End.SERVER, "")), right)
        lane = self._said("┊" if row.note else "│")
        if row.note:
            note = (line.strip() for line in wrap(self._said(row.note), arrow))
            middles = [" " * ((arrow - cells(line)) // 2) + line for line in note]
        else:
            middles = self._arrow(row.arrow, arrow) if row.arrow else [""]
        columns = zip_longest(lefts, middles, rights, fillvalue="")
        for number, (one, middle, other) in enumerate(columns):
            when = "" if number else self._time(row)
            before = f"{when:{time}}{_padded(one, left)} {lane}"
            yield f"{before}{_padded(middle, arrow)}{lane} {other}"

    def _time(self, row: Row) -> str:
        if not row.is_timed:
            return ""
        return clock_time(max(0.0, row.at - self._figure.began))

    def _label(self, arrow: Arrow) -> str:
        return self._said(arrow.text)

    def _labels(self, arrow: Arrow, most: int) -> list[str]:
        """Return what stands on an arrow, and below it if there is no room."""
        if cells(self._label(arrow)) <= most:
            return [self._label(arrow)]
        first, *others = map(self._said, arrow.texts)
        if arrow.head and cells(first) > most:
            dots = self._said("…") + '"'
            room = max(0, most - len(dots) - cells(self._said(arrow.label)) - 1)
            head = cut(self._said(arrow.head).removesuffix(dots).rstrip('"'), room)
            first = self._said(arrow.label)
            first += f" {head}{dots}" if len(head) > LEAST_HEAD else ""
        return [*wrap(first, most), *others]

    def _arrow(self, arrow: Arrow, width: int) -> list[str]:
        """Return the lines of an arrow: what does not fit on it stands below."""
        most = width - 6
        label, *below = self._labels(arrow, most)
        mark = self._marks[arrow.line] * width
        shaft = width - 3 - cells(label)
        before = shaft // 2
        line = f"{mark[:before]} {label} {mark[: shaft - before]}"
        to_server = arrow.to is End.SERVER
        line = line + self._said("▶") if to_server else self._said("◀") + line
        return [line, *(" " * ((width - cells(each)) // 2) + each for each in below)]

    def _legend(self) -> str:
        return "   ".join(
            f"{(self._marks[line] * 4)[:4]} {line.value}" for line in self._figure.lines
        )


def _can_be_encoded(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))
