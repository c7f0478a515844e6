"""The lecture's server and echolab with its options print the same bytes."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.loopback import make_programs
from tests.support import ECHOLAB, ROOT, SECONDS, Client, Program

SOURCE = ROOT / "docs" / "lessons" / "server.c"
AS_THE_LECTURES = (
    *("--once", "--framing", "chunk", "--max-message", "1024"),
    *("--partial-after", "0", "--escape", "never"),
)

SESSIONS: tuple[tuple[bytes, ...], ...] = (
    (b"hello\n", b"this is test client\n", b"bye\n"),
    (),
    (b"no newline", b"\n", b"\r\n", b"two\nlines\n"),
    (b"x" * 1023 + b"\n", b"y" * 1024, b"z" * 1024 + b"\n", b"w" * 3000 + b"\n"),
    (("x" + "ä" * 600 + "\n").encode(),),
    (b"\x1b[2J\x07\xff\xfe\x9b\t%s%d%n\\\n", b"finish.\n"),
)
"""The pieces to send; each is sent when the one before has been printed."""


def reads(piece: bytes) -> int:
    """How many reads of 1,024 bytes a piece needs."""
    return -(-len(piece) // 1024)


def listening_port(pid: int) -> int:
    """Wait until a process listens, and return its port; the lecture's prints none."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        sockets = set()
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                sockets.add(os.readlink(fd))
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in sockets:
                return int(local.rpartition(":")[2], 16)
        os.sched_yield()
    raise AssertionError("it does not listen")


class LectureTests(SynchronousTestCase):
    def setUp(self) -> None:
        stdbuf = shutil.which("stdbuf")
        if not (shutil.which("cc") and stdbuf):
            raise SkipTest("no C compiler, or no stdbuf")
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.lecture = f"{self.folder}/server"
        compiler = f"{make_programs(Path(self.folder))}/cc"
        subprocess.run([compiler, "-o", self.lecture, str(SOURCE)], check=True)
        # C buffers its output to a pipe until its end.
        self.unbuffered = (stdbuf, "-o0", self.lecture)

    def talk(self, server: Program, port: int, pieces: tuple[bytes, ...]) -> bytes:
        """Return what a server prints for a client with these pieces, without port."""
        with server:
            with Client(port) as client:
                server.wait_for(b"accepted host")
                read = 0
                for piece in pieces:
                    client.sendall(piece)
                    read += reads(piece)
                    server.wait_for(b"recv data: ", times=read)
            self.assertEqual(server.end(), 0, server.err)
            return server.out.replace(b"Port: %d)" % client.port, b"Port: P)")

    def test_to_the_byte(self) -> None:
        for pieces in SESSIONS:
            lectures = Program("0", program=self.unbuffered)
            port = listening_port(lectures.process.pid)
            printed = self.talk(lectures, port, pieces)
            self.assertEqual(printed.count(b"recv data: "), sum(map(reads, pieces)))
            where = ("--interface", "127.0.0.1", "--port", "0")
            ours = Program("server", *where, *AS_THE_LECTURES, program=ECHOLAB)
            self.assertEqual(self.talk(ours, ours.port(), pieces), printed)

    def test_to_the_byte_until_a_reset(self) -> None:
        lectures = Program("0", program=self.unbuffered)
        port = listening_port(lectures.process.pid)
        where = ("--interface", "127.0.0.1", "--port", "0")
        ours = Program("server", *where, *AS_THE_LECTURES, program=ECHOLAB)
        said = []
        for server, where_to in ((lectures, port), (ours, ours.port())):
            with server:
                with Client(where_to) as client:
                    client.sendall(b"hello\n")
                    server.wait_for(b"recv data: ")
                    client.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                self.assertEqual(server.end(), 1)
                said.append(server.out.replace(b"Port: %d)" % client.port, b"Port: P)"))
        self.assertEqual(said[1], said[0] + b"finish.\n")
        self.assertEqual(lectures.err, b"recv: Connection reset by peer\n")
        self.assertIn(b": reset (ECONNRESET) after 6 bytes\n", ours.err)

    def test_the_lectures_usage(self) -> None:
        with Program(program=(self.lecture,)) as server:
            self.assertEqual(server.end(), 1)
        self.assertEqual(server.out, f"Usage: {self.lecture} <port>\n".encode())
