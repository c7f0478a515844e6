"""A server in its own process, for tests of any code in any framework."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from twisted.python.usage import UsageError
from typing_extensions import Unpack, override

from echolab.formats.recording import NotAnEventError, events_of
from echolab.option import words_of
from echolab.server.checking import greeting_of
from echolab.server.script import Script
from echolab.testing.blocking import BlockingTranscript
from echolab.testing.handed_answers import answer_file
from echolab.testing.place import Place, ServerKeywords
from echolab.testing.showing import show
from echolab.testing.wording import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from echolab.testing.questions import Question

__all__ = ["LabProcess"]

T = TypeVar("T")

START_SECONDS = 30.0
STOP_SECONDS = 10.0
DRAIN_SECONDS = 1.0

_CLEANING = """\
import runpy, sys
folder = sys.argv.pop(1)
try:
    runpy.run_module("echolab", run_name="__main__", alter_sys=True)
finally:
    import shutil
    shutil.rmtree(folder, ignore_errors=True)
"""
"""Run echolab, then remove a folder: if the tests are killed, they do not."""

_READY = re.compile(rb"(listening|refusing) on (.*)\n")


class LabProcess(Place, BlockingTranscript):
    """A server in its own process, and its transcript.

    It listens as soon as it is made. `stop`, or the end of a ``with``, stops it. Its
    events come through a pipe: whatever the server has answered is remembered before.

    In a forked child, questions and waits fail, because the server belongs to the
    parent. Events from before the fork are in ``events`` and ``str``.

    Attributes:
        others: the servers that `another` has made.

    Args:
        options: further arguments of ``echolab server``.
        keywords: the options of the server.

    Raises:
        RuntimeError: it did not start; the message is what it said.
        ModuleNotFoundError: TLS needs the extra ``kit``.
    """

    def __init__(self, *options: str, **keywords: Unpack[ServerKeywords]) -> None:
        BlockingTranscript.__init__(self)
        self.framing = _framing_in(options) or keywords.get("framing")
        Place.__init__(self, keywords)
        self.options = in_words(options, keywords)
        self.others: list[LabProcess] = []
        self._said: list[bytes] = []
        self._ready = threading.Event()
        self._half = b""  # of a line of the recording
        self._at_end = False
        self._threads: list[threading.Thread] = []
        with ExitStack() as undone, ExitStack() as handing:
            undone.callback(self.leave)
            words, answers = self._words(keywords)
            handed: list[int] = []
            if answers:
                file = handing.enter_context(answer_file(answers))
                handed.append(file.fileno())
                words += ["--answer", f"@/dev/fd/{file.fileno()}"]
            if self._key:
                handed.append(self._key.fileno())
            program = ["-m", "echolab"]
            if self._folder:
                program = ["-c", _CLEANING, str(self._folder)]
            # An interrupt here closes the pipes, and so ends the server.
            self._process = subprocess.Popen(
                [sys.executable, *program, "server", *words, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is only for the tests.
                pass_fds=handed,
            )
            self.forget_key()
            undone.callback(self.terminate)
            self._start()
            undone.pop_all()
        self.name = self.place
        show(self)

    def _words(self, keywords: ServerKeywords) -> tuple[list[str], Script]:
        """The words of the command line that make such a server, and record it.

        Returns:
            The words, and the answers, which only a file can say.
        """
        try:
            settings = self._settings(keywords)
        except UsageError as why:
            raise RuntimeError(f"the server did not start: {why}") from None
        answers = settings.answers + greeting_of(settings)
        if isinstance(settings.reply, bytes):
            answers += Script.of([(b"", settings.reply)])
            settings = replace(settings, reply="none")
        settings = replace(
            settings,
            greet=None,
            answers=Script(),
            record="-",
            kernel="never",
            drain_seconds=DRAIN_SECONDS,
        )
        return words_of(settings), answers

    def _start(self) -> None:
        """Start to read its output; wait until it says where it listens."""
        assert self._process.stdout is not None
        self._recording = self._process.stdout.fileno()
        os.set_blocking(self._recording, False)
        self._threads += [
            threading.Thread(target=self._remember, daemon=True),
            threading.Thread(target=self._listen_to_stderr, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        if not self._ready.wait(START_SECONDS) or not self._find_out_where():
            self.terminate()
            raise RuntimeError(f"the server did not start: {self.said() or self._over}")

    def another(self, *options: str, **keywords: Unpack[ServerKeywords]) -> LabProcess:
        """Start another server; it is stopped together with this one."""
        self.others.append(LabProcess(*options, **keywords))
        return self.others[-1]

    @property
    def pid(self) -> int:
        """The ID of the process."""
        return self._process.pid

    def said(self) -> str:
        """Return what the server has written to its stderr."""
        return b"".join(self._said).decode(errors="backslashreplace")

    def stop(self) -> None:
        """Stop the server, and check that it ended without an error.

        In a forked child, stop only its own servers; those of the parent keep running.

        Raises:
            AssertionError: it had ended before, or ended with an error.
        """
        try:
            for other in self.others:
                other.stop()
        finally:
            self._stop()

    def _stop(self) -> None:
        if self._process.returncode is not None or not self.is_ours:
            return
        status = self.terminate()
        said = self.said()
        if status not in (0, -signal.SIGTERM) or "Traceback" in said:
            raise AssertionError(f"the server ended with status {status}:\n{said}")

    def __enter__(self) -> Self:
        """Return the server, which listens already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server; an error of the test itself takes precedence."""
        with suppress(AssertionError) if error else nullcontext():
            self.stop()

    def terminate(self) -> int:
        """Terminate or kill the process; return its status."""
        process = self._process
        process.terminate()
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        for thread in self._threads:
            with suppress(RuntimeError):  # An interrupt came before its start.
                thread.join()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        self.leave()
        return status

    @override
    def refresh(self) -> None:
        """Read what the server has written by now; in a forked child, read nothing."""
        if self.is_ours:
            self._read()

    @override
    def _caveat(self) -> Iterator[str]:
        yield from super()._caveat()
        if not self.is_ours:
            yield "(this is a forked child: only its parent receives the events)"

    @override
    def _ask(
        self, question: Question[T], tell: Callable[[T], object]
    ) -> Callable[[], None]:
        if not self.is_ours:
            raise self._cannot_tell()
        return super()._ask(question, tell)

    def _read(self) -> None:
        with self._news:
            while not self._at_end:
                try:
                    data = os.read(self._recording, 1 << 16)
                except BlockingIOError:
                    return
                *lines, self._half = (self._half + data).split(b"\n")
                self._at_end = not data
                try:
                    for event in events_of(lines):
                        self(event)
                except NotAnEventError as error:
                    self._at_end = True
                    line = lines[error.index]
                    self.give_up(
                        f"the server printed a line that is not an event: {line!r}"
                    )
                    return
            self.give_up("the server has ended")

    def _remember(self) -> None:
        poll = select.poll()
        poll.register(self._recording, select.POLLIN)
        while not self._at_end:
            poll.poll()
            self._read()

    def _listen_to_stderr(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line)
            if _READY.fullmatch(line):
                self._ready.set()
        self._ready.set()

    def _find_out_where(self) -> bool:
        for line in self._said:
            if found := _READY.fullmatch(line):
                if self.path is None:
                    self.port = int(found[2].rpartition(b":")[2])
                return True
        return False


def _framing_in(options: tuple[str, ...]) -> str | None:
    """Return the framing that options of the command line name last, if any."""
    named = re.findall(
        r"(?:^|\0)(?:--framing=|--framing\0|-f\0?)([^\0]*)", "\0".join(options)
    )
    return named[-1] if named else None
