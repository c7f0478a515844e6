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
from importlib.util import find_spec

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import ECHOLAB, SECONDS, heed_signals

PROMPT = "Input message(.:quit): "


class TerminalCase(SynchronousTestCase):
    more: tuple[str, ...] = ("--no-edit",)

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
            [*ECHOLAB, "client", "127.0.0.1", port, *self.more, *options],
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            preexec_fn=become_foreground,
            # This terminal does not answer where its cursor is.
            env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
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

    def wait_for(self, text: str) -> None:
        """Wait until this has been written to the screen."""
        deadline = time.monotonic() + SECONDS
        while text not in self.screen:
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self.master], [], [], left)
            self.assertTrue(ready, f"no {text!r} in {self.screen!r}")
            self.screen += os.read(self.master, 4096).decode()


class TerminalTests(TerminalCase):
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


class EditingTests(TerminalCase):
    """With prompt_toolkit, on the same terminal."""

    more = ()

    def setUp(self) -> None:
        super().setUp()
        if find_spec("prompt_toolkit") is None:
            raise SkipTest("prompt_toolkit is not installed")

    def test_line_is_edited_and_remembered(self) -> None:
        server = self.start()
        self.wait_for(PROMPT.rstrip())
        self.type("wörd lo\x1b[D\x1b[Dhel\r")
        self.assertEqual(server.recv(100).decode(), "wörd hello\n")
        self.type("\x1b[A\r")
        self.assertEqual(server.recv(100).decode(), "wörd hello\n")
        self.type(".\r")
        self.assertEqual(server.recv(100), b"")
        server.close()
        self.wait_for("finish.")
        self.assertEqual(self.end(), 0)
        # A prompt for each of the three lines, and no other.
        self.assertEqual(self.screen.count("\x1b[?2004h"), 3)

    def test_reply_stands_above_the_line(self) -> None:
        server = self.start()
        self.wait_for(PROMPT.rstrip())
        self.type("half")
        self.wait_for("half")
        server.sendall(b"one\x1b[2J\ntwo\n")
        self.wait_for("two")
        self.assertIn(r"one\x1b[2J", self.screen)
        self.type("way\r")
        self.assertEqual(server.recv(100), b"halfway\n")

    def test_end_of_input(self) -> None:
        server = self.start("--no-dot")
        self.wait_for("Input message(Ctrl-D:quit):")
        self.type(".\r")
        self.assertEqual(server.recv(100), b".\n")
        self.type("\x04")
        self.assertEqual(server.recv(100), b"")
        server.close()
        self.wait_for("finish.")
        self.assertEqual(self.end(), 0)

    def test_interrupted_by_key_and_by_signal(self) -> None:
        for interrupt, number in (
            (lambda: self.type("\x03"), signal.SIGINT),
            (lambda: self.process.terminate(), signal.SIGTERM),
        ):
            self.screen = ""
            self.start()
            self.wait_for(PROMPT.rstrip())
            self.type("typed")
            self.wait_for("typed")
            interrupt()
            self.assertEqual(self.end(), -number)
            self.wait_for("\x1b[?2004l")  # Bracketed paste is off again.

    def test_server_that_closes(self) -> None:
        server = self.start()
        self.wait_for(PROMPT.rstrip())
        server.close()
        self.wait_for("closed by the server")
        self.assertEqual(self.end(), 1)
