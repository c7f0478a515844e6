"""Outputs, on real descriptors."""

from __future__ import annotations

import errno
import os
import pty
import select
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver, StringTransport
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from echolab import DescriptorOutput, FileOutput, LogOutput, OutputError
from echolab import output as output_module
from echolab.sharing import share
from tests.support import SECONDS, FakeReactor
from tests.test_client import Producer

real_write = os.write
CHUNK = b"x" * 63 + b"\n"


class Disk:
    """A disk on which every file is full at so many bytes, while it is full."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.full = True

    def write(self, fd: int, view: memoryview) -> int:
        """As os.write; a disk takes what fits and refuses the next call."""
        if not self.full:
            return real_write(fd, view)
        left = self.room - os.fstat(fd).st_size
        if left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(fd, view[:left])


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

    def test_full_device_is_waited_for(self) -> None:
        with open("/dev/full", "wb", buffering=0) as full:
            output = self.output(full.fileno(), patient=True)
            output.write(b"x\n")
            self.assertEqual(self.lost, [])
            self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
            output.close()

    def test_full_device_is_an_error_to_the_impatient(self) -> None:
        with open("/dev/full", "wb", buffering=0) as full:
            self.output(full.fileno()).write(b"x\n")
        [why] = self.lost
        self.assertEqual(str(why), "write stdout: No space left on device")

    def test_error(self) -> None:
        def write(fd: int, view: memoryview) -> int:
            raise OSError(errno.EIO, "Input/output error")

        _, writing = self.pipe()
        output = self.output(writing)
        self.patch(os, "write", write)
        output.write(b"x\n")
        [why] = self.lost
        self.assertEqual(str(why), "write stdout: Input/output error")

    def test_full_disk_under_a_file_is_waited_for(self) -> None:
        disk = Disk(6)
        self.patch(os, "write", disk.write)
        with tempfile.TemporaryFile(buffering=0) as file:
            output = self.output(file.fileno(), patient=True)
            producer = Producer()
            output.registerProducer(producer, True)
            output.write(b"one\ntwo\n")
            self.reactor.advance(1)
            self.assertEqual(producer.calls, ["pause"])
            disk.full = False
            self.reactor.advance(1)
            self.assertEqual(producer.calls, ["pause", "resume"])
            file.seek(0)
            self.assertEqual(file.read(), b"one\ntwo\n")
        self.assertEqual(self.lost, [])

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

    def test_names_itself_in_the_log(self) -> None:
        _, writing = self.pipe()
        self.assertEqual(self.output(writing).logPrefix(), "DescriptorOutput")


class FileOutputTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name, "folder")
        self.folder.mkdir()
        self.path = self.folder / "out"

    def output(self) -> FileOutput:
        output = FileOutput(str(self.path), clock=self.clock)
        self.addCleanup(output.close)
        return output

    def said(self) -> list[str | None]:
        return [formatEvent(event) for event in self.log]

    def test_appends_and_new_files_are_private(self) -> None:
        for text in (b"one\n", b"two\n"):
            output = self.output()
            output.write(text)
            self.assertEqual(self.successResultOf(output.flush(1)), 0)
            output.close()
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\n")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_closes_its_file(self) -> None:
        before = sorted(os.listdir("/proc/self/fd"))
        self.output().close()
        self.assertEqual(sorted(os.listdir("/proc/self/fd")), before)

    def test_no_such_folder(self) -> None:
        with self.assertRaisesRegex(
            OutputError, "^open /no/such/file: No such file or directory$"
        ):
            FileOutput("/no/such/file", clock=self.clock)

    def test_reopens(self) -> None:
        output = self.output()
        output.write(b"before\n")
        self.path.rename(self.folder / "out.1")
        output.write(b"still the old\n")
        self.assertTrue(output.reopen())
        output.write(b"after\n")
        old = (self.folder / "out.1").read_bytes()
        self.assertEqual(old, b"before\nstill the old\n")
        self.assertEqual(self.path.read_bytes(), b"after\n")

    def test_cannot_be_reopened(self) -> None:
        output = self.output()
        moved = self.folder.rename(self.folder.with_name("moved"))
        output.reopen()
        output.write(b"not lost\n")
        self.assertEqual((moved / "out").read_bytes(), b"not lost\n")
        [said] = self.said()
        self.assertIn("No such file or directory; the old file stays in use", str(said))

    def test_full_disk_pauses_until_it_works(self) -> None:
        disk = Disk(6)
        self.patch(os, "write", disk.write)
        output = self.output()
        producer = Producer()
        output.registerProducer(producer, True)
        output.write(b"one\ntwo\n")
        output.write(b"three\n")
        self.assertEqual(producer.calls, ["pause"])
        for _ in range(3):
            self.clock.advance(1)
        self.assertEqual(self.path.read_bytes(), b"one\ntw")
        disk.full = False
        self.clock.advance(1)
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\nthree\n")
        self.assertEqual(producer.calls, ["pause", "resume"])
        self.assertEqual(
            self.said(),
            [
                f"write {self.path}: No space left on device; waiting until it works",
                f"write {self.path}: works again",
            ],
        )

    def test_rotated_while_the_disk_is_full(self) -> None:
        disk = Disk(6)
        self.patch(os, "write", disk.write)
        output = self.output()
        output.write(b"one\ntwo\nthree\n")
        old = self.path.rename(self.folder / "old")
        output.reopen()
        disk.full = False
        self.clock.advance(1)
        self.assertEqual(old.read_bytes(), b"one\n")
        self.assertEqual(self.path.read_bytes(), b"two\nthree\n")

    def test_no_half_line_is_left_behind(self) -> None:
        disk = Disk(6)
        self.patch(os, "write", disk.write)
        output = self.output()
        output.write(b"one\ntwo and more\n")
        for room in (7, 9):
            self.patch(os, "write", Disk(room).write)
            self.clock.advance(1)
        self.assertEqual(self.path.read_bytes(), b"one\ntwo a")
        output.close()
        self.assertEqual(self.path.read_bytes(), b"one\n")

    def test_what_others_append_is_not_cut(self) -> None:
        disk = Disk(6)
        self.patch(os, "write", disk.write)
        output = self.output()
        output.write(b"one\ntwo\n")
        disk.full = False
        with self.path.open("ab", buffering=0) as other:
            other.write(b"other\n")
        output.close()
        self.assertEqual(self.path.read_bytes(), b"one\ntwother\n")

    def test_durable_before_it_counts(self) -> None:
        calls: list[str] = []
        real_sync = os.fsync

        def write(fd: int, view: memoryview) -> int:
            calls.append("write")
            return real_write(fd, view)

        def sync(fd: int) -> None:
            calls.append("sync")
            if calls.count("sync") == 2:
                raise OSError(errno.EIO, "Input/output error")
            real_sync(fd)

        self.patch(os, "write", write)
        self.patch(os, "fsync", sync)
        output = FileOutput(str(self.path), clock=self.clock, sync=True)
        self.addCleanup(output.close)
        output.write(b"one\n")
        output.write(b"two\n")
        self.assertEqual(calls, ["write", "sync"] * 2)
        flushed = output.flush(5)
        self.assertNoResult(flushed)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(flushed), 0)
        self.assertEqual(calls, ["write", "sync"] * 2 + ["sync"])
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\n")

    def test_closed_while_it_waits(self) -> None:
        output = FileOutput("/dev/full", clock=self.clock)
        output.write(b"x\n")
        flushed = output.flush(2)
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(flushed), 2)
        output.close()
        output.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_fifo_that_is_full_at_the_end(self) -> None:
        os.mkfifo(self.path)
        reading = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        output = self.output()
        output.write(b"x" * 100_000)
        output.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_rotated_while_a_write_is_not_durable(self) -> None:
        broken = True

        def sync(fd: int) -> None:
            if broken:
                raise OSError(errno.EIO, "Input/output error")

        self.patch(os, "fsync", sync)
        disk = Disk(6)
        self.patch(os, "write", disk.write)
        output = FileOutput(str(self.path), clock=self.clock, sync=True)
        self.addCleanup(output.close)
        output.write(b"one\ntwo\n")
        broken = False
        self.clock.advance(1)  # "one" and the half of "two" are durable, ...
        broken = True
        disk.room = 7
        self.clock.advance(1)  # ... and one more byte is not.
        self.assertEqual(self.path.read_bytes(), b"one\ntwo")
        old = self.path.rename(self.folder / "old")
        output.reopen()
        broken = disk.full = False
        self.clock.advance(1)
        self.assertEqual(old.read_bytes(), b"one\n")
        self.assertEqual(self.path.read_bytes(), b"two\n")

    def test_fifo_that_is_full(self) -> None:
        os.mkfifo(self.path)
        reading = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        output = self.output()
        output.write(b"x" * 100_000)
        got = b""
        while len(got) < 100_000:
            got += os.read(reading, 1 << 20)
            self.clock.advance(0.01)
        self.assertEqual(got, b"x" * 100_000)
        self.assertEqual(self.said(), [])


class ShareTests(SynchronousTestCase):
    def test_the_slowest_sets_the_pace(self) -> None:
        producer = Producer()
        one, two = StringTransport(), StringTransport()
        share(producer, (one, two))
        assert one.producer is not None
        assert two.producer is not None
        one.producer.pauseProducing()
        two.producer.pauseProducing()
        one.producer.resumeProducing()
        self.assertEqual(producer.calls, ["pause"])
        two.producer.resumeProducing()
        one.producer.stopProducing()
        self.assertEqual(producer.calls, ["pause", "resume", "stop"])


class LogOutputTests(TestCase):
    def test_each_line_is_an_entry(self) -> None:
        observer = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        output = LogOutput()
        output.registerProducer(Producer(), True)
        output.write(b"recv data: a {b}\nrecv data: \xff\n")
        output.unregisterProducer()
        self.assertEqual(self.successResultOf(output.flush(1)), 0)
        self.assertFalse(output.reopen())
        output.close()
        self.assertEqual(
            [formatEvent(event) for event in observer],
            ["recv data: a {b}", "recv data: \\xff"],
        )
