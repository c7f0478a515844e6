"""The rows of a figure: computed once, drawn by each renderer in its own way."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from echolab.lab.ledger import End

__all__ = ["Arrow", "Figure", "Line", "Row"]


class Line(enum.Enum):
    """How certain an arrow is."""

    SEEN = "seen"
    BETWEEN = "between two looks"
    DEDUCED = "deduced"


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow between the two lanes.

    Attributes:
        to: where it points.
        line: how certain it is.
        label: what is written on it.
        head: the first bytes that it carries, in quotes, if there is room.
        aside: what is said of it besides.
        span: the bytes it carries, as ``(start, size)`` in their direction.
        segments: in how many segments they travelled; 0 if unknown.
    """

    to: End
    line: Line
    label: str
    span: tuple[int, int] | None = None
    segments: int = 0
    head: str = ""
    aside: str = ""

    @property
    def texts(self) -> list[str]:
        """What is written on it, in pieces: in several lines, if there is no room."""
        pieces = [f"{self.label} {self.head}".rstrip()]
        if self.segments > 1 and "segments" not in self.label:
            pieces.append(f"{self.segments} segments")
        if self.aside:
            pieces.append(self.aside)
        return pieces

    @property
    def text(self) -> str:
        """All that is written on it."""
        return ", ".join(self.texts)


@dataclass(frozen=True, slots=True)
class Row:
    """One moment of a connection.

    Attributes:
        at: where it stands on the axis.
        is_timed: whether its time is known, and shown.
        texts: what stands beside each lane.
        arrow: the arrow between the lanes.
        note: what stands between the lanes instead.
        since: when the gap began that its note tells of: events were not kept.
        span: the bytes that a read has taken, as in `Arrow`.
        answers: the labels of the arrows that it may be the arrival of.
        aside: what is said of the recv besides.
        until: the end of the time that a folded row stands for.
        folds: what it is called in a folded row; "" for the calls of its texts.
        of_capture: whether its arrow is a packet that was captured.
        counts: what a folded row stands for, by the end and the name.
        waits: how long an end has waited for the window of the other.
        unseen: how long it has done so in a gap of the recording, all in all.
        rests: how long bytes have waited at an end to be read.
        got: how many bytes an end has received, of a folded row.
    """

    at: float
    is_timed: bool = True
    texts: dict[End, str] = field(default_factory=dict)
    arrow: Arrow | None = None
    note: str = ""
    since: float | None = None
    span: tuple[int, int] | None = None
    answers: tuple[str, ...] = ()
    aside: str = ""
    until: float | None = None
    folds: str = ""
    of_capture: bool = False
    counts: Mapping[tuple[End, str], int] = field(default_factory=dict)
    waits: Mapping[End, float] = field(default_factory=dict)
    unseen: Mapping[End, float] = field(default_factory=dict)
    rests: Mapping[End, float] = field(default_factory=dict)
    got: Mapping[End, int] = field(default_factory=dict)

    @property
    def is_bare(self) -> bool:
        """Whether it has an arrow without a time, and no text."""
        return not (self.is_timed or self.texts or self.note)

    @property
    def data_to(self) -> End | None:
        """Where bytes go of which this row tells: of a send, or of a recv."""
        if self.arrow is not None:
            return self.arrow.to if self.arrow.span else None
        return next(iter(self.texts)) if self.span else None


@dataclass(frozen=True, slots=True)
class Figure:
    """A connection, as rows.

    Attributes:
        title: which connection it is.
        lanes: the name of each lane.
        remarks: what is to be known of the whole.
        rows: in order.
        began: the time of the axis that is shown as 0.
    """

    title: str
    lanes: dict[End, str]
    remarks: tuple[str, ...]
    rows: tuple[Row, ...]
    began: float

    @property
    def lines(self) -> Iterator[Line]:
        """The kinds of lines that it has."""
        used = {row.arrow.line for row in self.rows if row.arrow is not None}
        return (line for line in Line if line in used)
