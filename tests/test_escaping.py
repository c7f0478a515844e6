"""Real attacks on terminals print harmlessly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab import Batch, Lines
from echolab.escaping import StreamEscaper, escape, escape_messages

ATTACKS = {
    "set the title": b"\x1b]0;owned\x07",
    "report the title": b"\x1b[21t",
    "write the clipboard (OSC 52)": b"\x1b]52;c;Y3VybCBldmlsfHNo\x07",
    "clear the screen": b"\x1b[2J\x1b[H",
    "move the cursor up": b"\x1b[1A",
    "hide text": b"\x1b[8mhidden\x1b[0m",
    "alternate screen": b"\x1b[?1049h",
    "C1 control sequence in UTF-8": "\x9b2J".encode(),
    "C1 control sequence raw": b"\x9b2J",
    "rewrite the line": b"harmless\revil    ",
    "backspaces": b"evil\x08\x08\x08\x08good",
    "delete": b"a\x7f",
    "shift out": b"\x0e",
    "bell": b"\x07",
    "form feed": b"\x0c",
    "NUL": b"\0",
    "right-to-left override": "user\u202etxt.exe".encode(),
    "bidirectional isolate": "\u2066if admin\u2069".encode(),
    "line separator": "a\u2028b".encode(),
    "hyperlink (OSC 8)": b"\x1b]8;;http://evil.example\x1b\\click",
    "device control string": b'\x1bP$q"p\x1b\\',
    "not UTF-8": b"\xff\xfe",
    "cut UTF-8": b"\xe2\x82",
    "overlong UTF-8 escape": b"\xc0\x9b",
}


class EscapeTests(SynchronousTestCase):
    def test_attacks(self) -> None:
        for name, attack in ATTACKS.items():
            shown = escape(attack).decode()
            self.assertTrue(shown.isprintable(), name)

    def test_shown_as(self) -> None:
        for data, shown in (
            (b"\x1b]0;x\x07", r"\x1b]0;x\x07"),
            (b"a\rb", r"a\rb"),
            ("\x9b".encode(), r"\u009b"),
            (b"\x9b", r"\x9b"),
            ("\u202e".encode(), r"\u202e"),
            ("\U000e0041".encode(), r"\U000e0041"),
        ):
            self.assertEqual(escape(data).decode(), shown)

    def test_text_stays_as_it_is(self) -> None:
        for text in (
            "a\tb\\n",
            "입력 메시지",
            "naïve café",
            "👩‍💻 flag 🇰🇷",
            "a\u00a0b",
        ):
            self.assertEqual(escape(text.encode()).decode(), text)

    def test_newlines_end_lines_and_are_shown_in_messages(self) -> None:
        plain = Lines(b"a\nb\n")
        self.assertIs(escape_messages(plain), plain)
        self.assertEqual(
            escape_messages(Lines(b"\0\nb\n", mark="overlong")),
            Lines(b"\\x00\nb\n", mark="overlong"),
        )
        self.assertEqual(
            escape_messages(Batch((b"a\n", b"\r"), mark="unterminated")),
            Batch((b"a\\n", b"\\r"), mark="unterminated"),
        )

    @given(st.binary(), st.integers(0, 20))
    def test_a_stream_may_be_cut_anywhere(self, data: bytes, at: int) -> None:
        escaper = StreamEscaper()
        pieces = escaper(data[:at]), escaper(data[at:]), escaper.end()
        self.assertEqual(b"".join(pieces), escape(data))
