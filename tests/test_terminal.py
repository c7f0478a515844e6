"""The lecture's session on a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import termios
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ECHOLAB, SECONDS, heed_signals

PROMPT = "Input message(.:quit): "


class TerminalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(SECONDS)
        self.addCleanup(self.listener.close)
        self.master, self.terminal = pty.openpty()
        self.addCleanup(self.close_terminal)
        self.before = self.state()
        self.screen = ""

    def close_terminal(self) -> None:
        os.close(self.master)
        os.close(self.terminal)

    def state(self) -> object:
        return termios.tcgetattr(self.terminal), os.get_blocking(self.terminal)

    def start(self, *options: str) -> socket.socket:
        port = str(self.listener.getsockname()[1])

        def become_foreground() -> None:
            heed_signals()
            os.setsid()
            os.close(os.open(os.ttyname(0), os.O_RDWR))

        self.process = subprocess.Popen(
            [*ECHOLAB, "client", "127.0.0.1", port, *options],
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            preexec_fn=become_foreground,
        )
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        server, _ = self.listener.accept()
        server.settimeout(SECONDS)
        self.addCleanup(server.close)
        return server

    def see(self, expected: str) -> None:
        """Wait until this is what the whole screen shows."""
        deadline = time.monotonic() + SECONDS
        while self.screen != expected:
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self.master], [], [], left)
            if not ready:
                self.assertEqual(self.screen, expected)
            seen = os.read(self.master, 4096).decode()
            self.screen += seen.replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        status = self.process.wait(SECONDS)
        self.assertEqual(self.state(), self.before, "the terminal was changed")
        return status

    def test_the_lectures_session(self) -> None:
        server = self.start()
        self.see(PROMPT)
        self.type("hello\n")
        self.assertEqual(server.recv(100), b"hello\n")
        self.see(f"{PROMPT}hello\n{PROMPT}")
        self.type("bye\n")
        self.assertEqual(server.recv(100), b"bye\n")
        self.see(f"{PROMPT}hello\n{PROMPT}bye\n{PROMPT}")
        self.type(".\n")
        self.assertEqual(server.recv(100), b"")
        server.close()
        self.see(f"{PROMPT}hello\n{PROMPT}bye\n{PROMPT}.\nfinish.\n")
        self.assertEqual(self.end(), 0)

    def test_end_of_input(self) -> None:
        server = self.start("--no-dot")
        prompt = "Input message(Ctrl-D:quit): "
        self.see(prompt)
        self.type(".\n")
        self.assertEqual(server.recv(100), b".\n")
        self.see(f"{prompt}.\n{prompt}")
        self.type("\x04")
        self.assertEqual(server.recv(100), b"")
        server.close()
        self.see(f"{prompt}.\n{prompt}\nfinish.\n")
        self.assertEqual(self.end(), 0)

    def test_reply(self) -> None:
        server = self.start()
        self.see(PROMPT)
        server.sendall(b"welcome\n")
        self.see(f"{PROMPT}\nwelcome\n{PROMPT}")

    def test_server_that_closes_is_told_at_once(self) -> None:
        server = self.start()
        self.see(PROMPT)
        server.close()
        port = self.listener.getsockname()[1]
        self.see(f"{PROMPT}\nrecv 127.0.0.1:{port}: closed by the server\n")
        self.assertEqual(self.end(), 1)

    def test_interrupted(self) -> None:
        self.start()
        self.see(PROMPT)
        self.type("\x03")
        self.see(f"{PROMPT}^C\n")
        self.assertEqual(self.end(), -signal.SIGINT)

    def test_terminal_that_goes_away(self) -> None:
        self.start()
        self.see(PROMPT)
        self.close_terminal()
        self.assertNotEqual(self.process.wait(SECONDS), 0)
        self.master, self.terminal = pty.openpty()  # for the cleanup to close

    def test_killed(self) -> None:
        self.start()
        self.see(PROMPT)
        self.process.kill()
        self.end()
