"""Lines come out whole, whatever pieces they go in."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab import Chunk, LineFramer, Lines

streams = st.lists(
    st.sampled_from([b"a", b"bcd", b"\n", b"\r", b"\r\n", b"\xff", b"e" * 7])
).map(b"".join)


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream, and the same stream cut anywhere."""
    stream = draw(streams)
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    edges = [0, *cuts, len(stream)]
    return stream, [stream[a:b] for a, b in pairwise(edges)]


def frame(chunks: list[bytes], max_line_bytes: int) -> list[tuple[bytes, bool, bool]]:
    """Each message with its marks."""
    framer = LineFramer(max_line_bytes)
    batches: list[Lines] = []
    for chunk in chunks:
        batches += framer.feed(chunk)
        assert framer.buffered_bytes <= max_line_bytes + 1
    batches += framer.end()
    assert framer.buffered_bytes == 0
    return [
        (line, batch.overlong, batch.unterminated)
        for batch in batches
        for line in batch
    ]


def plain(*lines: bytes) -> list[tuple[bytes, bool, bool]]:
    return [(line, False, False) for line in lines]


class LineFramerTests(SynchronousTestCase):
    def test_whole_lines(self) -> None:
        self.assertEqual(frame([b"one\ntwo\n\n"], 10), plain(b"one", b"two", b""))

    def test_line_in_pieces_comes_out_once(self) -> None:
        framer = LineFramer()
        self.assertEqual(framer.feed(b"he"), [])
        self.assertEqual(framer.feed(b"llo"), [])
        self.assertEqual(framer.feed(b"\nbye\nrest"), [Lines(b"hello\nbye\n")])
        self.assertEqual(framer.end(), [Lines(b"rest\n", unterminated=True)])

    def test_carriage_return_belongs_to_the_end_of_line(self) -> None:
        self.assertEqual(
            frame([b"a\r\nb\r", b"\nc\r\r\n"], 9), plain(b"a", b"b", b"c\r")
        )

    def test_carriage_return_alone_is_data(self) -> None:
        self.assertEqual(
            frame([b"a\rb\nc\r"], 9), [*plain(b"a\rb"), (b"c\r", False, True)]
        )

    def test_longest_line_is_whole(self) -> None:
        for end in (b"\n", b"\r\n"):
            self.assertEqual(frame([b"x" * 8, end], 8), plain(b"x" * 8))

    def test_longer_line_comes_in_marked_pieces(self) -> None:
        self.assertEqual(
            frame([b"ok\n" + b"x" * 20 + b"\nok\n"], 8),
            [
                (b"ok", False, False),
                (b"x" * 8, True, False),
                (b"x" * 8, True, False),
                (b"xxxx", False, False),
                (b"ok", False, False),
            ],
        )

    def test_pieces_are_given_out_before_the_end_of_the_line(self) -> None:
        framer = LineFramer(8)
        self.assertEqual(
            framer.feed(b"x" * 9), [Lines(b"x" * 8 + b"\n", overlong=True)]
        )
        self.assertEqual(framer.buffered_bytes, 1)

    def test_nothing_at_all(self) -> None:
        self.assertEqual(frame([], 8), [])
        self.assertEqual(frame([b""], 8), [])

    def test_bound_must_be_positive(self) -> None:
        with self.assertRaisesRegex(ValueError, "at least 1, not 0"):
            LineFramer(0)

    @settings(deadline=None)
    @given(cut_streams(), st.integers(1, 9))
    def test_any_cutting_gives_the_same(
        self, cut: tuple[bytes, list[bytes]], max_line_bytes: int
    ) -> None:
        stream, pieces = cut
        whole = frame([stream], max_line_bytes)
        self.assertEqual(frame(pieces, max_line_bytes), whole)
        bytewise = [stream[i : i + 1] for i in range(len(stream))]
        self.assertEqual(frame(bytewise, max_line_bytes), whole)

    @settings(deadline=None)
    @given(streams, st.integers(1, 9))
    def test_nothing_is_lost_and_nothing_is_too_long(
        self, stream: bytes, max_line_bytes: int
    ) -> None:
        framed = frame([stream], max_line_bytes)
        self.assertTrue(all(len(line) <= max_line_bytes for line, _, _ in framed))
        again = b"".join(
            line if overlong or unterminated else line + b"\n"
            for line, overlong, unterminated in framed
        )
        self.assertEqual(again, stream.replace(b"\r\n", b"\n"))


class MessagesTests(SynchronousTestCase):
    @given(st.lists(st.binary().map(lambda b: b.replace(b"\n", b"")), min_size=1))
    def test_lines_are_a_list_of_lines(self, lines: list[bytes]) -> None:
        batch = Lines(b"".join(line + b"\n" for line in lines))
        self.assertEqual(list(batch), lines)
        self.assertEqual(len(batch), len(lines))
        self.assertEqual(batch.join(b"\n* "), b"\n* ".join(lines))

    def test_chunk_is_one_message(self) -> None:
        chunk = Chunk(b"a\nb")
        self.assertEqual(list(chunk), [b"a\nb"])
        self.assertEqual(len(chunk), 1)
        self.assertEqual(chunk.join(b"*"), b"a\nb")
        self.assertFalse(chunk.overlong or chunk.unterminated)
