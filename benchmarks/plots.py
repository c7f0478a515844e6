"""Draw processor time over connections and over the length of lines, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contests import LINE_BYTES
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from results import cost, middle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType
    from results import Result, Run

INK = "#7d8590"
"""A grey that can be read on white and on black."""

LOOKS = {
    "echolab": ("#2f81f7", "o", "-"),
    "echolab, raw": ("#2f81f7", "s", "--"),
    "ncat": ("#d9742b", "o", "--"),
    "ncat, sed": ("#d9742b", "s", "-"),
    "socat": ("#2ea27a", "^", "-"),
}
"""The colour, mark and line of each program."""

STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "echolab",  # The same result gives the same bytes.
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.25,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def draw(result: Result, folder: Path) -> None:
    """Write both plots into a folder, as far as they were measured."""
    with rc_context(STYLE):
        if result.sweep("connections"):
            save(over_connections(result), folder / "connections.svg")
        if result.sweep("length"):
            save(over_length(result), folder / "length.svg")


def save(figure: Figure, file: Path) -> None:
    figure.savefig(file, transparent=True, metadata={"Date": None, "Creator": None})


def over_connections(result: Result) -> Figure:
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    curves(axes, result, "connections", lambda _, run: cost(run) * 1e6)
    axes.set_ylim(bottom=0)
    most = max(key.at for key in result.runs if key.contest == "connections")
    axes.set_xlabel(
        f"open connections, up to {most:,}, each writing a line of 64 bytes in its turn"
    )
    axes.set_ylabel("processor time of a line, µs")
    axes.legend()
    return figure


def over_length(result: Result) -> Figure:
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    line, megabyte = figure.subplots(1, 2)
    curves(line, result, "length", lambda _, run: cost(run) * 1e6)
    line.set_ylabel("processor time of a line, µs")
    curves(megabyte, result, "length", lambda size, run: cost(run) / size * 1e9)
    megabyte.set_ylabel("processor time of a megabyte, ms")
    for axes in line, megabyte:
        axes.set_yscale("log")
        axes.xaxis.set_major_locator(FixedLocator(LINE_BYTES))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("bytes of a line")
        axes.xaxis.set_major_formatter(FuncFormatter(short))
        axes.yaxis.set_major_formatter(FuncFormatter(plain))
    megabyte.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    handles, labels = line.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def curves(
    axes: Axes, result: Result, sweep: str, of: Callable[[int, Run], float]
) -> None:
    """Draw the curve of each program: medians, with the range of all runs."""
    axes.set_xscale("log", base=2 if sweep == "length" else 10)
    axes.xaxis.set_major_formatter(FuncFormatter(plain))
    axes.xaxis.set_minor_locator(NullLocator())
    for program, series in result.sweep(sweep).items():
        colour, mark, line = LOOKS[program]
        middles = [middle(of(at, run) for run in runs) for at, runs in series.items()]
        axes.errorbar(
            list(series),
            [each.median for each in middles],
            yerr=[
                [each.median - each.least for each in middles],
                [each.most - each.median for each in middles],
            ],
            label=program,
            color=colour,
            marker=mark,
            linestyle=line,
            markersize=4,
            linewidth=1.5,
            capsize=2,
        )


def plain(value: float, _place: int | None = None) -> str:
    return f"{value:,g}"


def short(value: float, _place: int | None = None) -> str:
    """Return a number of bytes, in KiB where that is shorter."""
    return f"{value / 1024:g} Ki" if value >= 1024 else f"{value:g}"
