"""Draws the pictures of the README: a session on real terminals.

``python3 -m tests.make_pictures [FOLDER]``
"""

from __future__ import annotations

import re
import sys
import tempfile
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.loopback import ALL, LOOPBACK
from tests.support import ROOT, SERVER
from tests.terminals import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.terminals import Run

__all__ = ["PICTURES", "make"]

PICTURES = ROOT / "docs" / "pictures"
TITLE = "A server of echolab and two clients, each in its terminal"
DESCRIPTION = (
    "The server prints who connects, each line that arrives and who has finished."
    " While both clients are connected, it names the peer of each line."
)
CELL, ROW, FONT = 8.4, 20, 14
"""The width of a cell, the height of a row and the size of letters, in pixels."""
HEAD, EDGE, GAP = 28, 10, 12
"""The height of a title, the margin in a terminal, the space around it, in pixels."""


class Theme(NamedTuple):
    """Colours; each text has a contrast of at least 4.5 with its ground."""

    ground: str
    border: str
    text: str
    faint: str
    peers: dict[str, str]


THEMES = {
    "light": Theme(
        *("#ffffff", "#d1d9e0", "#1f2328", "#59636e"),
        {"cyan": "#0b6b72", "brown": "#7d4e00", "magenta": "#8250df"},
    ),
    "dark": Theme(
        *("#0d1117", "#3d444d", "#e6edf3", "#9198a1"),
        {"cyan": "#56d4dd", "brown": "#e3b341", "magenta": "#d2a8ff"},
    ),
}


def make(folder: Path = PICTURES) -> None:
    """Run the session, and draw it once for each theme."""
    with tempfile.TemporaryDirectory() as home, ExitStack() as open_:
        server, one, other = (
            open_.enter_context(
                Terminal(title, columns=43, rows=rows, folder=Path(home))
            )
            for title, rows in (("server", 15), ("client", 7), ("another client", 5))
        )
        rename = _run(server, one, other)
        left = GAP + _size(server)[0]
        under = GAP + _size(one)[1]
        places = (
            (server, GAP, GAP),
            (one, left + GAP, GAP),
            (other, left + GAP, under + GAP),
        )
        for name, theme in THEMES.items():
            text = "\n".join(_svg(places, theme, rename))
            (folder / f"session-{name}.svg").write_text(f"{text}\n")


def _run(server: Terminal, one: Terminal, other: Terminal) -> Callable[[str], str]:
    """Run the session; return what gives its changing numbers their usual values."""
    server.start(*SERVER, shown="echolab server 8888")
    said = server.wait_for("listening on ")
    [port] = re.findall(rf"listening on {LOOPBACK}(\d+)", said)
    for client in one, other:
        client.start("client", "127.0.0.1", port, shown="echolab client 127.0.0.1 8888")
        client.wait_for("quit):")
        if client is one:
            _say(client, "hello", server)
            _say(client, "this is test client", server)
    server.wait_for("\naccepted host(IP: 127.0.0.1, Port: ")
    _say(other, "may I, too?", server)
    _say(one, "bye", server)
    for client, times in (one, 1), (other, 2):
        client.type(".")
        client.end()
        server.wait_for("finish.", times)
    [limit] = re.findall(r"at most (\d+)", server.text)
    ports = re.findall(r"Port: (\d+)", server.text)
    usual = {port: "8888", limit: "19976", ports[0]: "60612", ports[1]: "60618"}

    def rename(text: str) -> str:
        text = re.sub(r"\d+", lambda found: usual.get(found[0], found[0]), text)
        return text.replace(f"listening on {LOOPBACK}", f"listening on {ALL}")

    return rename


def _say(client: Terminal, line: str, server: Terminal) -> None:
    client.type(line)
    server.wait_for(f"recv data: {line}")


def _size(terminal: Terminal) -> tuple[float, float]:
    screen = terminal.screen
    return screen.columns * CELL + 2 * EDGE, HEAD + screen.lines * ROW + 2 * EDGE


def _svg(
    places: tuple[tuple[Terminal, float, float], ...],
    theme: Theme,
    rename: Callable[[str], str],
) -> Iterator[str]:
    """Yield a picture's lines: terminals, each with the place of its corner."""
    width = max(x + _size(terminal)[0] for terminal, x, _ in places) + GAP
    height = max(y + _size(terminal)[1] for terminal, _, y in places) + GAP
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img"'
        f' aria-labelledby="title description" width="{width:g}" height="{height:g}"'
        f' viewBox="0 0 {width:g} {height:g}">'
    )
    yield f'<title id="title">{escape(TITLE)}</title>'
    yield f'<desc id="description">{escape(DESCRIPTION)}</desc>'
    yield (
        f"<style>text {{ white-space: pre; fill: {theme.text}; font: {FONT}px"
        " ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace }</style>"
    )
    for terminal, x, y in places:
        wide, high = _size(terminal)
        yield (
            f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="8"'
            f' fill="{theme.ground}" stroke="{theme.border}"/>'
        )
        yield (
            f'<path d="M{x:g} {y + HEAD:g}h{wide:g}" stroke="{theme.border}"/>'
            f'<text x="{x + EDGE:g}" y="{y + ROW:g}" style="fill: {theme.faint}">'
            f"{terminal.title}</text>"
        )
        for number, row in enumerate(terminal.rows()):
            if row:
                baseline = y + HEAD + EDGE + number * ROW + FONT
                yield _text(row, x + EDGE, baseline, theme, rename)
        cursor = terminal.screen.cursor
        yield (
            f'<rect x="{x + EDGE + cursor.x * CELL:g}"'
            f' y="{y + HEAD + EDGE + cursor.y * ROW:g}"'
            f' width="{CELL}" height="{ROW - 3}" fill="{theme.faint}"/>'
        )
    yield "</svg>"


def _text(
    row: list[Run], x: float, y: float, theme: Theme, rename: Callable[[str], str]
) -> str:
    """Return a row as one text, as wide as its cells in any font."""
    spans = [(rename(text), color, bold) for text, color, bold in row]
    width = sum(len(text) for text, *_ in spans) * CELL
    shown = "".join(
        f"<tspan{_look(color, bold, theme)}>{escape(text, quote=False)}</tspan>"
        if bold or color in theme.peers
        else escape(text, quote=False)
        for text, color, bold in spans
    )
    return f'<text x="{x:g}" y="{y:g}" textLength="{width:g}">{shown}</text>'


def _look(color: str, bold: bool, theme: Theme) -> str:
    fill = f' fill="{theme.peers[color]}"' if color in theme.peers else ""
    return fill + (' font-weight="bold"' if bold else "")


if __name__ == "__main__":
    make(*map(Path, sys.argv[1:]))
