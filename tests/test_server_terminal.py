"""A server on a real pseudo-terminal, at which nobody types."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import ECHOLAB, SECONDS, SERVER, TWISTD, Client, Program, wait_until
from tests.test_terminal import TerminalCase

if TYPE_CHECKING:
    from collections.abc import Sequence


class ServerTerminalTests(TerminalCase):
    where: tuple[str, ...] = SERVER
    program: Sequence[str] = ECHOLAB

    def serve(self, *options: str, term: str = "xterm") -> int:
        """Start a server on the terminal; return its port."""
        self.execute((*self.program, *self.where, *options), term=term)
        listening = re.compile(r"listening on 127\.0\.0\.1:(\d+)\r\n")
        self.wait_until(lambda: listening.search(self.screen), "listening on")
        return int(listening.findall(self.screen)[0])

    def test_it_ends_with_its_terminal_also_if_it_has_files(self) -> None:
        path = Path(self.state_folder, "received")
        with Client(self.serve("--output", str(path))) as client:
            client.sendall(b"unterminated")
            self.close_the_window()
            self.assertEqual(self.process.wait(SECONDS), -signal.SIGHUP)
        self.assertIn("recv data: unterminated\nfinish.\n", path.read_text())

    def test_in_the_background_it_may_outlive_its_terminal(self) -> None:
        path = Path(self.state_folder, "received")
        job = 'set -m; "$@" & echo $! > job; wait'
        self.program = ("bash", "-c", job, "bash", *self.program)
        client = self.enterContext(Client(self.serve("--output", str(path))))
        pid = int(Path(self.state_folder, "job").read_text())
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        self.close_the_window()
        self.process.wait(SECONDS)
        path.rename(f"{path}.1")
        os.kill(pid, signal.SIGHUP)
        wait_until(path.exists, "it is not reopened")
        with Program("--retry", "-F", str(path), program=["tail"]) as tail:
            client.sendall(b"hello\n")
            client.close()
            tail.wait_for(b"finish.\n")

    def test_while_its_terminal_is_there_it_reopens_its_files(self) -> None:
        path = Path(self.state_folder, "received")
        with Client(self.serve("--output", f"json:{path}", "--output", "-")) as client:
            client.sendall(b"one\n")
            self.wait_for("recv data: one")
            path.rename(f"{path}.1")
            self.process.send_signal(signal.SIGHUP)
            wait_until(path.exists, "it is not reopened")
            client.sendall(b"two\n")
            self.wait_for("recv data: two")
        self.process.terminate()
        self.assertEqual(self.end(), -signal.SIGTERM)
        messages = [
            json.loads(line).get("message")
            for name in (f"{path}.1", path)
            for line in Path(name).read_text().splitlines()
        ]
        self.assertEqual([each for each in messages if each], ["one", "two"])
        self.assertIn('"finished"', path.read_text())

    def colours(self, term: str) -> list[str]:
        port = self.serve("--label", "always", term=term)
        with Client(port) as client:
            client.sendall(b"hello\n")
            self.wait_for("recv data: hello\r\n")
        return re.findall(r"\x1b\[\d+m", self.screen)

    def test_peers_have_colours(self) -> None:
        self.assertNotEqual(self.colours("xterm"), [])

    def test_a_dumb_terminal_has_none(self) -> None:
        self.assertEqual(self.colours("dumb"), [])


class TwistdTerminalTests(ServerTerminalTests):
    where = ("-n", "--pidfile=", "echolab", *SERVER[1:])
    program = TWISTD
