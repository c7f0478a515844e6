"""What was measured: the runs of each program in each contest, kept as JSON."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run of one program.

    Attributes:
        count: how much was done: lines, connections or starts.
        seconds: in what time.
        processor: in what processor time, user and system, in seconds.
    """

    count: float
    seconds: float
    processor: float


def rate(run: Run) -> float:
    """Return how much was done in a second."""
    return run.count / run.seconds


def cost(run: Run) -> float:
    """Return the processor time of one line, connection or start, in seconds."""
    return run.processor / run.count


class Key(NamedTuple):
    """Whose runs they are.

    Attributes:
        contest: its name.
        at: the point of a sweep; 0 if the contest is none.
        program: who did it.
    """

    contest: str
    at: int
    program: str


class Middle(NamedTuple):
    """The median of some figures, and the least and the greatest of them."""

    median: float
    least: float
    most: float

    @property
    def spread(self) -> float:
        """Half the distance between the ends, as a share of the median."""
        return (self.most - self.least) / 2 / self.median


def middle(figures: Iterable[float]) -> Middle:
    listed = list(figures)
    return Middle(statistics.median(listed), min(listed), max(listed))


def ratio(mine: list[Run], theirs: list[Run], of: Callable[[Run], float]) -> Middle:
    """Return the ratio of two medians, with the range of the ratios of single turns.

    The two runs of a turn stand side by side in time, so that a machine that drifts
    changes both.
    """
    turns = [of(a) / of(b) for a, b in zip(mine, theirs, strict=True)]
    medians = middle(map(of, mine)).median / middle(map(of, theirs)).median
    return Middle(medians, min(turns), max(turns))


@dataclass
class Result:
    """All that one start of run.py measured.

    Attributes:
        about: the machine and the programs, in words.
        runs: of each program in each contest.
        figures: of each contest that has an upper limit.
        missing: why a program is not there, from which point of a sweep on.
    """

    about: dict[str, str]
    runs: dict[Key, list[Run]] = field(default_factory=lambda: defaultdict(list))
    figures: dict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[Key, str] = field(default_factory=dict)

    def lacks(self, key: Key) -> bool:
        """Return whether a program cannot do this, or less of it."""
        return any(
            (contest, program) == (key.contest, key.program) and at <= key.at
            for contest, at, program in self.missing
        )

    def leave_out(self, key: Key, why: str) -> None:
        """Note that a program cannot do this; drop its runs of this and of more."""
        self.missing[key] = why
        for measured in (self.runs, self.figures):
            for each in filter(self.lacks, list(measured)):
                del measured[each]

    def sweep(self, contest: str) -> dict[str, dict[int, list[Run]]]:
        """Return the runs of a sweep: of each program, at each point."""
        found: dict[str, dict[int, list[Run]]] = defaultdict(dict)
        for key, runs in sorted(self.runs.items(), key=lambda item: item[0].at):
            if key.contest == contest:
                found[key.program][key.at] = runs
        return found

    def save(self, file: Path) -> None:
        """Write it as JSON, one line for each series of runs."""
        rows = [
            {**key._asdict(), "runs": [list(asdict(run).values()) for run in runs]}
            for key, runs in self.runs.items()
        ]
        series = ",\n".join(json.dumps(row) for row in rows)
        rest = {
            "about": self.about,
            "figures": [[*key, each] for key, each in self.figures.items()],
            "missing": [[*key, why] for key, why in self.missing.items()],
        }
        text = json.dumps(rest, indent=1).removesuffix("\n}")
        file.write_text(f'{text},\n "runs": [\n{series}\n]}}\n')


def load(file: Path) -> Result:
    """Read what `Result.save` has written."""
    read = json.loads(file.read_text())
    result = Result(read["about"])
    result.figures.update({Key(*key): each for *key, each in read["figures"]})
    result.missing.update({Key(*key): why for *key, why in read["missing"]})
    for row in read["runs"]:
        key = Key(row["contest"], row["at"], row["program"])
        result.runs[key] = [Run(*run) for run in row["runs"]]
    return result
