"""Output to descriptors, on real ones."""

from __future__ import annotations

import errno
import os
import pty
import select
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from echolab import DescriptorOutput, OutputError
from echolab.outputs import descriptor as output_module
from tests.support import SECONDS, FakeReactor
from tests.test_client import Producer

real_write = os.write
CHUNK = b"x" * 63 + b"\n"


class Disk:
    """A disk on which every file is full at some size, while the disk is full."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.full = True

    def write(self, fd: int, view: memoryview) -> int:
        """Like os.write; a full disk takes what fits and refuses the next call."""
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
        """Write a number of bytes, in numbered lines."""
        lines = b"".join(b"%063d\n" % i for i in range(bytes_ // 64))
        for start in range(0, len(lines), 4096):
            output.write(lines[start : start + 4096])
        return lines

    def drain(self, reading: int, size: int) -> bytes:
        """Read a number of bytes while the reactor runs."""
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

    def test_producer_that_fills_it_again_as_soon_as_it_is_resumed(self) -> None:
        reading, writing = self.pipe()
        self.addCleanup(os.close, reading)
        output = self.output(writing, max_buffered_bytes=1 << 16)
        left = [b"%063d\n" % i for i in range(16 << 10)]
        size = sum(map(len, left))
        expected = b"".join(left)

        class Eager(Producer):
            def resumeProducing(self) -> None:
                super().resumeProducing()
                while left and self.calls[-1:] == ["resume"]:
                    output.write(left.pop(0))

        producer = Eager()
        output.registerProducer(producer, True)
        producer.resumeProducing()
        self.assertEqual(self.drain(reading, size), expected)

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
        self.patch(output_module, "open_private", lambda fd: None)
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

    def test_reader_that_goes_away_from_a_full_pipe(self) -> None:
        reading, writing = self.pipe()
        output = self.output(writing, max_buffered_bytes=10)
        producer = Producer()
        output.registerProducer(producer, True)
        self.fill(output, 100_000)
        flushed = output.flush(5)
        os.close(reading)
        output.doWrite()
        output.write(CHUNK)
        self.assertEqual(self.lost, [None])
        self.assertEqual(producer.calls, ["pause", "resume"])
        self.assertTrue(self.successResultOf(flushed))

    def test_first_write_that_is_too_much_finds_the_reader_gone(self) -> None:
        reading, writing = self.pipe()
        output = self.output(writing, max_buffered_bytes=10)
        producer = Producer()
        output.registerProducer(producer, True)
        os.close(reading)
        output.write(CHUNK)
        self.assertEqual((self.lost, producer.calls), ([None], []))

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

    def full_file(self, flags: int) -> tuple[Path, int, Disk]:
        """A file of a shell's redirection, on a disk with room for six bytes."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name, "out")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags)
        self.addCleanup(os.close, fd)
        disk = Disk(6)
        self.patch(os, "write", disk.write)
        return path, fd, disk

    def test_no_half_line_is_left_in_a_file(self) -> None:
        for flags in (os.O_APPEND, 0):
            path, fd, disk = self.full_file(flags)
            output = self.output(fd, patient=True)
            output.write(b"one\ntwo\n")
            flushed = output.flush(3)
            self.reactor.advance(3)
            self.assertEqual(self.successResultOf(flushed), 4)
            output.close()
            self.assertEqual(path.read_bytes(), b"one\n")
            disk.full = False
            os.write(fd, memoryview(b"next\n"))
            self.assertEqual(path.read_bytes(), b"one\nnext\n", "no hole is left")

    def test_what_others_write_to_the_file_is_not_cut(self) -> None:
        for flags in (os.O_APPEND, 0):
            path, fd, _ = self.full_file(flags)
            output = self.output(fd, patient=True)
            output.write(b"one\ntwo\n")
            real_write(fd, b"said\n")  # stderr, on the same description.
            output.close()
            self.assertEqual(path.read_bytes(), b"one\ntwsaid\n")

    def test_line_that_was_finished_after_all_stays(self) -> None:
        path, fd, disk = self.full_file(os.O_APPEND)
        output = self.output(fd, patient=True)
        output.write(b"one\ntwo\n")
        disk.room = 8
        self.reactor.advance(1)
        output.write(b"three\n")
        output.close()
        self.assertEqual(path.read_bytes(), b"one\ntwo\n")

    def test_file_that_is_lost_ends_with_a_whole_line(self) -> None:
        path, fd, _ = self.full_file(os.O_APPEND)
        output = self.output(fd)
        output.write(b"one\ntwo\n")
        output.write(b"three\n")  # Dropped: the owner knows.
        [why] = self.lost
        self.assertEqual(str(why), "write stdout: No space left on device")
        self.assertEqual(path.read_bytes(), b"one\n")

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
