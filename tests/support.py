"""Helpers for several tests: recorded events, fake transports, real processes."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from twisted.internet.interfaces import IHalfCloseableDescriptor
from twisted.internet.testing import MemoryReactorClock, StringTransport
from zope.interface import alsoProvides

from echolab import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType


SECONDS = 60.0
"""How long a test waits for an event: long, because success ends the wait."""

ROOT = Path(__file__).parent.parent
ECHOLAB = (sys.executable, "-m", "echolab")
TWISTD = (
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'twistd'\nfrom twisted.scripts.twistd import run; run()",
)


def write_certificates(folder: Path, **common_names: str) -> None:
    """Write a CA, and a key and a certificate for localhost for each name."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    ca.private_key_pem.write_to_path(str(folder / "ca-key.pem"))
    for name, common_name in common_names.items():
        issued = ca.issue_cert("localhost", common_name=common_name)
        pem = issued.private_key_and_cert_chain_pem
        pem.write_to_path(str(folder / f"{name}.pem"))


class Eager:
    """A framer without generators: one of its methods raises at once."""

    def __init__(self, method: str, why: Exception) -> None:
        self.buffered_bytes = 1
        self._method = method
        self._why = why

    def feed(self, chunk: bytes) -> list[Batch]:
        return self._do("feed", chunk)

    def take(self) -> list[Batch]:
        return self._do("take")

    def end(self) -> list[Batch]:
        return self._do("end")

    def _do(self, method: str, *messages: bytes) -> list[Batch]:
        if method == self._method:
            raise self._why
        return [Batch(messages)] if messages else []


class FakeTransport(StringTransport):
    """A transport that records the calls to it."""

    def __init__(self) -> None:
        super().__init__()
        alsoProvides(self, IHalfCloseableDescriptor)
        self.write_ended = False
        self.aborted = False

    def loseWriteConnection(self) -> None:
        self.write_ended = True

    def startWriting(self) -> None:
        """Ask a pull producer for more, when the test calls this."""

    def abortConnection(self) -> None:
        self.aborted = True


class FakeReactor(MemoryReactorClock):
    """A reactor that a test advances by hand; descriptors are real."""

    def turn(self) -> None:
        """Handle each ready descriptor once."""
        readers = [r for r in self.getReaders() if _ready(r.fileno(), select.POLLIN)]
        writers = [w for w in self.getWriters() if _ready(w.fileno(), select.POLLOUT)]
        for reader in readers:
            reader.doRead()
        for writer in writers:
            writer.doWrite()


def _ready(fd: int, events: int) -> bool:
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(0))


def wait_until(done: Callable[[], object], missing: str) -> None:
    """Wait until something is so that nothing reports; ask again and again."""
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline, missing
        select.select([], [], [], 0.02)


def keep_port(*wanted: int) -> socket.socket:
    """Return a UDP socket whose port, of four digits, is free for a TCP server.

    No other test gets it, and nothing else asks for a port of so few digits by chance:
    so it is also still free when a server that had it has ended.
    """
    for port in (*wanted, *range(2048, 10000)):
        kept = socket.socket(type=socket.SOCK_DGRAM)
        try:
            kept.bind(("127.0.0.1", port))
            with socket.socket() as tried:
                tried.bind(("127.0.0.1", port))
        except OSError:
            kept.close()
            continue
        return kept
    raise OSError("no port of four digits is free")


