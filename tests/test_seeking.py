"""Patterns in a stream: found however it was cut, in bounded memory."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab.client.seeking import WINDOW_BYTES, Seeker, StreamPattern

if TYPE_CHECKING:
    from collections.abc import Iterable

PATTERNS = (
    *("^250", "250$", "b+", "a.*b", r"\bab\b", r"\Bb", "^$", "a*", r"\Aa", "(?<=a)b"),
    *("(?s)a.b", "[$]", r"\$", "b(?=a)", "(?i)B", r"^\.\r?$", "b$", r"a\Z"),
)


def found(
    patterns: Iterable[str], chunks: Iterable[bytes], seeker: Seeker | None = None
) -> list[bytes]:
    """Return what came before each pattern, as far as the patterns were found."""
    missing = [*map(StreamPattern, patterns)]
    seeker = seeker or Seeker()
    taken = b""
    before = []

    def seek() -> None:
        while missing and seeker.find(missing[0]):
            before.append(taken)
            del missing[0]

    seek()
    for chunk in chunks:
        taken += chunk
        seeker.take(chunk)
        seek()
    while missing and seeker.find_at_end(missing[0]):
        before.append(b"<end>")
        del missing[0]
    return before


class FoundTests(SynchronousTestCase):
    def test_one_behind_the_other(self) -> None:
        self.assertEqual(
            found(["^220", "^250", "2", "x"], [b"220 250\r\n2", b"50 ok", b" 2"]),
            [b"220 250\r\n2", b"220 250\r\n250 ok", b"220 250\r\n250 ok 2"],
        )

    def test_anchors_look_at_what_stands_there(self) -> None:
        self.assertEqual(found(["22", "^0"], [b"220\n"]), [b"220\n"])
        self.assertEqual(found(["a", r"\Aa"], [b"aa\na"]), [b"aa\na"])
        self.assertEqual(
            found(["OK$"], [b"OK", b"AY\r", b"\nOK\r", b"\n"])[0][-1:], b"\n"
        )
        self.assertEqual(found([r"\bOK\b"], [b"OK", b"AY OK"]), [b"<end>"])
        self.assertEqual(found(["bye$"], [b"bye"]), [b"<end>"])
        self.assertEqual(found([r"bye\Z"], [b"bye\n", b"bye"]), [b"<end>"])
        self.assertEqual(found([r"^$"], [b"a: b\r\n", b"\r\n"]), [b"a: b\r\n\r\n"])

    @given(
        st.lists(st.sampled_from(PATTERNS), max_size=4),
        st.lists(st.sampled_from([b"a", b"b", b"250", b"\r", b"\n", b".", b"$", b" "])),
        st.data(),
    )
    def test_however_it_was_cut(
        self, patterns: list[str], stream: list[bytes], data: st.DataObject
    ) -> None:
        whole = b"".join(stream)
        cuts = data.draw(st.lists(st.integers(0, len(whole))))
        ends = [0, *sorted(cuts), len(whole)]
        one, other = Seeker(), Seeker()
        by_bytes = found(patterns, [bytes([byte]) for byte in whole], one)
        by_chunks = found(patterns, [whole[a:b] for a, b in pairwise(ends)], other)
        self.assertEqual(len(by_bytes), len(by_chunks))
        for before, at_least in zip(by_chunks, by_bytes, strict=True):
            self.assertTrue(before.startswith(at_least), (before, at_least))
        self.assertEqual(one.came(), other.came())


class BoundTests(SynchronousTestCase):
    def test_a_match_of_a_window_is_found_anywhere(self) -> None:
        pattern = StreamPattern(f"(?s)a.{{{WINDOW_BYTES - 2}}}b")
        for before in 0, 1, WINDOW_BYTES - 1, 3 * WINDOW_BYTES // 2, 5 * WINDOW_BYTES:
            seeker = Seeker()
            seeker.take(b" " * before)
            self.assertFalse(seeker.find(pattern))
            for chunk in b"a", b"." * (WINDOW_BYTES - 2):
                seeker.take(chunk)
                self.assertFalse(seeker.find(pattern))
            seeker.take(b"b")
            self.assertTrue(seeker.find(pattern), before)

    def test_a_flood_is_searched_in_bounded_memory(self) -> None:
        seeker, pattern = Seeker(), StreamPattern("needle")
        for _ in range(300):
            seeker.take(b"x" * WINDOW_BYTES)
            self.assertFalse(seeker.find(pattern))
        kept = sum(map(sys.getsizeof, vars(seeker).values()))
        self.assertLess(kept, 3 * WINDOW_BYTES)
        self.assertEqual(
            seeker.came(), f"{300 * WINDOW_BYTES} bytes came, the last: '{'x' * 200}'"
        )
        seeker.take(b"x needle\xff")
        self.assertTrue(seeker.find(pattern))
        self.assertEqual(seeker.came(), "1 byte came: '\\xff'")
        seeker = Seeker()
        self.assertEqual(seeker.came(), "nothing came")


class PatternTests(SynchronousTestCase):
    def test_mistakes(self) -> None:
        for text, why in (
            ("", "the pattern is empty"),
            ("(", r"is no regular expression: missing \)"),
            ("a{99999999999999999999}", "is no regular expression: "),
            ("(" * 9999, "is no regular expression: "),
            ("250(?!-)", "would depend on how the stream was cut"),
        ):
            with self.assertRaisesRegex(ValueError, why):
                StreamPattern(text)

    def test_what_only_looks_like_one_stays(self) -> None:
        for text in (r"\(?!", "[(?!$]", "[]$(?!]", "(?#$(?!)", r"\$", "[[a]"):
            pattern = StreamPattern(text)
            self.assertEqual(pattern.open, pattern.ended)
