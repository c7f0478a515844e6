"""The lecture's session on a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.screen import Screen
from tests.support import ECHOLAB, SECONDS, heed_signals, read_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROMPT = "Input message(.:quit): "
WIDE = "👨👩👧漢"


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
        self.state_folder = self.enterContext(tempfile.TemporaryDirectory())

    def close_terminal(self) -> None:
        os.close(self.master)
        os.close(self.terminal)

    def state(self) -> object:
        return termios.tcgetattr(self.terminal), os.get_blocking(self.terminal)

    def execute(
        self,
        words: Sequence[str],
        *,
        stdout: int | None = None,
        stderr: int | None = None,
        term: str = "xterm",
    ) -> None:
        """Start a program in the foreground of the terminal."""

        def become_foreground() -> None:
            heed_signals()
            os.setsid()
            os.close(os.open(os.ttyname(0), os.O_RDWR))

        self.process = subprocess.Popen(
            words,
            stdin=self.terminal,
            stdout=self.terminal if stdout is None else stdout,
            stderr=self.terminal if stderr is None else stderr,
            preexec_fn=become_foreground,
            cwd=self.state_folder,
            env={
                **{k: v for k, v in os.environ.items() if k != "NO_COLOR"},
                "TERM": term,  # It does not report its cursor position.
                "XDG_STATE_HOME": self.state_folder,
            },
        )
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)

    def close_the_window(self) -> None:
        """Close the terminal, as its window does."""
        os.close(self.master)
        self.master = os.open(os.devnull, os.O_RDONLY)

    def start(self, *options: str, stdout: int | None = None) -> socket.socket:
        port = str(self.listener.getsockname()[1])
        words = (*ECHOLAB, "client", "127.0.0.1", port, *self.more, *options)
        self.execute(words, stdout=stdout)
        server, _ = self.listener.accept()
        server.settimeout(SECONDS)
        self.addCleanup(server.close)
        return server

    def see(self, expected: str) -> None:
        """Wait until the whole screen shows exactly this."""
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
        """Wait until the program has ended, and read all that it has written."""
        status = self.process.wait(SECONDS)
        self.assertEqual(self.state(), self.before, "the terminal was changed")
        self.show(read_rest(self.master, self.terminal))
        return status

    def show(self, seen: bytes) -> None:
        """Put on the screen what was read from the terminal."""
        self.screen += seen.decode()

    def wait_for(self, text: str) -> None:
        """Wait until this has been written to the screen."""
        self.wait_until(lambda: text in self.screen, text)

    def wait_until(self, done: Callable[[], object], missing: str) -> None:
        """Wait until the screen shows something."""
        deadline = time.monotonic() + SECONDS
        while not done():
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self.master], [], [], left)
            self.assertTrue(ready, f"no {missing!r} in {self.screen!r}")
            self.show(os.read(self.master, 4096))

    def fill(self, peer: socket.socket) -> int:
        """Send lines until terminal and program are full; return how many bytes.

        A program that is late is full only once its terminal is.
        """
        peer.setblocking(False)
        total = 0
        deadline = time.monotonic() + SECONDS
        while total < 50_000_000:
            if select.select([], [peer], [], 0.5)[1]:
                total += peer.send(b"A line that is a reply.\n" * 4096)
            elif self.unread() > 4000:
                break
            self.assertLess(time.monotonic(), deadline, "the terminal has room")
        return total

    def unread(self) -> int:
        """Return how much of the screen waits to be read: at most 4095, on Linux."""
        waiting = fcntl.ioctl(self.master, termios.FIONREAD, bytes(4))
        return int.from_bytes(waiting, sys.byteorder)


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

    def test_what_is_pasted_behind_a_dot_does_not_reach_the_shell(self) -> None:
        server = self.start()
        self.see(PROMPT)
        self.type("hello\n./configure\nmake\nmake install\n")
        with server.makefile("rb") as stream:
            self.assertEqual(stream.read(), b"hello\n")
        server.close()
        self.wait_for("not sent: 2 lines behind the '.'\r\nfinish.\r\n")
        self.assertEqual(self.end(), 0)
        self.assertEqual(select.select([self.terminal], [], [], 0)[0], [])

    def test_a_line_that_begins_with_a_dot_can_be_sent(self) -> None:
        server = self.start()
        self.see(PROMPT)
        self.type("/.\n")
        self.assertEqual(server.recv(100), b".\n")

    def test_a_drawing_has_no_prompts_between_its_rows(self) -> None:
        server = self.start("--format", "flow")
        self.wait_for("this client")
        self.type("hello\n")
        self.assertEqual(server.recv(100), b"hello\n")
        self.wait_for("send(6) = 6")
        self.type(".\n")
        self.assertEqual(server.recv(100), b"")
        server.close()
        self.wait_for("finish.")
        self.assertNotIn("Input message", self.screen)
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

    def test_replies_without_a_newline(self) -> None:
        server = self.start()
        self.see(PROMPT)
        server.sendall(b"welcome\nlogin: ")
        seen = f"{PROMPT}\nwelcome\nlogin: \n{PROMPT}"
        self.see(seen)
        self.type("bob\n")
        self.assertEqual(server.recv(100), b"bob\n")
        seen += f"bob\n{PROMPT}"
        self.see(seen)
        server.sendall(b"Pass")
        seen += f"\nPass\n{PROMPT}"
        self.see(seen)
        server.sendall(b"word: ")
        self.see(f"{seen}\nPassword: \n{PROMPT}")

    def test_no_prompt_after_the_end_of_input(self) -> None:
        server = self.start()
        self.see(PROMPT)
        self.type("\x04")
        self.assertEqual(server.recv(100), b"")
        server.sendall(b"goodbye")
        server.close()
        self.see(f"{PROMPT}\ngoodbye\nfinish.\n")
        self.assertEqual(self.end(), 0)

    def test_replies_in_a_pipe_and_all_else_on_the_terminal(self) -> None:
        reading, writing = os.pipe()
        server = self.start(stdout=writing)
        os.close(writing)
        with open(reading, "rb") as replies:
            self.see(PROMPT)
            server.sendall(b"one\x1b[2J\r\nlogin: ")
            self.see(f"{PROMPT}\n\n{PROMPT}")
            self.type(".\n")
            self.assertEqual(server.recv(100), b"")
            server.close()
            self.see(f"{PROMPT}\n\n{PROMPT}.\nfinish.\n")
            self.assertEqual(replies.read(), b"one\x1b[2J\r\nlogin: ")
        self.assertEqual(self.end(), 0)

    def test_replies_in_a_file_leave_the_terminal_alone(self) -> None:
        with tempfile.TemporaryFile() as file:
            server = self.start(stdout=file.fileno())
            self.see(PROMPT)
            server.sendall(b"login: ")
            self.type("bob\n")
            self.assertEqual(server.recv(100), b"bob\n")
            self.see(f"{PROMPT}bob\n{PROMPT}")
            self.type(".\n")
            self.assertEqual(server.recv(100), b"")
            server.close()
            self.see(f"{PROMPT}bob\n{PROMPT}.\nfinish.\n")
            self.assertEqual(self.end(), 0)
            file.seek(0)
            self.assertEqual(file.read(), b"login: ")

    def test_a_dash_is_what_is_typed(self) -> None:
        server = self.start("--file", "-")
        self.see(PROMPT)
        self.type("hello\n.\n")
        with server.makefile("rb") as stream:
            self.assertEqual(stream.read(), b"hello\n")
        server.close()
        self.wait_for("finish.")
        self.assertEqual(self.end(), 0)

    def test_commands(self) -> None:
        server = self.start()
        shown = PROMPT
        for typed, answer, sent in (
            ("/send \\x00\\xff", "", b"\0\xff"),
            ("//sent", "", b"/sent\n"),
            ("/peers", "/peers: there is one connection\n", b""),
            ("/file /dev/null", "open /dev/null: not a regular file\n", b""),
        ):
            self.see(shown)
            self.type(f"{typed}\n")
            shown += f"{typed}\n{answer}{PROMPT}"
            if sent:
                self.assertEqual(server.recv(100), sent)
        self.see(shown)
        self.type("/close\n")
        self.assertEqual(server.recv(100), b"")
        server.close()
        self.see(f"{shown}/close\nfinish.\n")
        self.assertEqual(self.end(), 0)

    def test_reset_by_hand(self) -> None:
        server = self.start()
        self.see(PROMPT)
        self.type("/reset\n")
        self.assertRaises(ConnectionResetError, server.recv, 100)
        port = self.listener.getsockname()[1]
        self.see(f"{PROMPT}/reset\nrecv 127.0.0.1:{port}: reset by hand\n")
        self.assertEqual(self.end(), 1)

    def test_terminal_that_nobody_reads(self) -> None:
        server = self.start()
        self.see(PROMPT)
        self.assertLess(self.fill(server), 50_000_000)
        self.process.terminate()
        self.assertEqual(self.process.wait(SECONDS), -signal.SIGTERM)

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


class EditingCase(TerminalCase):
    """With prompt_toolkit, on the same terminal."""

    more = ()

    def setUp(self) -> None:
        super().setUp()
        if find_spec("prompt_toolkit") is None:
            raise SkipTest("prompt_toolkit is not installed")
        self.drawn = Screen(wide=WIDE)

    def look(self, *lines: str) -> None:
        """Wait until these lines are on the screen, and nothing else."""
        expected = "\n".join(line.rstrip() for line in lines)
        while self.drawn.text() != expected:
            if not self.read_screen():
                self.assertEqual(self.drawn.text(), expected)

    def read_screen(self) -> bool:
        """Read what is written to the screen; return whether anything was."""
        ready, _, _ = select.select([self.master], [], [], SECONDS)
        if ready:
            self.show(os.read(self.master, 4096))
        return bool(ready)

    def show(self, seen: bytes) -> None:
        self.screen += seen.decode(errors="replace")
        self.drawn.feed(seen)

    def paste(self, text: str) -> None:
        self.type(f"\x1b[200~{text}\x1b[201~")


class EditingTests(EditingCase):
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

    def test_typed_before_the_first_prompt(self) -> None:
        self.type("one\ntwo\n\x04")
        server = self.start()
        self.assertEqual(server.makefile("rb").read(), b"one\ntwo\n")
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

    def test_replies_without_a_newline(self) -> None:
        server = self.start()
        self.look(PROMPT)
        server.sendall(b"welcome\r\nlogin: ")
        self.look("welcome", "login:", PROMPT)
        self.type("bo")
        self.look("welcome", "login:", f"{PROMPT}bo")
        self.type("b\r")
        self.assertEqual(server.recv(100), b"bob\n")
        before = ["welcome", "login:", f"{PROMPT}bob"]
        self.look(*before, PROMPT)
        self.type("half")
        server.sendall(b"one\ntw")
        self.look(*before, "one", "tw", f"{PROMPT}half")
        server.sendall(b"o\nPass")
        self.look(*before, "one", "two", "Pass", f"{PROMPT}half")
        server.sendall(b"word: ")
        self.look(*before, "one", "two", "Password:", f"{PROMPT}half")
        self.type("way\r")
        self.assertEqual(server.recv(100), b"halfway\n")
        before += ["one", "two", "Password:", f"{PROMPT}halfway"]
        self.look(*before, PROMPT)
        server.sendall(b"goodbye")
        self.look(*before, "goodbye", PROMPT)
        self.type(".\r")
        self.assertEqual(server.recv(100), b"")
        server.close()
        self.look(*before, "goodbye", f"{PROMPT}.", "finish.")
        self.assertEqual(self.end(), 0)

    def test_reply_that_ends_in_the_middle_of_a_line(self) -> None:
        server = self.start()
        self.look(PROMPT)
        self.type("\x04")
        self.assertEqual(server.recv(100), b"")
        server.sendall(b"one\ngoodbye")
        server.close()
        self.look(PROMPT, "one", "goodbye", "finish.")
        self.assertEqual(self.end(), 0)

    def test_reply_longer_than_the_terminal_is_wide(self) -> None:
        server = self.start()
        self.look(PROMPT)
        server.sendall(b"x" * 100)
        self.look("x" * 80, "x" * 20, PROMPT)

    def test_paste_is_sent_line_by_line(self) -> None:
        server = self.start()
        self.look(PROMPT)
        lines = [f"line {number}" for number in range(100)]
        self.type("the ")
        self.paste("\n".join(lines) + "\nand the las")
        expected = "the " + "\n".join(lines) + "\n"
        with server.makefile("r") as stream:
            self.assertEqual(stream.read(len(expected)), expected)
        typed = [f"{PROMPT}the line 0", *(PROMPT + line for line in lines[1:])]
        self.look(*typed, f"{PROMPT}and the las")
        self.type("t\r")
        self.assertEqual(server.recv(100), b"and the last\n")
        self.type("\x1b[A\x1b[A\r")
        self.assertEqual(server.recv(100), b"line 99\n")

    def test_in_a_paste_is_no_command(self) -> None:
        server = self.start()
        self.look(PROMPT)
        self.paste("/close\n/file /etc/hostname\n./configure\n.\n/re")
        expected = b"/close\n/file /etc/hostname\n./configure\n.\n"
        with server.makefile("rb") as stream:
            self.assertEqual(stream.read(len(expected)), expected)
            self.look(
                f"{PROMPT}//close",
                f"{PROMPT}//file /etc/hostname",
                f"{PROMPT}/./configure",
                f"{PROMPT}/.",
                f"{PROMPT}//re",
            )
            self.type("set\r")
            self.assertEqual(stream.readline(), b"/reset\n")

    def test_commands_are_completed(self) -> None:
        server = self.start()
        self.look(PROMPT)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        for name in ("one", "other"):
            Path(folder, name).write_text(name)
        self.type(f"/fi\t{folder}/\t")
        typed = f"{PROMPT}/file {folder}/o"
        self.look(typed)
        self.type("\t")
        self.look("one", "other", typed)
        self.type("n\t\r")
        self.assertEqual(server.recv(100), b"one")
        said = f"sent 3 bytes of {folder}/one"
        self.look("one", "other", f"{typed}ne", said, PROMPT)

    def test_history_is_kept_but_for_passwords(self) -> None:
        server = self.start()
        self.look(PROMPT)
        self.type("bob\r")
        self.assertEqual(server.recv(100), b"bob\n")
        server.sendall(b"Password: ")
        self.look(f"{PROMPT}bob", "Password:", PROMPT)
        self.type("secret\r")
        self.assertEqual(server.recv(100), b"secret\n")
        self.type(".\r")
        self.assertEqual(server.recv(100), b"")
        server.close()
        seen = [f"{PROMPT}bob", "Password:", f"{PROMPT}secret", f"{PROMPT}.", "finish."]
        self.look(*seen)
        self.assertEqual(self.end(), 0)
        path = Path(self.state_folder, "echolab", "history")
        self.assertEqual(path.read_text(), "bob\n")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.start("--no-history")
        self.look(*seen, PROMPT)
        self.type("\x1b[Anone")
        self.look(*seen, f"{PROMPT}none")
        self.process.kill()
        self.process.wait()
        self.start()
        seen.append(f"{PROMPT}none{PROMPT}")
        self.look(*seen)
        self.type("\x1b[A\x1b[A")
        self.look(*seen[:-1], f"{seen[-1]}bob")

    def test_answers_that_are_not_kept(self) -> None:
        path = Path(self.state_folder, "echolab", "history")
        server = self.start()
        self.look(PROMPT)
        for asked, typed, lines in (
            ("Enter your password:\n", "secret\r", 1),
            ("login: ", "\x1b[200~bob\nsecret\n\x1b[201~", 2),
            ("Welcome\n", "kept\r", 1),
        ):
            server.sendall(asked.encode())
            self.wait_for(asked.strip())
            self.type(typed)
            answered = b""
            while answered.count(b"\n") < lines:
                answered += server.recv(100)
        self.type("\x04")
        self.assertEqual(server.recv(100), b"")
        server.close()
        self.wait_for("finish.")
        self.assertEqual(self.end(), 0)
        self.assertEqual(path.read_text(), "kept\n")

    def test_what_is_typed_with_quiet_is_not_kept(self) -> None:
        server = self.start("--quiet")
        self.wait_for(PROMPT.rstrip())
        self.type("secret\r\x04")
        with server.makefile("rb") as stream:
            self.assertEqual(stream.read(), b"secret\n")
        server.close()
        self.assertEqual(self.process.wait(SECONDS), 0)
        self.assertFalse(Path(self.state_folder, "echolab", "history").exists())

    def test_a_tab_is_sent(self) -> None:
        server = self.start()
        self.wait_for(PROMPT.rstrip())
        self.type("a\tb\r")
        self.assertEqual(server.recv(100), b"a\tb\n")

    def test_flags_and_joined_emoji_do_not_shift_the_line(self) -> None:
        server = self.start()
        self.look(PROMPT)
        text = "a🇩🇪b👨‍👩‍👧c"
        self.type(text)
        self.look(f"{PROMPT}aDEb👨👩👧c")
        self.type("\x1b[D-\x01^")
        self.look(f"{PROMPT}^aDEb👨👩👧-c")
        self.type("\r")
        self.assertEqual(server.recv(100).decode(), "^a🇩🇪b👨‍👩‍👧-c\n")

    def test_replies_in_a_pipe_and_the_line_on_the_terminal(self) -> None:
        reading, writing = os.pipe()
        server = self.start(stdout=writing)
        os.close(writing)
        with open(reading, "rb") as replies:
            self.look(PROMPT)
            self.type("hel")
            server.sendall(b"one\x1b[2J\r\nlogin: ")
            self.look("", f"{PROMPT}hel")
            self.type("lo\r")
            self.assertEqual(server.recv(100), b"hello\n")
            self.type(".\r")
            self.assertEqual(server.recv(100), b"")
            server.close()
            self.look("", f"{PROMPT}hello", f"{PROMPT}.", "finish.")
            self.assertEqual(replies.read(), b"one\x1b[2J\r\nlogin: ")
        self.assertEqual(self.end(), 0)

    def test_terminal_that_nobody_reads(self) -> None:
        server = self.start()
        self.look(PROMPT)
        sent = self.fill(server)
        self.assertLess(sent, 50_000_000)
        self.process.terminate()
        self.assertEqual(self.process.wait(SECONDS), -signal.SIGTERM)

    def test_terminal_that_does_not_answer_where_its_cursor_is(self) -> None:
        server = self.start()
        self.look(PROMPT)
        server.sendall(b"x" * 999 + b"\n")
        self.look("x" * 999, PROMPT)
        self.assertNotIn("\x1b[6n", self.screen, "it is not even asked")
