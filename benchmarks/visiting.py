"""Clients that come one after the other, and want to be answered."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

from parts import until

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 20.0
"""How long a client waits for its answer."""


class Visitors:
    """Clients that send a line, wait for the answer, and leave.

    Attributes:
        answered: how many had their answer.
        failed: what happened to each of the others.
        slowest: how long one has waited for its answer at most, in seconds.
    """

    def __init__(self, ports: Sequence[int], count: int = 1) -> None:
        """Let them come to these ports of this machine, so many at a time."""
        self.answered = 0
        self.failed: list[str] = []
        self.slowest = 0.0
        self._ports = ports
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._come) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _come(self) -> None:
        while not self._done.is_set():
            came = self.answered + len(self.failed)
            port = self._ports[came % len(self._ports)]
            began = time.monotonic()
            failure = self._visit(port)
            with self._lock:
                if failure:
                    self.failed.append(failure)
                else:
                    self.answered += 1
                    self.slowest = max(self.slowest, time.monotonic() - began)

    def _visit(self, port: int) -> str:
        """Be one client; return what went wrong."""
        try:
            with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
                client.sendall(b"hello\n")
                answer = client.recv(100)
        except OSError as why:
            return why.strerror or str(why)
        return "" if answer == b"ok\n" else f"ended with {answer!r}"

    def wait_for(self, more: int) -> None:
        """Wait until so many more have been answered, or one has failed."""
        wanted = self.answered + more
        until(lambda: self.answered >= wanted or self.failed, SECONDS, "answers")

    def end(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
