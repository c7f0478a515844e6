"""Output to files, on a real disk with injected errors."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase
from typing_extensions import override

from echolab import FileOutput, OutputError
from echolab.outputs.open_files import OpenFiles
from tests.test_client import Producer
from tests.test_output import Disk, real_write


class FileOutputTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name, "folder")
        self.folder.mkdir()
        self.path = self.folder / "out"

    def output(self, *, sync: bool = False) -> FileOutput:
        output = FileOutput(str(self.path), clock=self.clock, sync=sync)
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

    def test_working_folder_that_is_deleted(self) -> None:
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.folder.rmdir()
        with self.assertRaisesRegex(
            OutputError, "^open out: No such file or directory$"
        ):
            FileOutput("out", clock=self.clock)

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

    def test_a_closed_one_is_not_reopened(self) -> None:
        output = self.output()
        output.close()
        self.path.unlink()
        # It gets the number of the descriptor that was closed.
        other = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, other)
        self.assertFalse(output.reopen())
        os.fstat(other)
        self.assertFalse(self.path.exists())

    def test_a_caller_may_close_it_when_all_is_written(self) -> None:
        def close(_left: int, output: FileOutput) -> None:
            output.close()

        for end in FileOutput.close, FileOutput.reopen:
            output = self.output()
            output.write(b"x\n")
            flushed = output.flush(None)
            flushed.addCallback(close, output)
            end(output)
            self.successResultOf(flushed)
            self.assertTrue(output.closed)

    def test_cannot_be_reopened(self) -> None:
        output = self.output()
        moved = self.folder.rename(self.folder.with_name("moved"))
        output.reopen()
        output.write(b"not lost\n")
        self.assertEqual((moved / "out").read_bytes(), b"not lost\n")
        self.assertIn(
            "No such file or directory; the old file stays in use", str(self.said()[0])
        )

    def test_two_that_become_one_are_not_reopened(self) -> None:
        files = OpenFiles()
        output = FileOutput(str(self.path), clock=self.clock, files=files)
        beside = str(self.folder / "beside")
        other = FileOutput(beside, clock=self.clock, files=files)
        self.addCleanup(output.close)
        old = self.path.rename(self.folder / "out.1")
        self.path.symlink_to(beside)
        output.reopen()
        output.write(b"in the old one\n")
        self.assertEqual(old.read_bytes(), b"in the old one\n")
        self.assertEqual(Path(beside).read_bytes(), b"")
        self.assertIn(
            f"open {self.path}: the same file as {beside}; the old file stays in use",
            str(self.said()[0]),
        )
        # The file is free when the other output releases it.
        other.close()
        output.reopen()
        output.write(b"in the new one\n")
        self.assertEqual(Path(beside).read_bytes(), b"in the new one\n")

    def test_reopened_where_nothing_has_moved(self) -> None:
        files = OpenFiles()
        output = FileOutput(str(self.path), clock=self.clock, files=files)
        self.addCleanup(output.close)
        for _ in range(2):
            output.reopen()
            with self.assertRaisesRegex(OutputError, "the same file as"):
                FileOutput(str(self.path), clock=self.clock, files=files)
        self.assertEqual(self.said(), [])

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


real_fsync = os.fsync


class Failing:
    """fsync(2) as on Linux: the next call does not report what a failure lost.

    Attributes:
        broken: whether it fails.
        durable: what a file would hold after a crash; a folder has no bytes.
        calls: ``write`` and ``sync``, in order; ``sync folder`` for a folder.
    """

    def __init__(self) -> None:
        self.broken = False
        self.durable: dict[int, bytes] = {}
        self.calls: list[str] = []

    def write(self, fd: int, view: memoryview) -> int:
        self.calls.append("write")
        return real_write(fd, view)

    def sync(self, fd: int) -> None:
        status = os.fstat(fd)
        folder = stat.S_ISDIR(status.st_mode)
        self.calls.append("sync folder" if folder else "sync")
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        real_fsync(fd)
        if not folder:
            path = os.readlink(f"/proc/self/fd/{fd}")
            self.durable[status.st_ino] = Path(path).read_bytes()


class OneWriteATurn(FileOutput):
    """A turn of the reactor ends after each write."""

    @override
    def write(self, data: bytes) -> None:
        super().write(data)
        assert isinstance(self._clock, Clock)
        self._clock.advance(0)


class DurableTests(FileOutputTests):
    """The tests above, and more, with ``sync``."""

    def setUp(self) -> None:
        super().setUp()
        self.disk = Failing()
        self.patch(os, "fsync", self.disk.sync)

    def output(self, *, sync: bool = True) -> FileOutput:
        output = OneWriteATurn(str(self.path), clock=self.clock, sync=sync)
        self.addCleanup(output.close)
        return output

    def turns(self) -> FileOutput:
        """Return an output whose turns end when the clock goes on."""
        return super().output(sync=True)

    def test_what_comes_in_one_turn_is_synced_once(self) -> None:
        self.patch(os, "write", self.disk.write)
        output = self.turns()
        output.write(b"one\n")
        output.write(b"two\n")
        self.assertEqual(output.waiting_bytes, 8)
        flushed = output.flush(None)
        self.assertNoResult(flushed)
        self.clock.advance(0)
        self.assertEqual(self.disk.calls, ["write", "sync", "sync folder"])
        self.assertEqual(self.durable(self.path), b"one\ntwo\n")
        self.assertEqual(self.successResultOf(flushed), 0)
        self.assertEqual(output.waiting_bytes, 0)

    def test_a_long_turn_is_synced_in_parts_and_pauses_nobody(self) -> None:
        output = self.turns()
        producer = Producer()
        output.registerProducer(producer, True)
        for _ in range(9):
            output.write(b"x" * 65535 + b"\n")
        self.assertEqual(len(self.durable(self.path)), 5 << 16)
        self.clock.advance(0)
        self.assertEqual(len(self.durable(self.path)), 9 << 16)
        self.assertEqual(producer.calls, [])

    def test_a_turn_that_is_cut_off_by_a_rotation_or_the_end_is_synced(self) -> None:
        output = self.turns()
        output.write(b"one\n")
        old = self.path.rename(self.folder / "old")
        output.reopen()
        output.write(b"two\n")
        output.close()
        self.assertEqual(self.durable(old), b"one\n")
        self.assertEqual(self.durable(self.path), b"two\n")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_turns_after_a_failed_one_wait_for_the_disk(self) -> None:
        output = self.turns()
        producer = Producer()
        output.registerProducer(producer, True)
        self.disk.broken = True
        output.write(b"one\n")
        self.clock.advance(0)
        output.write(b"x" * (1 << 19) + b"\n")
        self.clock.advance(0)
        self.assertEqual(producer.calls, ["pause"])
        self.disk.broken = False
        self.clock.advance(1)
        self.assertEqual(producer.calls, ["pause", "resume"])
        self.assertEqual(len(self.durable(self.path)), 4 + (1 << 19) + 1)
        output.write(b"two\n")
        self.clock.advance(0)
        self.assertTrue(self.durable(self.path).endswith(b"two\n"))

    def durable(self, path: Path) -> bytes:
        return self.disk.durable[path.stat().st_ino]

    def test_durable_before_it_counts(self) -> None:
        self.patch(os, "write", self.disk.write)
        output = self.output()
        output.write(b"one\n")
        self.assertEqual(self.disk.calls, ["write", "sync", "sync folder"])
        self.disk.broken = True
        output.write(b"two\n")
        flushed = output.flush(5)
        self.clock.advance(1)
        self.assertNoResult(flushed)
        self.disk.broken = False
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(flushed), 0)
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\n")
        # A success counts only for what was written after the last failure.
        again = ["write", "sync"]
        self.assertEqual(self.disk.calls[3:], again * 3)

    def test_folder_of_a_new_file_is_synced_until_it_works(self) -> None:
        output = self.output()
        self.disk.broken = True
        output.write(b"one\n")
        self.disk.broken = False
        self.clock.advance(1)
        output.write(b"two\n")
        self.assertEqual(self.disk.calls, ["sync", "sync", "sync folder", "sync"])
        output.reopen()
        output.write(b"three\n")
        self.assertEqual(self.disk.calls[4:], ["sync", "sync folder"])

    def test_folder_that_cannot_be_synced(self) -> None:
        def sync(fd: int) -> None:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "Invalid argument")

        self.patch(os, "fsync", sync)
        output = self.output()
        output.write(b"one\n")
        self.assertEqual(self.successResultOf(output.flush(0)), 0)
        why = f"fsync {self.folder}: Invalid argument; a crash may take new files with "
        self.assertEqual(self.said(), [why + "it"])

    def test_memory_is_bounded_while_it_fails(self) -> None:
        output = self.output()
        producer = Producer()
        output.registerProducer(producer, True)
        self.disk.broken = True
        output.write(b"one\n")
        self.assertEqual(producer.calls, ["pause"])
        output.write(b"two\n")  # The bytes on their way.
        self.disk.broken = False
        self.clock.advance(1)
        self.assertEqual(producer.calls, ["pause", "resume"])
        self.assertEqual(self.durable(self.path), b"one\ntwo\n")

    def test_others_have_written_behind_what_is_in_doubt(self) -> None:
        output = self.output()
        self.disk.broken = True
        output.write(b"one\n")
        with self.path.open("ab", buffering=0) as other:
            other.write(b"other\n")
        self.clock.advance(1)
        self.clock.advance(1)
        self.disk.broken = False
        self.clock.advance(1)
        self.assertEqual(self.path.read_bytes(), b"one\nother\none\n")
        self.assertIn("4 bytes that could not be synced", str(self.said()[1]))

    def test_rotated_while_in_doubt(self) -> None:
        output = self.output()
        output.write(b"one\n")
        self.disk.broken = True
        output.write(b"two\n")
        old = self.path.rename(self.folder / "old")
        self.disk.broken = False
        output.reopen()
        self.assertEqual(self.durable(old), b"one\n")
        self.clock.advance(1)
        self.assertEqual(self.durable(self.path), b"two\n")
        self.assertEqual(old.read_bytes(), b"one\n")
        self.assertIn("4 bytes that could not be synced", str(self.said()[1]))

    def test_rotated_while_the_disk_fails(self) -> None:
        output = self.output()
        self.disk.broken = True
        output.write(b"one\n")
        self.path.rename(self.folder / "old")
        output.reopen()
        self.disk.broken = False
        self.clock.advance(1)
        self.assertEqual(self.durable(self.path), b"one\n")
        self.assertIn("what was cut off its end may come back", str(self.said()[2]))

    def test_rotated_in_the_middle_of_a_line_that_is_in_doubt(self) -> None:
        disk = Disk(6)
        self.patch(os, "write", disk.write)
        output = self.output()
        output.write(b"one\ntwo\n")  # "one" and the half of "two" are durable, ...
        disk.room = 7
        self.disk.broken = True
        self.clock.advance(1)  # ... and one more byte is not.
        self.assertEqual(self.path.read_bytes(), b"one\ntwo")
        old = self.path.rename(self.folder / "old")
        self.disk.broken = disk.full = False
        output.reopen()
        self.clock.advance(1)
        self.assertEqual(self.durable(old), b"one\n")
        self.assertEqual(self.durable(self.path), b"two\n")

    def test_closed_while_in_doubt(self) -> None:
        disk = Disk(10)
        self.patch(os, "write", disk.write)
        self.disk.broken = True
        output = self.output()
        output.write(b"one\ntwo\nthree\n")
        flushed = output.flush(1)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(flushed), 14)
        output.close()
        # It may survive a crash or not; no line is torn.
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\n")

    def test_closed_while_a_line_is_in_doubt(self) -> None:
        disk = Disk(6)
        self.patch(os, "write", disk.write)
        output = self.output()
        output.write(b"one\ntwo\n")
        disk.room = 7
        self.disk.broken = True
        self.clock.advance(1)
        output.close()
        self.assertEqual(self.path.read_bytes(), b"one\n")

    def test_only_a_regular_file_can_be_synced(self) -> None:
        os.mkfifo(self.path)
        reading = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        self.output().write(b"one\n")
        self.assertEqual(os.read(reading, 100), b"one\n")
        self.assertEqual(self.disk.calls, [])
