"""Draw a figure as SVG: legible in light and dark, with text that can be selected."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from echolab.formats.figure_words import NO_BREAK, cells, clock_time, cut, harmless
from echolab.lab.ledger import End

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.lab.rows import Arrow, Figure, Line, Row

__all__ = ["STYLE", "draw_svg", "escaped"]

CELL, LINE, MARGIN = 7.3, 22, 16
"""The width of a character, the height of a row, and the space around, in pixels."""
HEAD = 9
LEAST_ARROW = 30
MOST_LABEL = 72

STYLE = """\
svg{--ink:#1f2328;--soft:#59636e;--paper:#fff;--data:#0550ae}
@media(prefers-color-scheme:dark){\
svg{--ink:#e6edf3;--soft:#9198a1;--paper:#0d1117;--data:#79c0ff}}
svg{font:12px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
svg text{fill:var(--ink);white-space:pre}
svg .paper{fill:var(--paper)}
svg .soft{fill:var(--soft)}
svg .name{font-weight:bold}
svg .lane{stroke:var(--soft)}
svg path{stroke:var(--ink);stroke-width:1.3;fill:none}
svg .between{stroke-dasharray:9 5}
svg .deduced{stroke-dasharray:1.5 4}
svg .data path{stroke:var(--data)}
svg .on{text-anchor:middle;paint-order:stroke;stroke:var(--paper);stroke-width:6}
svg .left{text-anchor:end}
svg .right{text-anchor:start}
"""


def draw_svg(figure: Figure, *, style: str = STYLE) -> str:
    """Return a figure as an SVG document.

    Args:
        figure: the figure.
        style: its style; "" if the document around it has one.
    """
    return _Drawing(figure).document(style)


def escaped(text: str) -> str:
    """Return a text for XML: without markup, and without control characters."""
    return html.escape(harmless(text).replace(NO_BREAK, " "))


class _Drawing:
    """Measure a figure, then draw it from top to bottom."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        rows = figure.rows
        widths = {
            end: max((_cells(row.texts.get(end, "")) for row in rows), default=0)
            for end in End
        }
        names = {end: _cells(name) for end, name in figure.lanes.items()}
        labels = [_cells(row.arrow.text) for row in rows if row.arrow is not None]
        notes = [_cells(row.note) for row in rows]
        arrow = max(LEAST_ARROW, *(each + 8 for each in (*labels, *notes)))
        arrow = max(arrow, (names[End.CLIENT] + names[End.SERVER]) // 2 + 4)
        left = max(widths[End.CLIENT], names[End.CLIENT] // 2 - 12)
        right = max(widths[End.SERVER], names[End.SERVER] // 2)
        self._time = MARGIN + 12 * CELL
        self._left = self._time + (left + 3) * CELL
        self._right = self._left + arrow * CELL
        self._width = self._right + (right + 2) * CELL + MARGIN
        heads = max(map(cells, (figure.title, *figure.remarks)))
        self._width = max(self._width, heads * CELL + 2 * MARGIN)
        self._y = 0.0

    def document(self, style: str) -> str:
        """Return the whole document."""
        body = "".join(self._body())
        width, height = round(self._width), round(self._y + MARGIN)
        inside = f"<style>{style}</style>\n" if style else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
            f'height="{height}" viewBox="0 0 {width} {height}">\n'
            f"<title>{escaped(self._figure.title)}</title>\n{inside}"
            f'<rect class="paper" width="{width}" height="{height}"/>\n{body}</svg>\n'
        )

    def _body(self) -> Iterator[str]:
        figure = self._figure
        self._y = MARGIN
        for number, line in enumerate((figure.title, *figure.remarks)):
            self._y += LINE * 0.8
            kind = "soft" if number else "name"
            yield _text(MARGIN, self._y, line, kind, most=len(line))
        self._y += LINE * 1.4
        lanes = {End.CLIENT: self._left, End.SERVER: self._right}
        for end, x in lanes.items():
            yield _text(x, self._y, figure.lanes[end], "on name")
        top = self._y + LINE * 0.4
        rows = []
        for row in figure.rows:
            self._y += LINE
            rows.append(self._row(row))
        bottom = self._y + LINE * 0.6
        for x in lanes.values():
            yield f'<path class="lane" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>\n'
        yield from rows
        self._y += LINE * 1.6
        yield from self._legend()

    def _row(self, row: Row) -> str:
        y = self._y
        parts = []
        if row.is_timed:
            time = clock_time(max(0.0, row.at - self._figure.began))
            parts.append(_text(self._time, y + 4, time, "soft left"))
        for end, text in row.texts.items():
            to_left = end is End.CLIENT
            x = self._left - CELL if to_left else self._right + CELL
            parts.append(_text(x, y + 4, text, "left" if to_left else "right"))
        middle = (self._left + self._right) / 2
        if row.note:
            parts.append(_text(middle, y + 4, row.note, "on soft"))
        if row.arrow is not None:
            parts.append(self._arrow(row.arrow, y))
            parts.append(_text(middle, y + 4, row.arrow.text, "on"))
        return "".join(parts)

    def _arrow(self, arrow: Arrow, y: float) -> str:
        """Return an arrow: a line on each side of its label, and a head."""
        left, right = self._left + 2, self._right - 2
        middle = (left + right) / 2
        half = (_cells(arrow.text) / 2 + 1) * CELL
        to_server = arrow.to is End.SERVER
        end, back = (right, -HEAD) if to_server else (left, HEAD)
        parts = (
            _line(arrow.line, left, y, middle - half),
            _line(arrow.line, middle + half, y, right),
            f'<path d="M{end + back:.1f} {y - 4:.1f}L{end:.1f} {y:.1f}l{back} 4"/>',
        )
        kind = ' class="data"' if arrow.span else ""
        return f"<g{kind}>{''.join(parts)}</g>\n"

    def _legend(self) -> Iterator[str]:
        x = float(MARGIN)
        for line in self._figure.lines:
            yield _line(line, x, self._y - 4, x + 5 * CELL) + "\n"
            yield _text(x + 6 * CELL, self._y, line.value, "soft")
            x += (9 + _cells(line.value)) * CELL


def _line(line: Line, start: float, y: float, end: float) -> str:
    return f'<path class="{line.name.lower()}" d="M{start:.1f} {y:.1f}H{end:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str, *, most: int = MOST_LABEL) -> str:
    shown = escaped(_short(text, most))
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{shown}</text>\n'


def _cells(text: str) -> int:
    return cells(_short(text))


def _short(text: str, most: int = MOST_LABEL) -> str:
    text = harmless(text)
    return text if cells(text) <= most else f"{cut(text, most - 1)}…"
