"""Outputs, on real descriptors."""

from __future__ import annotations

import os
import pty
import select
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from echolab import DescriptorOutput, LogOutput, OutputError
from echolab import output as output_module
from echolab.output import open_append
from tests.support import SECONDS, FakeReactor
from tests.test_client import Producer

CHUNK = b"x" * 63 + b"\n"


class OutputTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.lost: list[OutputError | None] = []

    def output(self, fd: int, **more: Any) -> DescriptorOutput:
        output = DescriptorOutput(
            self.reactor,
            fd,
            "stdout",
            clock=self.reactor,
            lost=self.lost.append,
            **more,
        )
        self.addCleanup(output.close)
        return output

    def pipe(self) -> tuple[int, int]:
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        return reading, writing

    def fill(self, output: DescriptorOutput, bytes_: int) -> bytes:
        """Write so much, in lines that can be told apart."""
        lines = b"".join(b"%063d\n" % i for i in range(bytes_ // 64))
        for start in range(0, len(lines), 4096):
            output.write(lines[start : start + 4096])
        return lines

    def drain(self, reading: int, size: int) -> bytes:
        """Read so much while the reactor turns."""
        got = b""
        while len(got) < size:
            ready, _, _ = select.select([reading], [], [], SECONDS)
            self.assertTrue(ready, f"{size - len(got)} bytes are missing")
            got += os.read(reading, 65536)
            self.reactor.turn()
        return got

    def test_writes_at_once(self) -> None:
        reading, writing = self.pipe()
        self.output(writing).write(b"now\n")
        self.assertEqual(os.read(reading, 100), b"now\n")
        os.close(reading)

    def test_full_pipe_pauses_and_loses_nothing(self) -> None:
        reading, writing = self.pipe()
        output = self.output(writing, max_buffered_bytes=100_000)
        producer = Producer()
        output.registerProducer(producer, True)
        lines = self.fill(output, 400_000)
        self.assertEqual(producer.calls, ["pause"])
        self.assertEqual(self.drain(reading, len(lines)), lines)
        self.assertEqual(producer.calls, ["pause", "resume"])
        self.assertTrue(os.get_blocking(writing), "the flags are others' too")
        os.close(reading)

    def test_producer_that_comes_to_a_full_output_is_paused(self) -> None:
        reading, writing = self.pipe()
        output = self.output(writing, max_buffered_bytes=10)
        lines = self.fill(output, 100_000)
        producer = Producer()
        output.registerProducer(producer, True)
        output.unregisterProducer()
        self.drain(reading, len(lines))
        self.assertEqual(producer.calls, ["pause"])
        with self.assertRaisesRegex(ValueError, "push producer"):
            output.registerProducer(producer, False)
        os.close(reading)

    def test_terminal_that_is_stopped(self) -> None:
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        output = self.output(slave, max_buffered_bytes=10)
        producer = Producer()
        output.registerProducer(producer, True)
        lines = self.fill(output, 40_000)
        self.assertEqual(producer.calls, ["pause"])
        shown = self.drain(master, len(lines.replace(b"\n", b"\r\n")))
        self.assertEqual(shown.replace(b"\r\n", b"\n"), lines)
        self.assertTrue(os.get_blocking(slave))

    def test_socket_and_whatever_cannot_be_opened_again(self) -> None:
        self.patch(output_module, "_open_private", lambda fd: None)
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        reading, writing = self.pipe()
        self.addCleanup(os.close, reading)
        for near, far in ((ours.fileno(), theirs.fileno()), (writing, reading)):
            output = self.output(near)
            lines = self.fill(output, 2_000_000)
            self.assertNotEqual(self.reactor.getWriters(), [])
            self.assertEqual(self.drain(far, len(lines)), lines)
            self.assertTrue(os.get_blocking(near))

    def test_socket_is_not_opened_again(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.output(ours.fileno()).write(b"hello\n")
        self.assertEqual(theirs.recv(100), b"hello\n")

    def test_reader_that_goes_away_while_all_is_quiet(self) -> None:
        reading, writing = self.pipe()
        output = self.output(writing)
        output.doRead()
        self.assertEqual(self.lost, [])
        os.close(reading)
        output.doRead()
        output.doRead()
        self.assertEqual(self.lost, [None])

    def test_reactor_notices_that_the_reader_went_away(self) -> None:
        reading, writing = self.pipe()
        output = self.output(writing)
        os.close(reading)
        output.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.lost, [None])

    def test_write_finds_the_reader_gone(self) -> None:
        reading, writing = self.pipe()
        output = self.output(writing)
        os.close(reading)
        output.write(b"x\n")
        output.write(b"y\n")
        self.assertEqual(self.lost, [None])

    def test_full_disk(self) -> None:
        with open("/dev/full", "wb", buffering=0) as full:
            self.output(full.fileno()).write(b"x\n")
        [why] = self.lost
        self.assertEqual(str(why), "write stdout: No space left on device")

    def test_flush(self) -> None:
        reading, writing = self.pipe()
        output = self.output(writing)
        self.assertEqual(self.successResultOf(output.flush(5)), 0)
        lines = self.fill(output, 100_000)
        flushed = output.flush(5)
        self.assertNoResult(flushed)
        self.drain(reading, len(lines))
        self.assertEqual(self.successResultOf(flushed), 0)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        os.close(reading)

    def test_flush_gives_up(self) -> None:
        reading, writing = self.pipe()
        output = self.output(writing)
        lines = self.fill(output, 100_000)
        flushed = output.flush(5)
        self.reactor.advance(5)
        left = self.successResultOf(flushed)
        output.close()
        self.assertEqual(len(os.read(reading, 1 << 20)) + left, len(lines))
        self.assertEqual(self.successResultOf(output.flush(5)), left)
        os.close(reading)

    def test_close_closes_what_is_owned(self) -> None:
        before = set(os.listdir("/proc/self/fd"))
        with tempfile.TemporaryDirectory() as folder:
            fd = open_append(f"{folder}/out")
            output = self.output(fd, owned=True)
            output.write(b"x\n")
            output.close()
            self.assertEqual(Path(folder, "out").read_bytes(), b"x\n")
        self.assertEqual(set(os.listdir("/proc/self/fd")), before)

    def test_names_itself_in_the_log(self) -> None:
        _, writing = self.pipe()
        self.assertEqual(self.output(writing).logPrefix(), "DescriptorOutput")


class OpenAppendTests(SynchronousTestCase):
    def test_appends_and_new_files_are_private(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "out")
            for text in (b"one\n", b"two\n"):
                fd = open_append(str(path))
                os.write(fd, text)
                os.close(fd)
            self.assertEqual(path.read_bytes(), b"one\ntwo\n")
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_no_such_folder(self) -> None:
        with self.assertRaisesRegex(
            OutputError, "^open /no/such/file: No such file or directory$"
        ):
            open_append("/no/such/file")


class LogOutputTests(TestCase):
    def test_each_line_is_an_entry(self) -> None:
        observer = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        output = LogOutput()
        output.registerProducer(Producer(), True)
        output.write(b"recv data: a {b}\nrecv data: \xff\n")
        output.unregisterProducer()
        self.assertEqual(self.successResultOf(output.flush(1)), 0)
        output.close()
        self.assertEqual(
            [formatEvent(event) for event in observer],
            ["recv data: a {b}", "recv data: \\xff"],
        )
