"""What a client sends: paced, with CRLF, from files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import InputError
from echolab.client.input import CRLF, FilesReader, Pacer, open_inputs
from tests.support import FakeReactor
from tests.test_client import Producer


class CRLFTests(SynchronousTestCase):
    @given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"bc"])))
    def test_any_cutting(self, chunks: list[bytes]) -> None:
        out: list[bytes] = []
        convert = CRLF(out.append)
        for chunk in chunks:
            convert(chunk)
        plain = b"".join(chunks).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self.assertEqual(b"".join(out), plain)


class PacerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.out: list[bytes] = []
        self.source = Producer()
        self.pacer = Pacer(
            self.clock,
            2,
            received=self.out.append,
            ended=lambda: self.out.append(b"end"),
        )
        self.pacer.source = self.source

    def test_so_many_lines_a_second(self) -> None:
        self.pacer.resumeProducing()
        self.pacer.take(b"1\n2\n3")
        self.pacer.take(b"\n4")
        self.pacer.end()
        self.assertEqual(self.out, [b"1\n"])
        self.clock.pump([0.1] * 4)
        self.assertEqual(self.out, [b"1\n"])
        self.clock.pump([0.1] * 2)
        self.assertEqual(self.out, [b"1\n", b"2\n"])
        self.clock.pump([0.1] * 12)
        self.assertEqual(self.out, [b"1\n", b"2\n", b"3\n", b"4", b"end"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many_lines_a_second_are_many(self) -> None:
        self.pacer = Pacer(
            self.clock, 10_000, received=self.out.append, ended=lambda: None
        )
        self.pacer.source = self.source
        self.pacer.resumeProducing()
        self.pacer.take(b"x\n" * 20_000)
        self.clock.pump([0.01] * 100)
        self.assertTrue(9_900 < len(self.out) < 10_300, len(self.out))

    def test_the_reader_waits_while_there_are_lines(self) -> None:
        self.pacer.resumeProducing()
        self.pacer.take(b"1\n2\n")
        self.assertEqual(self.source.calls, ["resume", "pause"])
        self.clock.advance(1)
        self.assertEqual(self.source.calls, ["resume", "pause", "resume"])

    def test_a_line_without_an_end_is_passed_on_in_pieces(self) -> None:
        self.pacer.resumeProducing()
        self.pacer.take(b"1\n")
        for _ in range(100):
            self.pacer.take(b"x" * 10_000)
            self.clock.advance(0.25)
        self.pacer.take(b"\n3\n")
        waiting = 1_000_000 - sum(map(len, self.out[1:]))
        self.assertLess(waiting, 2 * Pacer.MAX_BYTES)
        self.clock.pump([0.1] * 12)
        self.assertEqual(self.out[0], b"1\n")
        self.assertEqual(b"".join(self.out[1:-1]), b"x" * 1_000_000 + b"\n")
        self.assertEqual(self.out[-1], b"3\n")

    def test_pieces_of_a_line_wait_for_their_turn(self) -> None:
        self.pacer.resumeProducing()
        self.pacer.take(b"1\n2\n" + b"x" * 100_000)
        self.assertEqual(self.source.calls[-1], "pause")
        self.clock.pump([0.1] * 9)
        self.assertEqual(self.out, [b"1\n", b"2\n"])
        self.clock.pump([0.1] * 2)
        self.assertEqual(self.out[2:], [b"x" * 100_000])
        self.assertEqual(self.source.calls[-1], "resume")
        self.pacer.take(b"\n4\n")
        self.assertEqual(self.out[3:], [b"\n"])

    def test_a_slow_server_stops_it(self) -> None:
        self.pacer.resumeProducing()
        self.pacer.take(b"1\n2\n3\n")
        self.pacer.pauseProducing()
        self.clock.pump([1] * 5)
        self.assertEqual(self.out, [b"1\n"])
        self.pacer.resumeProducing()
        self.assertEqual(self.out, [b"1\n", b"2\n"])
        self.pacer.stopProducing()
        self.clock.pump([1] * 5)
        self.assertEqual(self.out, [b"1\n", b"2\n"])
        self.assertEqual(self.source.calls[-1], "stop")


class FilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_one_after_the_other(self) -> None:
        for name, text in (("a", "one\n.\n"), ("b", ""), ("c", "two")):
            (self.folder / name).write_text(text)
        inputs = open_inputs([f"{self.folder}/{name}" for name in "abc"])
        for fd, _ in inputs:
            self.addCleanup(os.close, fd)
        self.assertEqual([size for _, size in inputs], [6, 0, 3])
        reactor = FakeReactor()
        out: list[bytes] = []
        reader = FilesReader(
            reactor,
            [(name, fd) for name, (fd, _) in zip("abc", inputs, strict=True)],
            received=out.append,
            ended=lambda: out.append(b"<end>"),
            failed=lambda why: out.append(str(why).encode()),
        )
        reader.resumeProducing()
        while not out or out[-1] != b"<end>":
            reactor.turn()
        self.assertEqual(b"".join(out), b"one\n.\ntwo<end>")
        self.assertEqual(reactor.getReaders(), [])

    def test_none_comes_after_one_that_cannot_be_read(self) -> None:
        paths = ["/proc/self/mem", os.devnull]
        files = [os.open(path, os.O_RDONLY) for path in paths]
        for fd in files:
            self.addCleanup(os.close, fd)
        reactor = FakeReactor()
        seen: list[str] = []
        reader = FilesReader(
            reactor,
            list(zip(paths, files, strict=True)),
            received=lambda chunk: seen.append(repr(chunk)),
            ended=lambda: seen.append("end"),
            failed=lambda why: seen.append(str(why)),
        )
        reader.resumeProducing()
        [source] = reactor.getReaders()
        source.doRead()
        reader.resumeProducing()
        self.assertEqual(seen, ["read /proc/self/mem: Input/output error"])
        self.assertEqual(reactor.getReaders(), [])

    def test_what_cannot_be_opened(self) -> None:
        for path, reason in (
            (f"{self.folder}/none", "No such file or directory"),
            (str(self.folder), "Is a directory"),
        ):
            with self.assertRaisesRegex(InputError, f"^open {path}: {reason}$"):
                open_inputs([path])
