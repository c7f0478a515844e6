"""Commands among typed lines, and their completion."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from echolab.terminal.commands import (
    FOR_ONE,
    TypedCommand,
    as_data,
    bytes_of,
    read_line,
)
from echolab.terminal.completing import MOST_SHOWN, Completer


class ReadTests(SynchronousTestCase):
    def test_a_line_is_a_line(self) -> None:
        for line in (b"", b"hello", b" /to 2", b"a/b", b"\xff"):
            self.assertEqual(read_line(line), line)

    def test_two_signs_begin_a_line_with_one(self) -> None:
        self.assertEqual(read_line(b"//to 2"), b"/to 2")
        self.assertEqual(read_line(b"///"), b"//")
        self.assertEqual(read_line(b"/.quit"), b".quit")
        for line in ("/to 2", "//", ".", "./configure", "plain", ""):
            self.assertEqual(read_line(as_data(line).encode()), line.encode())

    def test_commands(self) -> None:
        self.assertEqual(read_line(b"/to 2"), TypedCommand("to", "2"))
        self.assertEqual(read_line(b"/all"), TypedCommand("all", ""))
        self.assertEqual(read_line(b"/send  a "), TypedCommand("send", " a "))

    def test_what_is_none(self) -> None:
        for line, why in (
            (b"/clsoe 2", "^/clsoe: no such command; did you mean /close\\? \\(/to, "),
            (b"/etc/passwd", "^/etc/passwd: no such command .*; // begins a line"),
            (b"/\x1b[2J\xff", r"^/\\x1b\[2J\\xff: no such command"),
            (b"/", "^/: no such command"),
        ):
            with self.assertRaisesRegex(ValueError, why):
                read_line(line)

    def test_bytes(self) -> None:
        self.assertEqual(bytes_of(r"a\x00\xff\r\n "), b"a\0\xff\r\n ")
        self.assertEqual(bytes_of("é\udcff"), "é".encode() + b"\xff")
        for argument, why in (
            ("", "/send: /send BYTES"),
            (r"\q", "^/send .*q: has an unknown escape"),
            (r"\x0", "^/send .*x0: "),
        ):
            with self.assertRaisesRegex(ValueError, why):
                bytes_of(argument)


class CompletionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.numbers: dict[int, str] = {}
        self.complete = Completer(lambda: self.numbers)

    def rest(self, text: str) -> str:
        completion = self.complete(text)
        assert completion is not None
        return completion.rest

    def choices(self, text: str) -> list[str]:
        completion = self.complete(text)
        assert completion is not None
        return completion.choices

    def test_only_commands_that_are_obeyed(self) -> None:
        self.complete = Completer(names=FOR_ONE)
        self.assertEqual(self.choices("/"), ["/close", "/reset", "/send", "/file"])

    def test_what_takes_any_text(self) -> None:
        for text in ("", "a", "//", "//f", "/send ", "/send a", "/all ", "/none "):
            self.assertIsNone(self.complete(text))

    def test_names(self) -> None:
        self.assertEqual(self.rest("/cl"), "ose ")
        self.assertEqual(self.rest("/t"), "o ")
        self.assertEqual((self.rest("/x"), self.choices("/x")), ("", []))
        self.assertEqual(
            self.choices("/"),
            ["/to", "/all", "/peers", "/close", "/reset", "/send", "/file"],
        )

    def test_numbers(self) -> None:
        self.numbers = {2: "127.0.0.1:1", 11: "127.0.0.1:2", 12: "127.0.0.1:3"}
        self.assertEqual(self.rest("/to 2"), "")
        self.assertEqual(self.rest("/close 1"), "")
        self.assertEqual(self.choices("/close 1"), ["11 127.0.0.1:2", "12 127.0.0.1:3"])
        self.numbers = {7: "127.0.0.1:1"}
        self.assertEqual(self.rest("/reset "), "7")

    def test_of_many_choices_some_are_shown(self) -> None:
        self.numbers = dict.fromkeys(range(1, 1001), "")
        shown = self.choices("/to ")
        self.assertEqual(len(shown), MOST_SHOWN + 1)
        self.assertEqual(shown[-1], f"… {1000 - MOST_SHOWN} more")

    def test_paths(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        for name in ("long name", "long\x1b", "other", ".hidden", "new\nline"):
            Path(folder, name).touch()
        Path(folder, "below").mkdir()
        start = f"/file {folder}/"
        self.assertEqual(self.rest(f"{start}o"), "ther")
        self.assertEqual(self.rest(f"{start}b"), "elow/")
        self.assertEqual(self.rest(f"{start}.h"), "idden")
        self.assertEqual(self.rest(f"{start}l"), "ong")
        self.assertEqual(self.choices(f"{start}long"), ["long\\x1b", "long name"])
        self.assertEqual(
            self.choices(start), ["below/", "long\\x1b", "long name", "other"]
        )
        self.assertEqual(self.choices(f"{start}none/"), [])
        self.assertEqual(self.choices("/file \0/"), [])

    def test_paths_in_the_home_and_here(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        Path(folder, "only").touch()
        self.patch(os, "environ", {**os.environ, "HOME": folder})
        self.assertEqual(self.rest("/file ~/o"), "nly")
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(folder)
        self.assertEqual(self.rest("/file "), "only")
