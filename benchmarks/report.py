#!/usr/bin/env python3
"""Write the tables of a README.md, and the plots beside it, from a result of run.py.

Usage: python benchmarks/report.py RESULT [README]
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from contests import Contest, Limit, contests
from results import Key, Middle, Result, cost, load, middle, rate, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from results import Run

T = TypeVar("T")

BEGIN = "<!-- results: `report.py` writes what follows -->"
END = "<!-- end of results -->"
US = "echolab"
SWEEPS = {
    "connections": "Processor time of a line, over open connections",
    "length": "Processor time of a line, over its length in bytes",
}


def number(value: float) -> str:
    """Return a number with three digits that count, or all of a longer one."""
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def duration(seconds: float) -> str:
    """Return a time with the unit that suits it."""
    for unit, size in {"s": 1.0, "ms": 1e-3, "µs": 1e-6}.items():
        if seconds >= size:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds / 1e-9)} ns"


def spread(figures: Middle) -> str:
    return f"±{figures.spread:.0%}" if figures.least < figures.most else ""


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def rows(head: Iterable[str], body: Iterable[Iterable[str]]) -> list[str]:
    """Return a table."""
    titles = list(head)
    return [row(*titles), row(*["---"] * len(titles)), *(row(*each) for each in body)]


def ranked(contest: Contest, result: Result) -> list[list[str]]:
    """Return the rows of a contest: echolab, then its peers."""
    ours = result.runs.get(Key(contest.name, 0, US))
    if not ours:
        return []
    piece = "" if contest.of == "line" else f" a {contest.of}"
    found = []
    for program in contest.programs:
        if runs := result.runs.get(Key(contest.name, 0, program)):
            speed, processor = middle(map(rate, runs)), middle(map(cost, runs))
            cells = [
                contest.name if program == US else "",
                program,
                f"{number(speed.median * contest.size)} {contest.unit}",
                spread(speed),
                duration(processor.median) + piece,
                spread(processor),
            ]
            if program == US:
                cells += ["", "", ""]
            else:
                cells += [
                    f"{ratio(ours, runs, rate).median:.2f}",
                    f"{contest.wanted[program]:g}",
                    f"{ratio(ours, runs, cost).median:.2f}",
                ]
            found.append(cells)
    return found


def ranking(result: Result) -> list[str]:
    """Return the table of all contests that are no sweeps."""
    head = ["contest", "program", "rate", "", "processor time a line", ""]
    body: list[list[str]] = []
    for each in contests():
        if isinstance(each, Contest):
            body += ranked(each, result)
    return rows([*head, "rate ×", "wanted", "processor time ×"], body) if body else []


def limits(result: Result) -> list[str]:
    """Return the table of the figures that have an upper limit."""
    body = []
    for each in contests():
        if isinstance(each, Limit) and (
            figures := result.figures.get(Key(each.name, 0, US))
        ):
            found = f"{number(middle(figures).median)} {each.unit}"
            body.append([each.name, found, f"{each.most:g}"])
    return rows(["figure", US, "wanted, at most"], body) if body else []


def points(result: Result, sweep: str) -> list[str]:
    """Return the table of a sweep: what a line costs each program."""
    found = result.sweep(sweep)
    if not found:
        return []
    body = []
    for at in sorted({at for series in found.values() for at in series}):
        cells = [f"{at:,}"]
        for series in found.values():
            runs = series.get(at)
            cells.append(duration(middle(map(cost, runs)).median) if runs else "")
        body.append(cells)
    return rows([sweep, *found], body)


def lacking(result: Result) -> list[str]:
    """Return why programs are not there."""
    found = []
    for (contest, at, program), why in result.missing.items():
        where = f"{contest}, from {at:,} on" if at else contest
        found.append(f"- {where}: {program} is left out: {why}")
    return found


def table(result: Result, *, plots: bool = False) -> list[str]:
    """Return all tables, and the plots on demand, as lines of Markdown."""
    about = ", ".join(f"{name} {value}" for name, value in result.about.items())
    parts = [
        [f"Medians of {turns(result)}: {about}."],
        ranking(result),
        limits(result),
    ]
    for sweep, title in SWEEPS.items():
        if found := points(result, sweep):
            picture = [f"![{title}]({sweep}.svg)"] if plots else []
            parts += [[f"### {title}"], picture, found]
    parts.append(lacking(result))
    return "\n\n".join("\n".join(part) for part in parts if part).splitlines()


def turns(result: Result) -> str:
    """Return how often each was run."""
    counts = {len(runs) for runs in result.runs.values()}
    counts |= {len(figures) for figures in result.figures.values()}
    return f"{max(counts, default=0)} turns"


def compared(result: Result) -> list[str]:
    """Compare the working tree with the revision."""
    found = []
    for key, ours in result.runs.items():
        if key.program == US:
            for theirs in others(key, result.runs):
                speed, processor = (
                    against(ours, theirs, rate),
                    against(ours, theirs, cost),
                )
                found.append(f"{named(key)} rate {speed}, processor time {processor}")
    for key, mine in result.figures.items():
        if key.program == US:
            for figures in others(key, result.figures):
                now, then = middle(mine).median, middle(figures).median
                found.append(f"{named(key)} {number(now)} instead of {number(then)}")
    return found + lacking(result)


def others(key: Key, measured: dict[Key, T]) -> list[T]:
    """Return what others than this program have done in the same contest."""
    return [
        each
        for other, each in measured.items()
        if other[:2] == key[:2] and other != key
    ]


def named(key: Key) -> str:
    return f"{key.contest} {key.at:,}:" if key.at else f"{key.contest}:"


def against(mine: list[Run], theirs: list[Run], of: Callable[[Run], float]) -> str:
    found = ratio(mine, theirs, of)
    return f"× {found.median:.2f} ({found.least:.2f} to {found.most:.2f})"


def rewritten(page: str, lines: Iterable[str]) -> str:
    """Return a page with other lines between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no {BEGIN} … {END}")
    middle_part = "\n".join(lines)
    return f"{before}{BEGIN}\n\n{middle_part}\n\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path, metavar="RESULT", help="of run.py --save")
    parser.add_argument(
        "readme",
        nargs="?",
        type=Path,
        default=Path(__file__).parent / "README.md",
        metavar="README",
    )
    options = parser.parse_args()
    from plots import draw

    result = load(options.result)
    page = rewritten(options.readme.read_text("utf-8"), table(result, plots=True))
    options.readme.write_text(page, "utf-8")
    draw(result, options.readme.parent)


if __name__ == "__main__":
    main()
