"""A server whose user talks to its peers, on a real pseudo-terminal."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from echolab import InputError
from echolab.command import talking
from tests.support import (
    ECHOLAB,
    SECONDS,
    SERVER,
    TWISTD,
    Client,
    Program,
)
from tests.test_terminal import EditingCase, TerminalCase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESET = b"\1\0\0\0\0\0\0\0"  # struct linger: on, 0 seconds
NOBODY = "to nobody: "


class TalkingCase(TerminalCase):
    port = 0

    def serve(
        self,
        *options: str,
        stdout: int | None = None,
        stderr: int | None = None,
        program: Sequence[str] = (*ECHOLAB, "server"),
    ) -> None:
        """Start a server on the terminal; wait until it listens."""
        words = (*program, "--talk", *SERVER[1:], *self.more, *options)
        self.execute(words, stdout=stdout, stderr=stderr)

    def joins(self, text: str = "") -> Client:
        """Connect one more client, which says something."""
        client = Client(self.port)
        self.addCleanup(client.close)
        if text:
            client.sendall(text.encode())
        return client


class PlainTests(TalkingCase):
    more = ("--no-edit",)

    def serve(
        self,
        *options: str,
        stdout: int | None = None,
        stderr: int | None = None,
        program: Sequence[str] = (*ECHOLAB, "server"),
    ) -> None:
        super().serve(*options, stdout=stdout, stderr=stderr, program=program)
        self.wait_for("listening on ")
        self.wait_for(f"\r\n{NOBODY}")
        [port] = re.findall(r"listening on \S+:(\d+)", self.screen)
        self.port = int(port)

    def test_a_conversation(self) -> None:
        self.serve()
        client = self.joins("hello\n")
        self.wait_for("recv data: hello")
        name = f"to 1 127.0.0.1:{client.port}: "
        self.wait_for(name)
        self.type("and you\n")
        self.assertEqual(client.recv(100), b"and you\n")
        self.type("/peers\n")
        self.wait_for("sent 8 bytes\r\n" + name)
        client.close()
        self.wait_for("finish.")
        self.type("too late\n")
        self.wait_for(f"not sent: 1 127.0.0.1:{client.port} has left")
        self.wait_for(f"left\r\n{NOBODY}")
        self.type("\x03")
        self.assertEqual(self.end(), -signal.SIGINT)

    def test_what_may_be_typed_already_goes_to_whom_the_prompt_named(self) -> None:
        self.serve()
        first = self.joins("hello\n")
        self.wait_for(f"to 1 127.0.0.1:{first.port}: ")
        second = self.joins("me too\n")
        self.wait_for("me too")
        self.type("to the first\n")
        self.assertEqual(first.recv(100), b"to the first\n")
        self.wait_for(f"to 2 127.0.0.1:{second.port}: ")
        self.type("to the second\n")
        self.assertEqual(second.recv(100), b"to the second\n")

    def test_the_end_of_what_is_typed(self) -> None:
        self.serve()
        self.type("\x04")
        self.wait_for("nothing more is sent by hand; Ctrl-C ends the server")
        self.joins("hello\n")
        self.wait_for("recv data: hello\r\n")
        self.process.terminate()
        self.assertEqual(self.end(), -signal.SIGTERM)
        self.assertNotIn("to 1", self.screen)

    def test_twistd(self) -> None:
        program = (*TWISTD, "-n", "--pidfile=", "echolab")
        self.serve(program=program)
        client = self.joins("hello\n")
        self.wait_for("recv data: hello")
        self.wait_for(f"to 1 127.0.0.1:{client.port}: ")
        self.type("hi\n")
        self.assertEqual(client.recv(100), b"hi\n")
        self.process.terminate()
        self.assertEqual(self.end(), -signal.SIGTERM)


class EditingTests(TalkingCase, EditingCase):
    def serve(
        self,
        *options: str,
        stdout: int | None = None,
        stderr: int | None = None,
        program: Sequence[str] = (*ECHOLAB, "server"),
    ) -> None:
        super().serve(*options, stdout=stdout, stderr=stderr, program=program)
        self.look_for(r"listening on \S+:\d+\n")
        text = self.drawn.text()
        [port] = re.findall(r"listening on \S+:(\d+)", text)
        self.port = int(port)
        self.before_all = re.findall(r"(?:.*\n)*listening on .*\n", text)[0]

    def look_for(self, pattern: str) -> None:
        """Wait until a pattern is on the screen."""
        while not re.search(pattern, self.drawn.text()):
            seen = self.read_screen()
            self.assertTrue(seen, f"no {pattern} in {self.drawn.text()!r}")

    def see_below(self, *lines: str) -> None:
        """Wait until these are all lines below the server's first messages."""
        self.look(*self.before_all.splitlines(), *lines)

    def test_two_conversations_at_once(self) -> None:
        self.serve()
        self.see_below(NOBODY)
        first = self.joins("one\n")
        to_first = f"to 1 127.0.0.1:{first.port}: "
        seen = [f"accepted host(IP: 127.0.0.1, Port: {first.port})", "recv data: one"]
        self.see_below(*seen, to_first)
        second = self.joins()
        seen.append(f"accepted host(IP: 127.0.0.1, Port: {second.port})")
        self.see_below(*seen, to_first)
        self.type("half")
        self.see_below(*seen, f"{to_first}half")
        second.sendall(b"two\x1b[2J\x07\n")
        seen.append(rf"[127.0.0.1:{second.port}] recv data: two\x1b[2J\x07")
        self.see_below(*seen, f"{to_first}half")
        self.type("way\r")
        self.assertEqual(first.recv(100), b"halfway\n")
        to_second = f"to 2 127.0.0.1:{second.port}: "
        seen.append(f"{to_first}halfway")
        self.see_below(*seen, to_second)
        self.type("hello two\r")
        self.assertEqual(second.recv(100), b"hello two\n")
        seen.append(f"{to_second}hello two")
        self.see_below(*seen, to_second)
        self.type("/to \t\r")
        seen += [f"1 127.0.0.1:{first.port}", f"2 127.0.0.1:{second.port}"]
        seen.append(f"{to_second}/to")
        self.type("/to 1\rback\r")
        self.assertEqual(first.recv(100), b"back\n")

    def test_a_peer_that_leaves_while_its_line_is_typed(self) -> None:
        self.serve()
        first, second = self.joins("one\n"), self.joins()
        name = f"2 127.0.0.1:{second.port}"
        second.sendall(b"two\n")
        self.look_for(f"to {name}:$")
        self.type("for two")
        self.look_for(f"to {name}: for two$")
        second.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        second.close()
        self.look_for(r"reset \(ECONNRESET\) after 4 bytes\n")
        self.look_for(re.escape(f"to {name} (left): for two") + "$")
        self.type("\r")
        to_first = f"to 1 127.0.0.1:{first.port}:"
        self.look_for(f"for two\nnot sent: {name} has left\n{to_first}$")
        self.type("for one\r")
        self.assertEqual(first.recv(100), b"for one\n")

    def test_a_long_paste_is_sent_as_fast_as_the_peer_takes_it(self) -> None:
        self.serve()
        client = self.joins("hello\n")
        self.look_for("to 1 .*:$")
        lines = "".join(f"line {number}\n" for number in range(10_000))
        self.paste(lines)
        with client.makefile("r") as stream:
            self.assertEqual(stream.read(len(lines)), lines)

    def test_a_paste_goes_to_one_peer(self) -> None:
        self.serve()
        first, second = self.joins("one\n"), self.joins()
        self.look_for("to 1 .*:$")
        second.sendall(b"two\n" * 10)
        self.type("\x1b[200~" + "a line\n" * 100 + "\x1b[201~")
        [receiver], _, _ = select.select([first, second], [], [], SECONDS)
        sent = b""
        while len(sent) < 700:
            sent += receiver.recv(100_000)
        self.assertEqual(sent, b"a line\n" * 100)

    def check_restored(self, end: Callable[[], None], number: int) -> None:
        """End the server while a line is typed."""
        self.serve()
        self.joins("hello\n")
        self.look_for("to 1 .*:$")
        self.type("typed")
        self.look_for("typed")
        end()
        self.assertEqual(self.end(), -number)
        self.wait_for("\x1b[?2004l")  # Bracketed paste is off again.

    def test_ended_by_key(self) -> None:
        self.check_restored(lambda: self.type("\x03"), signal.SIGINT)

    def test_ended_by_signal(self) -> None:
        self.check_restored(lambda: self.process.terminate(), signal.SIGTERM)

    def test_ended_at_once_by_a_second_signal(self) -> None:
        def end() -> None:
            os.kill(self.process.pid, signal.SIGSTOP)
            self.process.terminate()
            os.kill(self.process.pid, signal.SIGHUP)
            os.kill(self.process.pid, signal.SIGCONT)

        self.check_restored(end, signal.SIGHUP)

    def test_the_end_of_what_is_typed(self) -> None:
        self.serve()
        self.see_below(NOBODY)
        self.type("\x04")
        said = "nothing more is sent by hand; Ctrl-C ends the server"
        self.see_below(NOBODY, said)
        client = self.joins("hello\n")
        accepted = f"accepted host(IP: 127.0.0.1, Port: {client.port})"
        self.see_below(NOBODY, said, accepted, "recv data: hello")
        self.type("\x03")
        self.assertEqual(self.end(), -signal.SIGINT)

    def test_what_is_received_goes_to_a_file_and_nothing_else(self) -> None:
        with tempfile.TemporaryFile() as file:
            self.serve("--format", "raw", stdout=file.fileno())
            client = self.joins("hello\n")
            to_client = f"to 1 127.0.0.1:{client.port}: "
            self.see_below(to_client)
            self.type("hi\r/peers\r/none\r")
            self.assertEqual(client.recv(100), b"hi\n")
            self.look_for("/none: no such command")
            client.sendall(b"bye\n")
            client.close()
            self.look_for(f"\n{NOBODY.rstrip()}$")
            self.process.terminate()
            self.assertEqual(self.end(), -signal.SIGTERM)
            file.seek(0)
            self.assertEqual(file.read(), b"hello\nbye\n")

    def test_what_is_received_goes_to_a_named_file(self) -> None:
        path = Path(self.state_folder, "received")
        self.serve("--output", str(path))
        client = self.joins("hello\n")
        self.see_below(f"to 1 127.0.0.1:{client.port}: ")
        self.type("hi\r")
        self.assertEqual(client.recv(100), b"hi\n")
        self.process.terminate()
        self.assertEqual(self.end(), -signal.SIGTERM)
        self.assertIn("recv data: hello\n", path.read_text())

    def test_a_terminal_that_hangs_up_ends_it(self) -> None:
        path = Path(self.state_folder, "received")
        self.serve("--output", str(path))
        self.see_below(NOBODY)
        self.close_the_window()
        self.assertEqual(self.process.wait(SECONDS), -signal.SIGHUP)

    def test_a_reader_of_stdout_that_goes_away_ends_it(self) -> None:
        reading, writing = os.pipe()
        self.serve(stdout=writing)
        os.close(writing)
        self.look_for(NOBODY.rstrip())
        self.type("typed")
        self.look_for("typed")
        os.close(reading)
        self.assertEqual(self.end(), 0)

    def test_history_is_kept_but_for_passwords(self) -> None:
        path = Path(self.state_folder, "echolab", "server-history")
        self.serve()
        client = self.joins("hello\n")
        self.look_for("to 1 .*:$")
        self.type("kept\r")
        self.assertEqual(client.recv(100), b"kept\n")
        client.sendall(b"Password: ")
        self.look_for("Password:\n")
        self.type("secret\r")
        self.assertEqual(client.recv(100), b"secret\n")
        self.process.terminate()
        self.assertEqual(self.end(), -signal.SIGTERM)
        self.assertEqual(path.read_text(), "kept\n")

    def test_no_history(self) -> None:
        self.serve("--no-history")
        client = self.joins("hello\n")
        self.look_for("to 1 .*:$")
        self.type("/send x\r")
        self.assertEqual(client.recv(100), b"x")
        self.process.terminate()
        self.assertEqual(self.end(), -signal.SIGTERM)
        self.assertFalse(Path(self.state_folder, "echolab").exists())

    def test_terminal_that_nobody_reads(self) -> None:
        self.serve()
        client = self.joins("hello\n")
        self.look_for("to 1 .*:$")
        self.assertLess(self.fill(client), 50_000_000)
        self.process.terminate()
        self.assertEqual(self.process.wait(SECONDS), -signal.SIGTERM)


