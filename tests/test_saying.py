"""A program's own messages, to a stderr that may have no reader."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import socket
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from echolab import descriptors
from echolab.command.saying import Speaker
from echolab.descriptors import is_ready
from tests.support import ECHOLAB, SECONDS, TWISTD, Client, Program

SMALLEST_PIPE = 4096
RESET = b"\1\0\0\0\0\0\0\0"  # struct linger: on, 0 seconds


def read(fd: int) -> bytes:
    """Read the output, and wait until there is some."""
    return os.read(fd, 1 << 20)


class SpeakerTests(SynchronousTestCase):
    def pipe(self) -> tuple[int, int]:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
        return reading, writing

    def check_full(self, reading: int, writing: int) -> None:
        """Write lines until one is dropped, read, and write one more."""
        say = Speaker(writing)
        for _ in range(1_000):
            say("x" * 99)
        self.assertTrue(os.get_blocking(writing))
        seen = read(reading)
        while is_ready(reading, select.POLLIN):
            seen += read(reading)
        say("heard")
        while not seen.endswith((b"heard\n", b"heard\r\n")):
            seen += read(reading)
        *lines, notice, last = seen.replace(b"\r", b"").splitlines()
        self.assertEqual({*lines}, {b"x" * 99})
        self.assertEqual(
            (notice.decode(), last),
            (f"{1_000 - len(lines)} lines were not printed: stderr was full", b"heard"),
        )

    def test_pipe_that_is_full(self) -> None:
        self.check_full(*self.pipe())

    def test_descriptor_that_cannot_be_opened_once_more(self) -> None:
        self.patch(descriptors, "open_private", lambda fd: None)
        self.check_full(*self.pipe())

    def test_terminal_that_is_full(self) -> None:
        master, terminal = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, terminal)
        self.check_full(master, terminal)

    def test_socket_that_is_full(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.check_full(ours.fileno(), theirs.fileno())

    def test_a_text_that_is_longer_than_the_room_is_finished_later(self) -> None:
        reading, writing = self.pipe()
        say = Speaker(writing)
        say("x" * 6000)
        say("dropped")
        seen = os.read(reading, SMALLEST_PIPE)
        say("heard")
        seen += os.read(reading, SMALLEST_PIPE)
        self.assertEqual(
            seen,
            b"x" * 6000 + b"\n1 line was not printed: stderr was full\nheard\n",
        )

    def test_the_number_is_told_at_the_end_too(self) -> None:
        reading, writing = self.pipe()
        say = Speaker(writing)
        say("x" * (SMALLEST_PIPE - 1))
        say("dropped\ndropped")
        say.catch_up()
        self.assertEqual(len(read(reading)), SMALLEST_PIPE)
        say.catch_up()
        say.catch_up()
        self.assertEqual(read(reading), b"2 lines were not printed: stderr was full\n")

    def test_file(self) -> None:
        with tempfile.TemporaryFile() as file:
            say = Speaker(file.fileno())
            say("one\ntwo")
            say("caf\xe9 \udcff")
            self.assertEqual(
                os.pread(file.fileno(), 100, 0), b"one\ntwo\ncaf\xc3\xa9 \\udcff\n"
            )

    def test_reader_that_has_gone(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        os.close(reading)
        Speaker(writing)("into the void")


class StuckStderrTests(SynchronousTestCase):
    """A full stderr pipe blocks neither a program nor its end."""

    def test_server(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            where = ("--listen", "tcp:0:interface=127.0.0.1", "--output", "raw:out")
            for program, words in (
                (ECHOLAB, ("server", *where)),
                (TWISTD, ("-n", "echolab", *where)),
            ):
                self.check_server(folder, program, words)

    def check_server(
        self, folder: str, program: tuple[str, ...], words: tuple[str, ...]
    ) -> None:
        with Program(*words, cwd=folder, program=program) as server:
            port = server.port()
            stderr = server.process.stderr
            assert stderr is not None
            fcntl.fcntl(stderr.fileno(), fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
            full = os.open(f"/proc/self/fd/{stderr.fileno()}", os.O_WRONLY)
            os.set_blocking(full, False)
            try:
                while True:
                    os.write(full, b".")
            except BlockingIOError:
                os.close(full)
            with Client(port) as client:
                # The connection is reset, which is reported.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                client.sendall(b"one\n")
            with Client(port) as client:
                client.sendall(b"two\n")
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(client.recv(1), b"")
            server.process.send_signal(signal.SIGTERM)
            # Nothing is read until it has ended.
            self.assertEqual(server.process.wait(SECONDS), -signal.SIGTERM)
        self.assertEqual(Path(folder, "out").read_bytes(), b"one\ntwo\n")
        Path(folder, "out").unlink()
