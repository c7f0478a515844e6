"""What a client sends: files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from echolab import InputError
from echolab.client.files import FilesReader, open_inputs
from tests.support import FakeReactor


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
