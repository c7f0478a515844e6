"""A server in its own process, and its transcript."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING, TypeVar

from twisted.python.usage import UsageError
from typing_extensions import Unpack, override

from echolab.formats.recording import NotAnEventError, events_of
from echolab.server.settings import ServerSettings
from echolab.testing.command_line import (
    environment,
    framing_in,
    program,
    words_and_answers,
)
from echolab.testing.handed_answers import answer_file
from echolab.testing.pipes import all_in, follow
from echolab.testing.place import Place, ServerKeywords
from echolab.testing.shared import SharedTranscript
from echolab.testing.showing import show
from echolab.testing.wording import complaint, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from echolab.testing.questions import Question

__all__ = ["ServerProcess"]

T = TypeVar("T")

START_SECONDS = 30.0
STOP_SECONDS = 10.0

_READY = re.compile(rb"^(?:listening|refusing) on (.*)\n", re.MULTILINE)


class ServerProcess(Place, SharedTranscript):
    """A server in its own process, and its transcript.

    Its events and its stderr come through pipes: whatever it wrote there before an
    answer is known with the answer. A ``with`` starts and stops it, and blocks
    meanwhile.

    In a forked child, questions and waits fail, because the server belongs to the
    parent. Events from before the fork are in ``events`` and ``str``.

    Attributes:
        others: the servers that ``another`` has made.

    Args:
        options: further arguments of ``echolab server``.
        keywords: the options of the server.

    Raises:
        RuntimeError: an option does not accept its value.
        ModuleNotFoundError: TLS needs the extra ``kit``.
    """

    def __init__(self, *options: str, **keywords: Unpack[ServerKeywords]) -> None:
        SharedTranscript.__init__(self)
        self.framing = framing_in(options) or keywords.get("framing")
        Place.__init__(self, keywords)
        self.options = in_words(options, keywords)
        self.others: list[Self] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._ended: IO[bytes] | None = None  # Readable when the process has ended.
        self._said = bytearray()
        self._ready = threading.Event()
        self._half = b""  # of a line of the recording
        self._at_end = False
        self._is_silent = False  # Its stderr is at its end.
        self._threads: list[threading.Thread] = []
        try:
            settings = self._settings(keywords)
            if any(word.partition("=")[0] == "--listen" for word in options):
                nowhere = ServerSettings()
                settings = replace(
                    settings, port=nowhere.port, interface=nowhere.interface
                )
            words, self._answers = words_and_answers(settings)
        except BaseException as why:
            self.leave()
            if isinstance(why, UsageError):
                raise RuntimeError(f"the server did not start: {why}") from None
            raise
        self._words = [*words, *options]

    def _begin(self) -> None:
        """Start the process; it listens later."""
        with ExitStack() as undone, ExitStack() as handing:
            undone.callback(self.leave)
            words = self._words
            handed: list[int] = []
            if self._answers:
                file = handing.enter_context(answer_file(self._answers))
                handed.append(file)
                words = ["--answer", f"@/dev/fd/{file}", *words]
            if self._key:
                handed.append(self._key.fileno())
            # An interrupt here closes the pipes, and so ends the server.
            self._process = subprocess.Popen(
                [*program(self._folder), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is only for the tests.
                pass_fds=handed,
                env=environment(words, self._answers),
            )
            self.forget_key()
            undone.callback(self.terminate)
            self._read_from(self._process)
            undone.pop_all()

    def _read_from(self, process: subprocess.Popen[bytes]) -> None:
        """Start to read its output."""
        assert process.stdout is not None
        assert process.stderr is not None
        with suppress(OSError):  # Before Linux 5.3, the end of the pipes has to do.
            self._ended = os.fdopen(os.pidfd_open(process.pid), "rb", 0)
        self._recording = process.stdout.fileno()
        self._stderr = process.stderr.fileno()
        for pipe, read in (
            (self._recording, self._read_events),
            (self._stderr, self._read_said),
        ):
            os.set_blocking(pipe, False)
            self._threads.append(
                threading.Thread(
                    target=follow, args=[pipe, self._ended, read], daemon=True
                )
            )
        for thread in self._threads:
            thread.start()

    def _start(self) -> None:
        """Start the process; wait until it listens."""
        self._begin()
        try:
            self._ready.wait(START_SECONDS)
            self._listens()
        except BaseException:
            self.terminate()
            raise

    def _listens(self) -> None:
        """Find out where it listens.

        Raises:
            RuntimeError: it does not; the message is what it said.
        """
        if not self._find_out_where():
            self.terminate()
            raise RuntimeError(f"the server did not start: {self.said() or self._over}")
        self.name = self.place
        show(self)

    @property
    def pid(self) -> int:
        """The ID of the process."""
        if self._process is None:
            raise RuntimeError("the server was not started: use with")
        return self._process.pid

    def said(self) -> str:
        """Return what the server has written to its stderr by now."""
        if self.is_ours:
            self._read_said()
        return self._said.decode(errors="backslashreplace")

    def _stop(self) -> None:
        # Each one is stopped, also if another fails. The error that is raised is that
        # of the last to stop, which is the first that was made.
        with ExitStack() as stopping:
            stopping.callback(self._stop_this)
            for other in self.others:
                stopping.callback(other.__exit__, None, None, None)

    def _stop_this(self) -> None:
        if not self._runs():
            return
        status = self.terminate()
        said = self.said()
        late = "it is broken off" in said
        if status not in (0, -signal.SIGTERM) or "Traceback" in said or late:
            raise AssertionError(complaint(status, said))

    def _runs(self) -> bool:
        """Whether there is a process to stop."""
        if self._process is None or not self.is_ours:
            return False
        stdout = self._process.stdout
        return stdout is not None and not stdout.closed

    def __enter__(self) -> Self:
        """Start the server, unless it runs already; wait until it listens."""
        if self._process is None:
            self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server; an error of the test itself takes precedence."""
        with suppress(AssertionError) if error else nullcontext():
            self._stop()

    def terminate(self) -> int:
        """Terminate or kill the process; return its status."""
        process = self._process
        assert process is not None
        process.terminate()
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        for thread in self._threads:
            with suppress(RuntimeError):  # An interrupt came before its start.
                thread.join()
        for file in (process.stdout, process.stderr, self._ended):
            if file is not None:
                file.close()
        self.leave()
        return status

    @override
    def refresh(self) -> None:
        """Read what the server has written by now; in a forked child, read nothing."""
        if self.is_ours:
            self._read_events()

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

    def _read_events(self, *, is_last: bool = False) -> bool:
        """Remember the events that are in the pipe; tell whether more can come."""
        with self._news:
            if self._process is None or self._at_end:
                return False
            data, self._at_end = all_in(self._recording, is_last=is_last)
            *lines, self._half = (self._half + data).split(b"\n")
            try:
                for event in events_of(lines):
                    self(event)
            except NotAnEventError as error:
                self._at_end = True
                line = lines[error.index]
                self.give_up(
                    f"the server printed a line that is not an event: {line!r}"
                )
                return False
            if self._at_end:
                self.give_up("the server has ended")
            return not self._at_end

    def _read_said(self, *, is_last: bool = False) -> bool:
        """Keep what is in the pipe of stderr; tell whether more can come."""
        with self._news:
            if self._process is None or self._is_silent:
                return False
            data, self._is_silent = all_in(self._stderr, is_last=is_last)
            self._said += data
            is_ready = self._is_silent or _READY.search(self._said)
            if is_ready and not self._ready.is_set():
                self._ready.set()
                self._ring()
            return not self._is_silent

    def _find_out_where(self) -> bool:
        found = _READY.search(self._said)
        if found and self.path is None:
            self.port = int(found[1].rpartition(b":")[2])
        return found is not None
