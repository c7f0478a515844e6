"""The reader of stdin, on real descriptors."""

from __future__ import annotations

import os
import pty
import socket
import tempfile

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from echolab import StdinReader
from tests.support import SECONDS, FakeReactor


class StdinTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.seen: list[bytes | None] = []
        self.failures: list[str] = []

    def open(self, fd: int | None) -> StdinReader:
        reader = StdinReader(
            self.reactor,
            fd,
            received=self.seen.append,
            ended=lambda: self.seen.append(None),
            failed=lambda why: self.failures.append(str(why)),
            name="input",
        )
        reader.resumeProducing()
        return reader

    def pipe(self) -> tuple[int, int]:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        return reading, writing

    def test_pipe(self) -> None:
        reading, writing = self.pipe()
        self.open(reading)
        self.reactor.turn()
        self.assertEqual(self.seen, [])
        os.write(writing, b"a\nb")
        self.reactor.turn()
        os.close(writing)
        self.reactor.turn()
        self.assertEqual(self.seen, [b"a\nb", None])
        self.assertEqual(self.reactor.getReaders(), [])

    def test_terminal_gives_lines_and_keeps_its_flags(self) -> None:
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        self.open(slave)
        self.assertTrue(os.get_blocking(slave))
        os.write(master, b"one\ntwo\n\x04")
        for _ in range(3):
            self.reactor.turn()
        self.assertEqual(self.seen, [b"one\n", b"two\n", None])
        self.assertTrue(os.get_blocking(slave))

    def test_terminal_that_hung_up(self) -> None:
        master, slave = pty.openpty()
        self.addCleanup(os.close, slave)
        self.open(slave)
        os.close(master)
        self.reactor.turn()
        self.assertEqual(self.seen, [None])

    def test_socket_that_is_reset(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            peer = self.enterContext(socket.create_connection(listener.getsockname()))
            own = self.enterContext(listener.accept()[0])
        self.open(own.fileno())
        peer.sendall(b"before")
        self.reactor.turn()
        own.send(b"unread, so the peer resets")
        peer.close()
        while not self.failures:
            self.reactor.turn()
        self.assertEqual(self.seen, [b"before"])
        self.assertEqual(self.failures, ["read input: Connection reset by peer"])
        self.assertEqual(self.reactor.getReaders(), [])

    def test_what_cannot_be_read(self) -> None:
        memory = os.open("/proc/self/mem", os.O_RDONLY)  # Address 0 is not mapped.
        folder = os.open("/", os.O_RDONLY)
        _, writing = self.pipe()
        for fd, why in (
            (memory, "Input/output error"),
            (folder, "Is a directory"),
            (writing, "Bad file descriptor"),
        ):
            self.addCleanup(os.close, fd)
            self.failures.clear()
            reader = self.open(fd)
            if not self.failures:
                reader.doRead()
            self.assertEqual(self.failures, [f"read input: {why}"])
        self.assertEqual(self.seen, [])

    def test_no_stdin_at_all(self) -> None:
        self.open(None)
        self.assertEqual(self.seen, [None])

    def test_descriptor_somebody_else_made_non_blocking(self) -> None:
        reading, writing = self.pipe()
        self.addCleanup(os.close, writing)
        os.set_blocking(reading, False)
        self.open(reading).doRead()
        self.assertEqual(self.seen, [])

    def test_pause_and_resume(self) -> None:
        reading, writing = self.pipe()
        self.addCleanup(os.close, writing)
        reader = self.open(reading)
        os.write(writing, b"x")
        reader.pauseProducing()
        self.reactor.turn()
        self.assertEqual(self.seen, [])
        reader.resumeProducing()
        self.reactor.turn()
        self.assertEqual(self.seen, [b"x"])

    def test_stopped_is_for_ever_and_not_the_end(self) -> None:
        reading, writing = self.pipe()
        reader = self.open(reading)
        reader.stopProducing()
        os.close(writing)
        reader.resumeProducing()
        self.reactor.turn()
        reader.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.seen, [])

    def test_names_itself_in_the_log(self) -> None:
        self.assertEqual(self.open(None).logPrefix(), "StdinReader")


class RealReactorTests(TestCase):
    timeout = SECONDS

    async def read_all(self, fd: int) -> bytes:
        from twisted.internet import reactor

        received: list[bytes] = []
        ended: Deferred[None] = Deferred()
        reader = StdinReader(
            reactor,
            fd,
            received=received.append,
            ended=lambda: ended.callback(None),
            failed=ended.errback,
        )
        reader.resumeProducing()
        await ended
        return b"".join(received)

    async def test_regular_file(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(b"line\n" * 50_000)
            file.seek(0)
            self.assertEqual(await self.read_all(file.fileno()), b"line\n" * 50_000)

    async def test_dev_null(self) -> None:
        with open(os.devnull, "rb") as null:
            self.assertEqual(await self.read_all(null.fileno()), b"")

    async def test_pipe_whose_writer_goes(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.write(writing, b"last")
        os.close(writing)
        self.assertEqual(await self.read_all(reading), b"last")