def heed_signals() -> None:
    """Stop ignoring signals, as shells make background jobs and nohup do."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


SERVER = "server", "--interface", "127.0.0.1", "--port", "0"


def placed(options: Sequence[str]) -> tuple[str, ...]:
    """Return options of a server; without ``--listen``, it listens on loopback."""
    return (*(() if "--listen" in options else SERVER[1:]), *options)


class Program:
    """A real process, its stdout and stderr collected as they come."""

    def __init__(
        self,
        *argv: str,
        stdin: int = subprocess.PIPE,
        stdout: int = subprocess.PIPE,
        cwd: str | None = None,
        program: Sequence[str] = ECHOLAB,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.process = subprocess.Popen(
            [*program, *argv],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=cwd,
            preexec_fn=heed_signals,
            pass_fds=pass_fds,
        )
        self.out = b""
        self.err = b""
        self.left_behind: list[str] = []

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def wait_for(
        self,
        text: bytes,
        *,
        stream: str = "out",
        times: int = 1,
        seconds: float = SECONDS,
    ) -> None:
        """Wait until ``text`` has been printed so many times."""
        self.wait_until(
            lambda: getattr(self, stream).count(text) >= times,
            f"no {text!r} on {stream}",
            seconds,
        )

    def wait_for_match(self, pattern: bytes) -> re.Match[bytes]:
        """Wait for a match in stderr; a line may come in pieces, so match its end."""
        self.wait_until(lambda: re.search(pattern, self.err), f"no {pattern!r} on err")
        found = re.search(pattern, self.err)
        assert found is not None
        return found

    def wait_until(
        self,
        done: Callable[[], object],
        missing: str,
        seconds: float = SECONDS,
        every: float = SECONDS,
    ) -> None:
        """Wait until something is so.

        Args:
            done: whether it is so; asked whenever something is printed.
            missing: what to tell if it never is.
            seconds: how long to wait at most.
            every: ask this often, in seconds, if nothing printed tells it.
        """
        deadline = time.monotonic() + seconds
        while not done():
            left = deadline - time.monotonic()
            if left <= 0 or not self._collect(min(left, every)):
                raise AssertionError(f"{missing}; out {self.out!r}, err {self.err!r}")

    def _collect(self, seconds: float) -> bool:
        """Read the next output; return whether more can come."""
        process = self.process
        streams = [s for s in (process.stdout, process.stderr) if s and not s.closed]
        if not streams:
            return False
        ready, _, _ = select.select(streams, [], [], seconds)
        for stream in ready:
            data = os.read(stream.fileno(), 1 << 20)
            if stream is process.stdout:
                self.out += data
            else:
                self.err += data
            if not data:
                stream.close()
        return True

    def port(self) -> int:
        """Wait until the server listens; return its port."""
        return int(self.wait_for_match(rb"listening on \S+:(\d+)\r?\n")[1])

    def send(self, data: bytes) -> None:
        """Write bytes to its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def fill_stdin(self) -> int:
        """Write to its stdin until it says that the server takes nothing.

        Returns:
            The number of bytes; 50 000 000 or more if it takes them all.
        """
        assert self.process.stdin is not None
        fd = self.process.stdin.fileno()
        os.set_blocking(fd, False)
        total = 0

        def full() -> bool:
            nonlocal total
            with contextlib.suppress(BlockingIOError):
                while total < 50_000_000:
                    total += os.write(fd, b"x" * (1 << 20))
            return b"has taken nothing" in self.err or total >= 50_000_000

        self.wait_until(full, "the server takes all", every=0.02)
        return total

    def end_input(self) -> None:
        """Close its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> int:
        """Wait until it has ended and all its output is collected."""
        deadline = time.monotonic() + SECONDS
        while self._collect(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, (self.out, self.err)
        return self.process.wait(SECONDS)


def read_rest(screen: int, line: int) -> bytes:
    """Return all that is left to read from a terminal whose program has ended.

    Args:
        screen: the descriptor of what the user sees.
        line: the descriptor of what the program had.
    """
    mark, seen = b"\0", b""
    while select.select([screen], [], [], 0)[0]:  # so that there is room for the mark
        seen += os.read(screen, 1 << 16)
    os.write(line, mark)
    while not seen.endswith(mark):
        assert select.select([screen], [], [], SECONDS)[0], seen
        seen += os.read(screen, 1 << 16)
    return seen.removesuffix(mark)


def run(*argv: str, typed: bytes = b"", program: Sequence[str] = ECHOLAB) -> Program:
    """Run a program to its end in its own folder."""
    with tempfile.TemporaryDirectory() as folder:
        ended = Program(*argv, cwd=folder, program=program)
        with ended:
            ended.send(typed)
            ended.end_input()
            ended.end()
            ended.left_behind = sorted(each.name for each in Path(folder).iterdir())
        return ended


PYTEST = "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"
"""The words that run pytest on tests that a test has written.

Hypothesis, which these do not use, would take half of the time.
"""


def run_pytest(text: str, *options: str) -> tuple[int, str]:
    """Run pytest on a file of tests; return its status, and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_it.py").write_text(text)
        ended = subprocess.run(
            [sys.executable, "-m", *PYTEST, *options],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    return ended.returncode, ended.stdout + ended.stderr


class Client(socket.socket):
    """A plain blocking client, like the lecture's."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.settimeout(SECONDS)
        try:
            self.connect(("127.0.0.1", port))
        except OSError:
            self.close()
            raise
        self.port = self.getsockname()[1]
