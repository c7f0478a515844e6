"""Commands among the lines that the user of a client types."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from echolab.client.stages.base import join
from echolab.client.stages.commands import Commands
from echolab.client.stages.crlf import CRLF
from echolab.terminal.named_file import SHORTER
from tests.support import FakeReactor
from tests.test_input import END, Out, Source


class CommandsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.out = Out()
        self.said: list[str] = []
        commands = Commands(
            self.reactor,
            send=self.out.append,
            reset=lambda: self.out.append(b"<reset>"),
            say=self.said.append,
            typed=lambda: self.said.append("<typed>"),
            ask=lambda: self.said.append("<ask>"),
        )
        self.reader = join(self.make_source, [commands, CRLF()], self.out)
        self.reader.resumeProducing()

    def make_source(self, taker: Any) -> Source:
        self.source = Source(taker)
        return self.source

    def file(self, data: bytes) -> str:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = Path(folder, "a file")
        path.write_bytes(data)
        return str(path)

    def test_lines_are_passed_on(self) -> None:
        self.source.feed(b"a\n", b"//b\n", b" /c\n", b"d", b"/e\n")
        self.source.end()
        self.assertEqual(
            self.out, [b"a\r\n", b"/b\r\n", b" /c\r\n", b"d", b"/e\r\n", END]
        )
        self.assertEqual(self.said, [])

    def test_only_what_a_client_obeys_is_proposed(self) -> None:
        self.source.feed(b"/tp 2\n")
        self.assertEqual(
            self.said[1],
            "/tp: no such command "
            "(/close, /reset, /send, /file; // begins a line with /)",
        )

    def test_bytes_are_sent_exactly(self) -> None:
        self.source.feed(b"/send \\x00\\xff\\n\n", b"/send x\n")
        self.assertEqual(self.out, [b"\0\xff\n", b"x"])
        self.assertEqual(self.said, ["<typed>", "<ask>"] * 2)

    def test_a_command_may_come_in_parts(self) -> None:
        self.source.feed(b"/se", b"nd a", b"b\n")
        self.assertEqual(self.out, [b"ab"])
        self.source.feed(b"/send c")
        self.source.end()
        self.assertEqual(self.out, [b"ab", b"c", END])

    def test_file_is_sent_as_it_is_as_fast_as_the_server_takes_it(self) -> None:
        data = b"/close\n" * 30_000
        path = self.file(data)
        open_files = len(os.listdir("/proc/self/fd"))
        self.source.feed(f"/file {path}\n".encode())
        self.assertEqual(self.source.calls[-1], "pause")
        self.reactor.turn()
        self.reader.pauseProducing()
        sent = len(self.out)
        self.reactor.turn()
        self.assertEqual(len(self.out), sent)
        self.reader.resumeProducing()
        self.assertEqual(self.source.calls[-1], "pause", "the file has not ended")
        while self.source.calls[-1] != "resume":
            self.reactor.turn()
        self.assertEqual(b"".join(self.out), data)
        self.assertEqual(
            self.said, ["<typed>", f"sent 210000 bytes of {path}", "<ask>"]
        )
        self.assertEqual(len(os.listdir("/proc/self/fd")), open_files)

    def test_a_file_that_gets_shorter(self) -> None:
        path = self.file(b"data")
        self.source.feed(f"/file {path}\n".encode())
        os.truncate(path, 1)
        while self.source.calls[-1] != "resume":
            self.reactor.turn()
        said = f"sent 1 byte of {path}, not more: {SHORTER}"
        self.assertEqual(self.said, ["<typed>", said, "<ask>"])

    def test_the_end_waits_for_the_file(self) -> None:
        self.source.feed(f"/file {self.file(b'data')}".encode())
        self.source.end()
        self.assertEqual(self.out, [])
        while END not in self.out:
            self.reactor.turn()
        self.assertEqual(self.out, [b"data", END])

    def test_stopped_while_a_file_is_sent(self) -> None:
        self.source.feed(f"/file {self.file(b'data')}\n".encode())
        self.reader.stopProducing()
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertEqual(self.source.calls[-1], "stop")

    def test_close_and_reset(self) -> None:
        self.source.feed(b"/close\n", b"/reset\n")
        self.assertEqual(self.source.calls[-1], "stop")
        self.assertEqual(self.out, [END])
        self.setUp()
        self.source.feed(b"/reset\n", b"a\n")
        self.assertEqual(self.source.calls[-1], "stop")
        self.assertEqual(self.out, [b"<reset>"])

    def test_what_cannot_be_done_is_said(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        os.mkfifo(f"{folder}/fifo")
        for line, why in (
            ("/to 2", "/to: there is one connection"),
            ("/all", "/all: there is one connection"),
            ("/peers", "/peers: there is one connection"),
            ("/close 2", "/close: there is one connection, without a number"),
            ("/send", r"/send: /send BYTES, as /send \x00\xff"),
            ("/send \\q", "/send \\q: has an unknown escape"),
            ("/file", "/file: /file PATH"),
            ("/file /none", "open /none: No such file or directory"),
            (f"/file {folder}", f"open {folder}: Is a directory"),
            (f"/file {folder}/fifo", f"open {folder}/fifo: not a regular file"),
            ("/file \0", "open \\x00: embedded null byte"),
        ):
            self.said.clear()
            self.source.feed(f"{line}\n".encode())
            self.assertIn(why, self.said)
            self.assertEqual(self.said[-1], "<ask>")
        self.source.feed(b"/none\n", b"a\n")
        self.assertIn("/none: no such command", self.said[-2])
        self.assertEqual(self.out, [b"a\r\n"])
