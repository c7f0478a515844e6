"""Does recipes in real terminals, and compares what these show with the page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.consoles import Console, look
from tests.loopback import ALL, LOOPBACK, make_programs
from tests.recipes import MADE, PORTS, PROMPT, Recipe, Step, pattern_of
from tests.support import SECONDS, keep_port

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import Self

__all__ = ["Bench", "proved"]

_Case = TypeVar("_Case", bound=SynchronousTestCase)

_LISTENERS = {
    *("./server", "haproxy", "nc", "ncat"),
    *("openssl", "rsyslogd", "socat", "stunnel"),
}

_UNSEEN = re.compile(
    r"\x1b\[[\d;]*m|[ \r]+(?=\n)|^connections at a time: at most \d+\r?\n"
    rf"|^{re.escape(PROMPT)}\r?\n",
    re.MULTILINE,
)
"""What does not count: colours, spaces at the end of a line, what the limit of open
files allows, and a prompt before a reply (with editing, it moves below the reply)."""


def proved(recipes: Sequence[Recipe]) -> Callable[[type[_Case]], type[_Case]]:
    """Return a decorator that gives a test case a test for each recipe."""

    def decorated(case: type[_Case]) -> type[_Case]:
        for recipe in recipes:
            name = re.sub(r"\W+", "_", recipe.title.lower()).strip("_")
            setattr(case, f"test_{name}", _test(recipe))
        return case

    return decorated


def _test(recipe: Recipe) -> Callable[[object], None]:
    def test(_: object) -> None:
        with Bench() as bench:
            bench.do(recipe)

    return test


@dataclass
class _Running:
    """A command in a terminal."""

    step: Step
    console: Console
    expected: list[str]

    @property
    def text(self) -> str:
        """What the terminal shows of it, so far."""
        return _UNSEEN.sub("", self.console.text)


class Bench:
    """Terminals in one temporary folder, in which a recipe is done.

    Args:
        literally: whether servers listen where the page says: on all addresses, and at
            its ports if they are free. If not, at any free ports of loopback.
    """

    def __init__(self, *, literally: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._programs = tempfile.TemporaryDirectory()
        ours = [] if literally else [make_programs(Path(self._programs.name))]
        self._path = os.pathsep.join(
            (*ours, str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin")
        )
        self._literally = literally
        self._ports: dict[str, socket.socket] = {}
        self._running: dict[str, _Running] = {}
        self._status = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as closing:
            closing.callback(self._programs.cleanup)
            closing.callback(self._folder.cleanup)
            for kept in self._ports.values():
                closing.enter_context(kept)
            for each in self._running.values():
                closing.callback(each.console.kill)

    def do(self, recipe: Recipe) -> None:
        """Do a recipe; what its terminals show must be what is printed.

        Raises:
            AssertionError: it is not.
            SkipTest: a program is not installed.
        """
        for program in sorted(set[str]().union(*(s.programs for s in recipe.steps))):
            if "/" not in program and subprocess.call(
                ("bash", "-c", f"command -v {program}"),
                stdout=subprocess.DEVNULL,
                env={"PATH": self._path},
            ):
                raise SkipTest(f"{program} is not installed")
        written: dict[str, str] = {}
        for step in recipe.steps:
            for name, text in recipe.files.items():
                here = self._here(text)  # It may name what the last step has shown.
                if written.get(name) != here:
                    Path(self._folder.name, name).write_text(here)
                    written[name] = here
            self._do(step)
        for each in [*self._running.values()]:
            self._wait(each, partial(self._as_printed, each))
            self._end(each, signal.SIGTERM)

    def _do(self, step: Step) -> None:
        here = self._running.get(step.terminal)
        if step.command in ("", "^C"):
            assert here is not None, f"{step.terminal}: nothing runs"
            if not step.command:
                here.expected += step.shown
            self._wait(here, partial(self._as_printed, here))
            if step.command:
                here.expected += step.shown
                self._end(here, signal.SIGINT)
            return
        if here is not None:
            self._end(here)
        listening = _listening()
        here = self._running[step.terminal] = self._start(step)
        self._type(here)
        if not step.stays:
            self._end(here)
            for each in [*self._running.values()]:
                if each.step.serves_one:
                    self._end(each)
        elif re.search(r"\b(?:echolab server|twistd)\b", step.command):
            self._wait(here, lambda: re.search("(refus|isten)ing on ", here.text))
        elif step.programs & _LISTENERS:
            ports = {each.getsockname()[1] for each in self._ports.values()}
            self._wait(here, lambda: bool((_listening() - listening) & ports))

    def _start(self, step: Step) -> _Running:
        # The shell is a new one each time: it gets the status of the last command.
        console = Console(
            f"(exit {self._status})\n{self._here(step.command)}",
            Path(self._folder.name),
            {
                "HOME": self._folder.name,
                "PATH": self._path,
                # It takes a second to import, and readers need not have it.
                "PYTEST_ADDOPTS": "-p no:hypothesispytest",
                "PYTHONWARNINGS": "ignore",
                "TZ": "UTC",
            },
        )
        return _Running(step, console, [*step.shown])

    def _type(self, here: _Running) -> None:
        """Type the lines that are typed, each where the page has it.

        Each arrives by itself: whoever prints it on the page has printed it.
        """
        typed = [*here.step.typed]
        for i, line in enumerate(here.step.shown):
            text = line.removeprefix(PROMPT)
            if line in typed[:1]:
                typed.pop(0)
            elif text == line:
                continue
            before = self._pattern(here.step.shown[:i])
            before += re.escape(line.removesuffix(text))
            self._wait(here, partial(self._shows, here, before))
            here.console.type(text)
            for each in [*self._running.values()]:
                if any(line.endswith(f": {text}") for line in each.expected):
                    there = re.escape(f": {text}\n")
                    self._wait(each, partial(self._shows, each, f"(?s:.*){there}"))

    def _shows(self, here: _Running, pattern: str) -> bool:
        return re.match(pattern, here.text) is not None

    def _end(self, here: _Running, signalled: signal.Signals | None = None) -> None:
        """Wait for the end of a command; check what it has shown."""
        if signalled is not None and not here.console.ended:
            here.console.send(signalled)
        self._wait(here, lambda: False)
        del self._running[here.step.terminal]
        self._status = here.console.close()
        assert self._as_printed(here), self._said(here)

    def _said(self, here: _Running) -> str:
        """Return what to tell if the page says something else, of all terminals."""
        others = [each for each in self._running.values() if each is not here]
        shown = [f"{x.step.command}\nshows:\n{x.text}" for x in (here, *others)]
        shown.insert(1, "\n".join(("The page has:", *here.expected)))
        return "\n\n".join(shown)

    def _as_printed(self, here: _Running) -> bool:
        return self._shows(here, self._pattern(here.expected) + r"\Z")

    def _pattern(self, lines: Sequence[str]) -> str:
        """Return what matches the lines that a command is expected to show."""
        listens = ALL if self._literally else LOOPBACK
        return pattern_of(self._here(each.replace(ALL, listens)) for each in lines)

    def _wait(self, here: _Running, done: Callable[[], object]) -> None:
        """Wait until something is so, or a command has ended."""
        deadline = time.monotonic() + SECONDS
        while not here.console.ended and not done():
            assert time.monotonic() < deadline, self._said(here)
            look([each.console for each in self._running.values()], 0.02)

    def _here(self, text: str) -> str:
        """Return a text of the page with what has its place on this bench."""
        for each in self._running.values():
            if (made := MADE.search(each.text)) is not None:
                text = MADE.sub(made[0], text)
        return PORTS.sub(self._port, text)

    def _port(self, named: re.Match[str]) -> str:
        if named[0] not in self._ports:
            wanted = [int(named[0])] if self._literally else []
            self._ports[named[0]] = keep_port(*wanted)
        return str(self._ports[named[0]].getsockname()[1])


def _listening() -> set[int]:
    """Return the TCP ports at which some program listens."""
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path("/proc/net", name).read_text().splitlines()[1:]
    ]
    return {int(x[1].rpartition(":")[2], 16) for x in lines if x[3] == "0A"}
