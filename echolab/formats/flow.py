"""The format that draws each connection while it happens: calls beside packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.events import Accepted, Called, Connected, Finished, Refused
from echolab.facts import Diagnosed, Sampled
from echolab.formats.figure_words import NO_BREAK, cells, clock_time, harmless
from echolab.formats.flow_lane import Lane, Row
from echolab.formats.flow_rows import ARROW_CELLS, arrow
from echolab.formats.style import Needs, Style
from echolab.formats.wrapping import wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event

__all__ = ["Flow"]

TIME_CELLS = 10
LEGEND = "──── seen   ─ ─  between two looks   ···· deduced\n"
TEXT_CELLS = 33
"""With them, a row has 80 cells."""
MOST_ENDED = 1000
"""How many ended connections are remembered for what the kernel says later."""
ASCII = str.maketrans("│─·◀▶…µ", "|-.<>.u")


class Flow:
    """Two lanes for each connection: what travels, and the calls of this side.

    Solid arrows were seen; dashed ones lie between two looks at the kernel; dotted
    ones are deduced. Times are seconds since the first event of all.

    Args:
        style: how peers are shown; ``unicode``: whether lines and arrows may be drawn
            with other characters than those of ASCII.

    Attributes:
        needs: see `Needs`.
    """

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        self._lanes: dict[int, Lane] = {}
        self._ended: dict[int, Lane] = {}
        self._began: float | None = None
        self.needs = Needs(chunks=True, sent=True, ledger=True)

    def __call__(self, event: Event) -> bytes:
        """Return the lines to print for an event."""
        lines = ""
        if self._began is None:
            self._began = event.time
            if isinstance(event, Called):
                self._began -= event.seconds
            lines = LEGEND
        lines += "".join(f"{line}\n" for line in self._lines(event))
        if not self._style.unicode:
            lines = lines.translate(ASCII)
        return lines.encode()

    def _lines(self, event: Event) -> Iterator[str]:
        if isinstance(event, Refused):
            text = f"{event.cause.value}: {harmless(event.detail)}"
            yield from self._drawn(Row(event, text))
            return
        lane = self._lane(event)
        rows = [*lane.rows(event)]
        begins = isinstance(event, Accepted | Connected)
        if event.peer.number and not lane.is_named and (rows or begins):
            lane.is_named = True
            yield self._names(lane.begun or event)
        for row in rows:
            yield from self._drawn(row)
        if isinstance(event, Finished):
            self._ended[event.peer.number] = self._lanes.pop(event.peer.number)
            if len(self._ended) > MOST_ENDED:
                del self._ended[next(iter(self._ended))]

    def _lane(self, event: Event) -> Lane:
        """Return what is known of a connection, also of one that has ended."""
        number = event.peer.number
        if number in self._ended and isinstance(event, Sampled | Diagnosed):
            return self._ended[number]
        if number not in self._lanes:
            self._lanes[number] = Lane(has_packets=event.peer.family != "UNIX")
        return self._lanes[number]

    def _names(self, event: Event) -> str:
        """Return the line with the addresses, as far as they are known."""
        number, peer = f"#{event.peer.number}", harmless(str(event.peer))
        if not isinstance(event, Accepted | Connected) or event.local is None:
            return f"{number}  {peer}"
        here = "server" if isinstance(event, Accepted) else "client"
        gap = " " * max(2, TIME_CELLS + ARROW_CELLS + 4 - cells(number + peer))
        return f"{number}  {peer}{gap}this {here} {harmless(str(event.local))}"

    def _drawn(self, row: Row) -> Iterator[str]:
        """Yield the lines of a row: more than one if its text is long."""
        number = ""
        if row.event.peer.number and self._style.label != "never":
            number = f"#{row.event.peer.number}"
        blank = " " * ARROW_CELLS
        middle = arrow(row.label, row.line, out=row.out) if row.line else blank
        at = row.event.time - (self._began or 0.0)
        when = clock_time(max(0.0, at)) if row.timed else ""
        for text in wrap(row.text, TEXT_CELLS) or [""]:
            line = f"{number:3}{when:>{TIME_CELLS}}  │{middle}│ {text}"
            yield line.replace(NO_BREAK, " ").rstrip()
            when, middle = "", blank
