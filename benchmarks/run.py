#!/usr/bin/env python3
"""Time echolab beside its peers on the same work; see README.md here.

Usage: python benchmarks/run.py [--runs N] [--quick] [--save FILE] [NAME ...]
       python benchmarks/run.py --compare REV [--runs N] [--quick] [NAME ...]
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from contests import Contest, Limit, contests, sweeps
from programs import EndedError, installed, spent
from report import compared, table
from results import Key, Result
from versions import TREE, about, prepare, unpacked, using

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
QUICK = 1 / 128
"""How much of its work a contest does with `--quick`."""


def compile_lecture(folder: str) -> None:
    """Compile the lecture's server, if there is a compiler."""
    if compiler := shutil.which("cc"):
        command = [compiler, "-O2", "-o", f"{folder}/server", str(HERE / "server.c")]
        subprocess.run(command, check=True)


def present(contest: Contest | Limit, result: Result) -> Contest | Limit:
    """Return a contest without the peers that are not installed, and note these."""
    programs = dict(contest.programs)
    for name, command in contest.programs.items():
        if name != "echolab" and not installed(command):
            del programs[name]
            result.missing[Key(contest.name, contest.at, name)] = "not installed"
    return dataclasses.replace(contest, programs=programs)


def versions(contest: Contest | Limit, trees: dict[str, Path]) -> Contest | Limit:
    """Return a contest of several versions of echolab, without its peers."""
    command = contest.programs["echolab"]
    programs = {name: using(tree, command) for name, tree in trees.items()}
    return dataclasses.replace(contest, programs=programs)


def turn(contest: Contest | Limit, result: Result, number: int, scale: float) -> None:
    """Run each program of a contest once; reverse the order every turn."""
    for program, command in list(contest.programs.items())[:: (-1) ** number]:
        key = Key(contest.name, contest.at, program)
        if result.lacks(key):
            continue
        try:
            if isinstance(contest, Limit):
                result.figures[key].append(contest.work(command, scale))
            else:
                result.runs[key].append(contest.work(command, scale))
        except EndedError as why:
            result.leave_out(key, str(why))


def run(
    chosen: Sequence[Contest | Limit], result: Result, runs: int, scale: float
) -> None:
    """Do all contests in turns; say how long it will take."""
    began = time.monotonic()
    for number in range(runs):
        for contest in chosen:
            if sys.stderr.isatty():
                at = f" {contest.at:,}" if contest.at else ""
                told = f"turn {number + 1} of {runs}: {contest.name}{at} "
                print(f"\r\033[K{told}", end="", file=sys.stderr, flush=True)
            turn(contest, result, number, scale)
        minutes = (time.monotonic() - began) / 60
        left = minutes / (number + 1) * (runs - number - 1)
        print(
            f"\n{number + 1} of {runs} turns took {minutes:.1f} minutes; "
            f"the rest will take about {left:.0f}",
            file=sys.stderr,
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="turns; 5 by default")
    parser.add_argument(
        "--quick", action="store_true", help="one short turn: only to see it work"
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--save", type=Path, metavar="FILE", help="for report.py")
    kinds.add_argument(
        "--compare", metavar="REV", help="the working tree with a revision of git"
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="contests; all if none"
    )
    options = parser.parse_args()
    if not spent(os.getpid()):
        sys.exit("/proc/self/schedstat: this kernel does not count processor time")
    # What was started ends with this program, also by SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        compile_lecture(folder)
        every = [*contests(folder), *sweeps(most, quick=options.quick)]
        unknown = set(options.names) - {each.name for each in every}
        if unknown:
            parser.error(f"no such contest: {', '.join(sorted(unknown))}")
        chosen = [
            each for each in every if not options.names or each.name in options.names
        ]
        result = Result(about())
        if options.compare:
            other = unpacked(options.compare, Path(folder, "revision"))
            trees = {"echolab": TREE, options.compare: other}
            for tree in trees.values():
                prepare(tree)
            chosen = [versions(each, trees) for each in chosen]
        else:
            chosen = [present(each, result) for each in chosen]
        scale = QUICK if options.quick else 1.0
        run(chosen, result, 1 if options.quick else options.runs, scale)
    if options.save:
        result.save(options.save)
    report = compared(result) if options.compare else table(result)
    print("\n".join(report))
    if any(key.program == "echolab" for key in result.missing):
        sys.exit(1)


if __name__ == "__main__":
    main()
