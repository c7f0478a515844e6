"""Reads the lessons of docs/lessons, and runs their commands in real terminals.

A block ``console NAME`` is what the terminal NAME shows. ``$`` begins a command, and
``^C`` interrupts one; all else is what the last command shows, with ``…`` for what is
different each time, and on a line of its own for lines that are left out. What follows
the lecture's prompt is typed. ``echolab draw`` draws one figure, which is left out.

The terminal ``server`` runs a command beside the others; every other terminal runs one
to its end. A comment ``figure: NAME`` stands behind the command that draws the figure.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.consoles import Console, look
from tests.loopback import ALL, LOOPBACK, make_programs
from tests.support import ROOT, SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = [
    "FIGURE",
    "LANGUAGES",
    "LESSONS",
    "PORT",
    "Classroom",
    "Step",
    "blocks_of",
    "figures_of",
    "steps_of",
]

LESSONS = ROOT / "docs" / "lessons"
LANGUAGES = "en", "ko"
PROMPT = "Input message(.:quit): "
PORT = "8888"
CHANGING = "60612"
"""The client's port in the lessons: another each time."""

FIGURE = re.compile(r"<!-- figure: ([\w-]+) -->")

_BLOCK = re.compile(r"^```console (\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_DRAWN = re.compile(
    r"^\$ (echolab draw .*)\n```\n\n<!-- figure: ([\w-]+) -->$", re.MULTILINE
)
_TITLE = re.compile(r"^connection \d+: |^no connection$", re.MULTILINE)
_ANY = re.compile(r"^```.*?^```$|^<!-- .*? -->$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One command, and what its terminal shows of it.

    Attributes:
        terminal: where it runs.
        command: what the shell gets; ``^C`` to interrupt the last one.
        shown: lines that it prints, in order.
    """

    terminal: str
    command: str
    shown: tuple[str, ...]

    @property
    def serves_one(self) -> bool:
        """Whether it is a server that ends with its client."""
        return self.command.startswith("./server") or "--once" in self.command

    @property
    def draws(self) -> bool:
        """Whether it shows a figure, which the lessons leave out."""
        drawn = self.command.startswith("echolab draw")
        return drawn and "--output" not in self.command

    @property
    def typed(self) -> list[str]:
        """The lines that are typed while it runs."""
        return [
            line.removeprefix(PROMPT) for line in self.shown if line.startswith(PROMPT)
        ]


def steps_of(lesson: Path) -> list[Step]:
    """Return the steps of a lesson, in order."""
    steps: list[Step] = []
    for terminal, block in _BLOCK.findall(lesson.read_text()):
        for line in block.splitlines():
            if line == "^C" or line.startswith("$ "):
                steps.append(Step(terminal, line.removeprefix("$ "), ()))
            else:
                last = steps.pop()
                assert last.terminal == terminal, (
                    f"{lesson.name}: {line} has no command"
                )
                steps.append(Step(terminal, last.command, (*last.shown, line)))
    return steps


def figures_of(lesson: Path) -> dict[str, str]:
    """Return the figures of a lesson: by its name, the command that draws each."""
    return {name: command for command, name in _DRAWN.findall(lesson.read_text())}


def blocks_of(lesson: Path) -> list[str]:
    """Return what is the same in all languages: terminals, programs, figures."""
    return _ANY.findall(lesson.read_text())


@dataclass
class _Running:
    """A command in a terminal."""

    step: Step
    console: Console
    expected: list[str]

    @property
    def text(self) -> str:
        """What the terminal shows of it, so far."""
        return self.console.text


class Classroom:
    """Terminals in one folder, in which a lesson is given.

    Args:
        folder: where the commands run; it gets a copy of the lessons' programs.
        missing: makes the exception for a program that is not installed, by its name.
        port: where the servers listen, on all addresses, if it is free; 0 for any free
            port of loopback.
    """

    def __init__(
        self, folder: Path, missing: Callable[[str], Exception], port: int = 0
    ) -> None:
        self._folder = folder
        self._missing = missing
        self._port = str(_free_port(port))
        self._listens = ALL if port else LOOPBACK
        ours = [] if port else [make_programs(folder)]
        self._path = os.pathsep.join(
            (*ours, str(Path(sys.executable).parent), os.environ["PATH"])
        )
        self._running: dict[str, _Running] = {}
        for program in (*LESSONS.glob("*.py"), *LESSONS.glob("*.c")):
            shutil.copy(program, folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._running.values():
            each.console.kill()

    def give(self, lesson: Path) -> None:
        """Run a lesson; what it shows must be what is printed.

        Raises:
            AssertionError: it is not.
        """
        for step in steps_of(lesson):
            self._do(step)
        for each in list(self._running.values()):
            self._end(each)

    def run(self, command: str) -> None:
        """Run a command to its end."""
        self._do(Step("client", command, ()))

    def _do(self, step: Step) -> None:
        here = self._running.get(step.terminal)
        if step.command == "^C":
            assert here is not None, f"{step.terminal}: nothing runs"
            here.console.send(signal.SIGINT)
            here.expected += step.shown
            self._end(here)
            return
        if here is not None:
            self._end(here)
        program = step.command.split()[0]
        if (
            not program.startswith("./")
            and shutil.which(program, path=self._path) is None
        ):
            raise self._missing(program)
        here = self._running[step.terminal] = self._start(step)
        for prompts, line in enumerate(step.typed, 1):
            self._type(here, line, prompts)
        if step.terminal != "server":
            self._end(here)
            server = self._running.get("server")
            if server is not None and server.step.serves_one:
                self._end(server)
        elif step.command.startswith("echolab"):
            self._wait(here, lambda: "listening on " in here.text)
        else:
            self._wait(here, lambda: _listens(int(self._port)))

    def _type(self, here: _Running, line: str, prompts: int) -> None:
        """Type a line at a prompt; wait until the server has printed it."""
        self._wait(here, lambda: here.text.count(PROMPT) >= prompts)
        here.console.type(line)
        if not line.startswith("."):
            server = self._running["server"]
            self._wait(server, lambda: f": {line}\n" in server.text)

    def _start(self, step: Step) -> _Running:
        console = Console(
            step.command.replace(PORT, self._port),
            self._folder,
            {"PATH": self._path, "XDG_STATE_HOME": str(self._folder)},
        )
        return _Running(step, console, [*step.shown])

    def _end(self, running: _Running) -> None:
        """Wait for the end of a command; check what it has printed."""
        self._wait(running, lambda: False)
        del self._running[running.step.terminal]
        running.console.close()
        if running.step.draws:
            figures = _TITLE.findall(running.text)
            assert len(figures) == 1, (running.step.command, running.text)
            return
        pattern = "".join(map(self._pattern_of, running.expected))
        assert re.fullmatch(pattern, running.text), (
            f"{running.step.command} shows:\n{running.text}"
        )

    def _pattern_of(self, line: str) -> str:
        """Return what matches a line that is expected; ``…`` alone is any lines."""
        if line == "…":
            return r"(?:.*\n)*"
        pattern = re.escape(line.replace(ALL, self._listens).replace(PORT, self._port))
        return pattern.replace("…", ".*").replace(CHANGING, r"\d+") + r"\n"

    def _wait(self, running: _Running, done: Callable[[], bool]) -> None:
        """Wait until something is so, or a command has ended."""
        deadline = time.monotonic() + SECONDS
        while not running.console.ended and not done():
            assert time.monotonic() < deadline, (running.step, running.text)
            look([each.console for each in self._running.values()], 0.02)


def _free_port(wanted: int) -> int:
    with socket.socket() as free:
        try:
            free.bind(("127.0.0.1", wanted))
        except OSError:
            free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        if state == "0A" and int(local.rpartition(":")[2], 16) == port:
            return True
    return False
