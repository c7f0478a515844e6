"""Programs that are started, stalled and ended at will, and what they say."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def find(program: str) -> str | None:
    """Return the path of a program, also of one beside this Python."""
    places = [os.environ["PATH"], str(Path(sys.executable).parent), "/usr/sbin"]
    return shutil.which(program, path=os.pathsep.join(places))


def until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds} s still not: {what}")
        time.sleep(0.05)


def asked(port: int, path: str) -> bytes | None:
    """Return what a server of this machine answers over HTTP, if it answers 200."""
    address = f"http://127.0.0.1:{port}{path}"
    with contextlib.suppress(OSError), urllib.request.urlopen(address, None, 2) as page:
        data: bytes = page.read()
        return data
    return None


def connects(port: int) -> bool:
    """Return whether somebody listens on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2):
        return True
    return False


class Part:
    """A program of the cluster.

    Attributes:
        name: who it is, in messages.
        log: the file to which it prints.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        ready: Callable[[], object],
        environment: Mapping[str, str] | None = None,
        *,
        inherit: bool = False,
    ) -> None:
        """Start nothing yet.

        Args:
            name: who it is, in messages.
            command: what is started.
            log: the file to which it prints.
            ready: whether it does its work.
            environment: more variables.
            inherit: whether it gets the inheritable descriptors of this program.
        """
        self.name = name
        self.log = log
        self._command = command
        self._ready = ready
        self._environment = {**os.environ, **(environment or {})}
        self._inherit = inherit
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=self._environment,
                close_fds=not self._inherit,
            )

    def wait_until_ready(self) -> None:
        until(lambda: self._ready() or not self.runs(), 60, f"{self.name} is ready")
        if not self.runs():
            raise ChildProcessError(
                f"{self.name} ended: {self.log.read_text()[-2000:]}"
            )

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send_signal(self, number: int) -> None:
        """Signal it, and all processes that it has started."""
        if self.runs():
            os.killpg(self.pid, number)

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it by a signal, and wait until it is gone."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


class Reader:
    """A program that writes events to a file; it is noted when it has written nothing.

    Attributes:
        silence: the longest time between two looks that found more, in seconds.
    """

    def __init__(self, command: Sequence[str], file: Path, log: Path) -> None:
        self.silence = 0.0
        self._file = file
        file.touch()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    @property
    def lines(self) -> list[bytes]:
        """The messages that it has written so far, as JSON.

        In raw, the torn end of one connection would have a line of another behind it.
        """
        return re.findall(rb'"message":"([^"]*)"', self._file.read_bytes())

    def _look(self) -> None:
        size, last = 0, 0.0
        while not self._ended.wait(0.05):
            if (now := self._file.stat().st_size) != size:
                at, size = time.monotonic(), now
                self.silence = max(self.silence, at - (last or at))
                last = at

    def wait(self, seconds: float) -> bool:
        """Wait until it ends; return whether it did, and in order."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds) == 0
        return False

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._ended.set()
        self._thread.join()
