"""The keyboard, on a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import termios

from twisted.trial.unittest import SynchronousTestCase

from echolab.terminal.keyboard import key_by_key, typed_ahead


class KeyboardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.master, self.terminal = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        self.addCleanup(os.close, self.master)

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def test_end_of_input_is_a_key(self) -> None:
        before = termios.tcgetattr(self.terminal)
        with key_by_key(self.terminal):
            self.type(b"a\x04")
            self.assertEqual(os.read(self.terminal, 9), b"a\x04")
            signals = termios.tcgetattr(self.terminal)[3] & termios.ISIG
            self.assertTrue(signals, "Ctrl-C would do nothing")
        self.assertEqual(termios.tcgetattr(self.terminal), before)

    def test_typed_ahead(self) -> None:
        for typed, lines in (
            (b"", []),
            (b"half", []),
            (b"one\n\ntwo\nhalf", [b"one\n", b"\n", b"two\n"]),
            (b"one\n\x04", [b"one\n", b""]),
            (b"half\x04\x04", [b"half", b""]),
        ):
            self.assertEqual([*typed_ahead(self.terminal)], [])
            self.type(typed)
            self.assertEqual([*typed_ahead(self.terminal)], lines)
            termios.tcflush(self.terminal, termios.TCIFLUSH)

    def test_terminal_that_is_gone(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        with key_by_key(writing):
            self.assertEqual([*typed_ahead(-1)], [])
