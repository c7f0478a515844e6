"""The settings of a figure: one field for each option, each with a default."""

from __future__ import annotations

from dataclasses import dataclass

from echolab.option import Group, flag, option
from echolab.option_values import from_zero, one_of, over_zero, path_value
from echolab.quantities import plain, seconds, whole_number

__all__ = ["DrawSettings"]

WHAT = Group(
    "What is drawn",
    (
        "echolab draw --figure packets --peer 2 server.jsonl",
        "echolab draw --between 0.5 2 server.jsonl client.jsonl",
    ),
)
HOW = Group(
    "How it is drawn",
    (
        "echolab draw --as svg --output figure.svg server.jsonl",
        "echolab draw --as mermaid server.jsonl client.jsonl",
    ),
)

PAIR = ".."

FIGURES = ("calls", "packets", "both", "writes")
FORMS = ("text", "svg", "html", "mermaid")


def _span(text: str) -> tuple[float, float]:
    """Read two times, as ``echolab draw`` joins them: ``1.5..3``."""
    first, _, last = text.partition(PAIR)
    read = from_zero(seconds)
    span = read(first), read(last)
    if span[0] >= span[1]:
        raise ValueError("the first time must be before the second")
    return span


def _span_as_written(span: tuple[float, float]) -> str:
    return PAIR.join(map(plain, span))


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawSettings:
    """The settings of a figure; each option's help describes its field."""

    recordings: tuple[str, ...] = ()
    figure: str = option(
        "both",
        "-f, --figure NAME",
        "calls: what each program calls; packets: what travels; both; writes: how "
        "sends became recvs, from two recordings.",
        group=WHAT,
        read=one_of(*FIGURES),
        offers=FIGURES,
    )
    peer: int | None = option(
        None,
        "--peer N",
        "Draw only connection N; otherwise, up to five are drawn, and more are listed.",
        group=WHAT,
        read=over_zero(whole_number),
    )
    between: tuple[float, float] | None = option(
        None,
        "--between SECONDS SECONDS",
        "Draw only what happened between these times of the figure.",
        group=WHAT,
        read=_span,
        write=_span_as_written,
    )
    unfolded: bool = flag(
        False,
        "--all",
        "Show each event, even if thousands repeat; otherwise, they are one row.",
        group=WHAT,
    )
    form: str = option(
        "text",
        "--as FORM",
        "text, as wide as the terminal; svg; html, one file that loads nothing; "
        "mermaid, a diagram as text. The name of --output says it too: lab.svg.",
        group=HOW,
        read=one_of(*FORMS),
        offers=FORMS,
    )
    output: str = option(
        "-",
        "-o, --output FILE",
        "Write the figure to this file; - for stdout.",
        group=HOW,
        read=path_value,
    )
