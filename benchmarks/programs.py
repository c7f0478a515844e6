"""Start programs that are measured; their processor time and memory."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Self

from parts import until

if TYPE_CHECKING:
    from types import TracebackType

PYTHON = shlex.quote(sys.executable)
"""As a word of a shell command."""

LINE = b"x" * 63 + b"\n"
BLOCK = LINE * 16384
SECONDS = 300.0
"""After this time, a program that should have ended is killed."""


MINUTE = struct.pack("@ll", 60, 0)
"""As a `struct timeval`."""


CLOSE_WAIT = "08"


class EndedError(Exception):
    """The program ended too early, or dropped a connection: the last that it said."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def connected(port: int) -> socket.socket:
    """Connect as soon as somebody listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def spent(pid: int) -> float:
    """Return how many seconds of processor time a process has taken.

    The scheduler counts nanoseconds; `stat` counts only hundredths of a second.
    """
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        each = [(task / "schedstat").read_text().split()[0] for task in tasks]
        return sum(map(int, each)) / 1e9
    return 0.0


def resident(pid: int) -> int:
    """Return how much memory a process has, in bytes."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")
    return 0


def open_files(pid: int) -> int:
    """Return how many files a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def group(pid: int) -> list[int]:
    """Return all processes of the process group that one leads."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdecimal():
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == pid:
                    found.append(int(folder.name))
    return found


def installed(command: str) -> bool:
    """Return whether all programs of a pipeline are installed."""
    stages = [stage.removeprefix("exec ") for stage in command.split(" | ")]
    return all(shutil.which(shlex.split(stage)[0]) for stage in stages)


class Program:
    """A shell command in a process group of its own, which ends with the context.

    An OSError in the context leaves it as an EndedError.

    Attributes:
        port: where it listens, or connects to: `PORT` in the command.
        pid: of its first process.
    """

    def __init__(
        self,
        command: str,
        port: int = 0,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
    ) -> None:
        """Start it.

        Args:
            command: for `sh`; `PORT` stands for the port.
            port: where somebody listens already; by default, a free one.
            stdin: as for Popen.
            stdout: as for Popen.
        """
        self.port = port or free_port()
        self.process = subprocess.Popen(
            ["sh", "-c", command.replace("PORT", str(self.port))],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self.process.pid
        self._said = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._processor = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self.wait()
        if isinstance(error, OSError):
            raise EndedError(self.said or str(error)) from error

    def _read(self) -> None:
        """Keep the end of stderr, for the reason of a failure."""
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            while chunk := os.read(stderr.fileno(), 1 << 16):
                self._said = (self._said + chunk)[-2000:]

    @property
    def said(self) -> str:
        """The last line on stderr."""
        return (self._said.decode(errors="replace").strip().splitlines() or [""])[-1]

    def connect(self) -> socket.socket:
        """Connect as soon as it listens.

        Raises:
            ConnectionAbortedError: it ended.
        """
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(ConnectionRefusedError):
                client = socket.create_connection(("127.0.0.1", self.port))
                # With a timeout of Python's, each call would be two system calls.
                for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
                    client.setsockopt(socket.SOL_SOCKET, option, MINUTE)
                return client
            if self.ended():
                break
            time.sleep(0.005)
        raise ConnectionAbortedError("it does not listen")

    def accept(self, listener: socket.socket) -> socket.socket:
        """Accept its connection as soon as it connects.

        Raises:
            ConnectionAbortedError: it ended.
        """
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not self.ended():
            if select.select([listener], [], [], 0.05)[0]:
                return listener.accept()[0]
        raise ConnectionAbortedError("it does not connect")

    def ended(self) -> bool:
        """Return whether its first process has ended, and leave it to `wait`."""
        if self.process.returncode is not None:
            return True
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, flags) is not None

    def spent(self) -> float:
        """Return the processor time of all its processes that run, in seconds."""
        return sum(map(spent, group(self.pid)))

    def resident(self) -> int:
        """Return how much memory all its processes have, in bytes."""
        return sum(map(resident, group(self.pid)))

    def wait(self) -> float:
        """Wait until it ends; return the processor time of all it has started.

        This includes the processes for which it has waited itself: those of a
        pipeline, and the children of `socat fork`.
        """
        if self.process.returncode is None:
            timer = threading.Timer(SECONDS, self.kill)
            timer.start()
            _, status, usage = os.wait4(self.pid, 0)
            timer.cancel()
            self.process.returncode = os.waitstatus_to_exitcode(status)
            self._processor = usage.ru_utime + usage.ru_stime
        self.kill()  # What it has left behind would keep stderr open.
        self._reader.join()
        return self._processor

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def settle(self) -> None:
        """Wait until it has accepted and read everything, and rests.

        Raises:
            ConnectionAbortedError: it ended.
        """
        until(lambda: self.ended() or all_read(self.port), SECONDS, "all is read")
        before = -1.0
        while before != (before := self.spent()):
            time.sleep(0.02)
        if self.ended():
            raise ConnectionAbortedError("it ended")


def all_read(port: int) -> bool:
    """Return whether nothing waits in the connections of a port, or for it."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return not any(map(waits, rows, repeat(f":{port:04X}")))


def waits(row: str, port: str) -> bool:
    """Return whether bytes, or connections, wait according to a row of /proc/net/tcp.

    Args:
        row: of one socket.
        port: as the row shows it.
    """
    _, here, there, state, queues, _ = row.split(None, 5)
    unsent, unread = queues.split(":")
    if there.endswith(port):
        return int(unsent, 16) > 0
    # The end of a connection counts as a byte, also when it has been read.
    return here.endswith(port) and int(unread, 16) > (state == CLOSE_WAIT)