class RefusedTests(TalkingCase):
    def test_nobody_would_see_the_prompt(self) -> None:
        with tempfile.TemporaryFile() as file:
            self.serve(stdout=file.fileno(), stderr=file.fileno())
            self.assertEqual(self.process.wait(SECONDS), 1)
            file.seek(0)
            said = b"neither stdout nor stderr is a terminal"
            self.assertEqual(file.read(), b"show the prompt of --talk: " + said + b"\n")

    def test_a_line_that_is_no_message(self) -> None:
        frame = talking.framing_of_lines("resp", is_typed=True)
        why = "a line is no message with --framing resp"
        with self.assertRaisesRegex(ValueError, f"^{why}: use /send or /file$"):
            frame(b"+PONG")
        with self.assertRaisesRegex(InputError, f"^read stdin: {why}$"):
            talking.framing_of_lines("resp", is_typed=False)
        frame = talking.framing_of_lines("int16", is_typed=False)
        self.assertEqual(frame(b"x"), b"\0\1x")

    def test_background_job(self) -> None:
        with (
            mock.patch("os.tcgetpgrp", return_value=os.getpgrp() + 1),
            self.assertRaisesRegex(InputError, "^read stdin: a background job cannot"),
        ):
            talking.check_foreground(0)
        with mock.patch("os.tcgetpgrp", side_effect=OSError):
            talking.check_foreground(0)


class PipeTests(SynchronousTestCase):
    def test_lines_go_to_the_peer_that_spoke_last(self) -> None:
        with Program(*SERVER, "--talk") as server:
            server.send(b"for the first\n/close\n")
            with Client(server.port()) as client:
                received = client.recv(100)
                while len(received) < 21:
                    received += client.recv(100)
                self.assertEqual(received, b"for the first\n/close\n")
                server.end_input()
                client.sendall(b"hello\n")
                server.wait_for(b"recv data: hello\n")
            server.process.terminate()
            self.assertEqual(server.end(), -signal.SIGTERM)
            self.assertNotIn(b"to nobody", server.out + server.err)
