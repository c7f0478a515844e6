"""Real attacks on terminals print harmlessly."""

from __future__ import annotations

import re
from unicodedata import bidirectional, category, is_normalized, normalize

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab import Batch, Lines
from echolab.escaping import StreamEscaper, escape, escape_messages, escape_name

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

NASTY = st.sampled_from(
    [
        *" \t\n\r\0[](),:@\\x0",
        *("\\x20", "] recv data: ", ",pid=7", "unix:"),
        *("\u05d0", "\u0661", "e\u0301", "\u0301", "\u0323", "\u1100\u1161"),
        *("\u3164", "\ufe0f", "\u200d", "\u202e", "\uff20", "\u00a0", "\u212b"),
        *("\ud55c", "\u30c6"),
    ]
)
NAMES = st.lists(NASTY | st.text(max_size=3)).map("".join)


def original(shown: str) -> str:
    """Return the name from the result of `escape_name`."""

    def character(match: re.Match[str]) -> str:
        byte, *points, short = match.groups()
        if byte:
            code = int(byte, 16)
            return chr(code + 0xDC00 if code >= 0x80 else code)
        if short:
            return {"n": "\n", "r": "\r", "\\": "\\"}[short]
        return chr(int(points[0] or points[1], 16))

    return re.sub(r"\\(?:x(..)|u(....)|U(.{8})|(.))", character, shown)


class NameTests(SynchronousTestCase):
    def test_what_can_be_read_stays(self) -> None:
        for name in (
            "/run/lab.sock",
            "alice+lab_1-2.example",
            "\uc785\ub825\ud55c\uae00",
            "na\u00efve\u00c5se",
            "\u041e\u043b\u044c\u0433\u0430",
            "\u0395\u03bb\u03bb\u03ac\u03c2",
            "\u65e5\u672c\u8a9e\u30c6\u30b9\u30c8",
            "\u0939\u093f\u0928\u094d\u0926\u0940",  # Devanagari, with its signs
            "\u0e19\u0e49\u0e33",  # Thai
            "q\u0307",  # No single character looks like this.
        ):
            self.assertEqual(escape_name(name), name)

    def test_what_cannot_becomes_an_escape(self) -> None:
        for name, shown in (
            ("a b", r"a\x20b"),
            ("](),:@", r"\x5d\x28\x29\x2c\x3a\x40"),
            ("\\x20", r"\\x20"),
            ("\r\n\0\x1b", r"\r\n\x00\x1b"),
            ("\udcff", r"\xff"),
            ("\u05d0\u0627\u0661", r"\u05d0\u0627\u0661"),  # from right to left
            ("\u202e\u200d\ufe0f", r"\u202e\u200d\ufe0f"),
            ("\u115f\u3164\uffa0", r"\u115f\u3164\uffa0"),
            ("\u00a0\u3000\u2800", r"\u00a0\u3000\u2800"),  # blank
            ("\u0301a", r"\u0301a"),  # It would combine with the character before.
            (" \u0307", r"\x20\u0307"),
            ("e\u0301", r"e\u0301"),  # Together they would look like one character.
            ("a\u0331\u0301", r"a\u0331\u0301".replace(r"\u0331", "\u0331")),
            ("\u1112\u1161\u11ab", "\u1112\\u1161\\u11ab"),
            ("\u212b\uff20\u2026", r"\u212b\uff20\u2026"),
            ("\U000e0041\ue000\u0378", r"\U000e0041\ue000\u0378"),
        ):
            self.assertEqual(escape_name(name), shown)

    def test_marks_are_not_piled_up(self) -> None:
        self.assertEqual(escape_name("q" + 9 * "\u0307").count("\\u0307"), 6)

    @given(NAMES)
    def test_no_two_names_are_shown_alike(self, name: str) -> None:
        self.assertEqual(original(escape_name(name)), name)

    @given(NAMES)
    def test_what_is_shown_is_only_what_it_seems(self, name: str) -> None:
        shown = escape_name(name)
        self.assertTrue(is_normalized("NFC", shown))
        self.assertTrue(shown.isprintable())
        for character in shown:
            self.assertNotIn(character, " [](),:@")
            self.assertNotIn(bidirectional(character), {"R", "AL", "AN"})
            if not character.isascii():
                wide = normalize("NFKC", character)
                self.assertTrue(all(map(str.isprintable, wide)))
                self.assertFalse(any(map(str.isascii, wide)), ascii(character))
        self.assertFalse(shown and category(shown[0]).startswith("M"))


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
        lines = map(escape, data.split(b"\r\n"))
        self.assertEqual(b"".join(pieces), b"\r\n".join(lines))
