"""Lines come out whole, however they are cut."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Batch,
    ChunkFramer,
    DelimiterFramer,
    Framer,
    FramingError,
    IntFramer,
    LineFramer,
    Lines,
    MalformedError,
    NetstringFramer,
    OverlongError,
    framing_named,
)

if TYPE_CHECKING:
    from echolab.framing import Overlong
    from echolab.messages import Mark

Framed: TypeAlias = "tuple[bytes, Mark | None] | type[FramingError]"
Make: TypeAlias = Callable[..., Framer]

streams = st.lists(
    st.sampled_from(
        [
            *(b"a", b"bcd", b"\n", b"\r", b"\r\n", b"\xff", b"e" * 7),
            *(b"1:a,", b"12:", b"0:,", b",", b"\0\1", b"\0\x0c"),
        ]
    )
).map(b"".join)


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream, and the same stream cut anywhere."""
    stream = draw(streams)
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    edges = [0, *cuts, len(stream)]
    return stream, [stream[a:b] for a, b in pairwise(edges)]


def frame(
    chunks: list[bytes], max_message_bytes: int, make: Make = LineFramer
) -> list[Framed]:
    """Return each message with its marks; at the end, the error if there was one."""
    framer = make(max_message_bytes)
    framed: list[Framed] = []
    try:
        for chunk in chunks:
            for batch in framer.feed(chunk):
                framed += [(x, batch.mark) for x in batch]
        for batch in framer.end():
            framed += [(x, batch.mark) for x in batch]
    except FramingError as why:
        framed.append(type(why))
    return framed


def taken(framer: Framer, *chunks: bytes) -> list[Framed]:
    """Return each message with its marks, if what there is is taken at each chunk."""
    framed: list[Framed] = []
    for chunk in chunks:
        for batch in (*framer.feed(chunk), *framer.take()):
            framed += [(x, batch.mark) for x in batch]
    for batch in framer.end():
        framed += [(x, batch.mark) for x in batch]
    return framed


def plain(*lines: bytes) -> list[Framed]:
    return [(line, None) for line in lines]


class LineFramerTests(SynchronousTestCase):
    def test_whole_lines(self) -> None:
        self.assertEqual(frame([b"one\ntwo\n\n"], 10), plain(b"one", b"two", b""))

    def test_line_in_pieces_comes_out_once(self) -> None:
        framer = LineFramer()
        self.assertEqual(list(framer.feed(b"he")), [])
        self.assertEqual(list(framer.feed(b"llo")), [])
        self.assertEqual(list(framer.feed(b"\nbye\nrest")), [Lines(b"hello\nbye\n")])
        self.assertEqual(list(framer.end()), [Lines(b"rest\n", mark="unterminated")])

    def test_carriage_return_belongs_to_the_end_of_line(self) -> None:
        self.assertEqual(
            frame([b"a\r\nb\r", b"\nc\r\r\n"], 9), plain(b"a", b"b", b"c\r")
        )

    def test_carriage_return_alone_is_data(self) -> None:
        self.assertEqual(
            frame([b"a\rb\nc\r"], 9), [*plain(b"a\rb"), (b"c\r", "unterminated")]
        )

    def test_longest_line_is_whole(self) -> None:
        for end in (b"\n", b"\r\n"):
            self.assertEqual(frame([b"x" * 8, end], 8), plain(b"x" * 8))

    def test_longer_line_comes_in_marked_pieces(self) -> None:
        self.assertEqual(
            frame([b"ok\n" + b"x" * 20 + b"\nok\n"], 8),
            [
                (b"ok", None),
                (b"x" * 8, "overlong"),
                (b"x" * 8, "overlong"),
                (b"xxxx", "continued"),
                (b"ok", None),
            ],
        )

    def test_pieces_are_given_out_before_the_end_of_the_line(self) -> None:
        framer = LineFramer(8)
        self.assertEqual(
            list(framer.feed(b"x" * 9)), [Lines(b"x" * 8 + b"\n", mark="overlong")]
        )
        self.assertEqual(framer.buffered_bytes, 1)

    def test_nothing_at_all(self) -> None:
        self.assertEqual(frame([], 8), [])
        self.assertEqual(frame([b""], 8), [])

    def test_bound_must_be_positive(self) -> None:
        with self.assertRaisesRegex(ValueError, "at least 1, not 0"):
            LineFramer(0)

    @settings(deadline=None)
    @given(streams, st.integers(1, 9))
    def test_nothing_is_lost_and_nothing_is_too_long(
        self, stream: bytes, max_message_bytes: int
    ) -> None:
        framer = LineFramer(max_message_bytes)
        framed = [
            (line, batch.mark)
            for batch in (*framer.feed(stream), *framer.end())
            for line in batch
        ]
        self.assertTrue(all(len(line) <= max_message_bytes for line, _ in framed))
        ended = (None, "continued")
        again = b"".join(
            line + b"\n" if mark in ended else line for line, mark in framed
        )
        self.assertEqual(again, stream.replace(b"\r\n", b"\n"))


class MessagesTests(SynchronousTestCase):
    @given(st.lists(st.binary().map(lambda b: b.replace(b"\n", b"")), min_size=1))
    def test_lines_are_a_list_of_lines(self, lines: list[bytes]) -> None:
        batch = Lines(b"".join(line + b"\n" for line in lines))
        self.assertEqual(list(batch), lines)
        self.assertEqual(len(batch), len(lines))
        self.assertEqual(batch.join(b"\n* "), b"\n* ".join(lines))

    def test_batch_is_its_messages(self) -> None:
        batch = Batch((b"a\nb", b""))
        self.assertEqual(list(batch), [b"a\nb", b""])
        self.assertEqual(len(batch), 2)
        self.assertEqual(batch.join(b"*"), b"a\nb*")
        self.assertIsNone(batch.mark)

    def test_none_at_all(self) -> None:
        for nothing in (Lines(b""), Batch(())):
            self.assertFalse(nothing)
            self.assertEqual((list(nothing), len(nothing)), ([], 0))
        for empty in (Lines(b"\n"), Batch((b"",))):
            self.assertTrue(empty)
            self.assertEqual((list(empty), len(empty)), ([b""], 1))


class ChunkFramerTests(SynchronousTestCase):
    def test_every_read_is_a_message(self) -> None:
        self.assertEqual(
            frame([b"a\n", b"", b"b"], 8, ChunkFramer), plain(b"a\n", b"b")
        )

    def test_longer_read_comes_in_pieces(self) -> None:
        self.assertEqual(
            frame([b"abcde"], 2, ChunkFramer),
            [(b"ab", "overlong"), (b"cd", "overlong"), (b"e", "continued")],
        )

    def test_longer_read_is_refused(self) -> None:
        make = partial(ChunkFramer, overlong="close")
        self.assertEqual(
            frame([b"ab", b"abc"], 2, make), [*plain(b"ab"), OverlongError]
        )


class DelimiterFramerTests(SynchronousTestCase):
    def test_messages(self) -> None:
        make = partial(DelimiterFramer, b"--")
        self.assertEqual(
            frame([b"a-", b"-b---c"], 8, make),
            [*plain(b"a", b"b"), (b"-c", "unterminated")],
        )

    def test_longest_message_is_whole(self) -> None:
        make = partial(DelimiterFramer, b"--")
        self.assertEqual(frame([b"x" * 8 + b"-", b"-"], 8, make), plain(b"x" * 8))

    def test_delimiter_must_be_something(self) -> None:
        with self.assertRaisesRegex(ValueError, "the delimiter is empty"):
            DelimiterFramer(b"")


class NetstringFramerTests(SynchronousTestCase):
    def test_messages(self) -> None:
        self.assertEqual(
            frame([b"5:hello,0:,3:a", b"\nb,"], 8, NetstringFramer),
            plain(b"hello", b"", b"a\nb"),
        )

    def test_longer_message_comes_in_pieces(self) -> None:
        self.assertEqual(
            frame([b"5:hel", b"lo,1:x,"], 2, NetstringFramer),
            [
                *((b"he", "overlong"), (b"ll", "overlong"), (b"o", "continued")),
                *plain(b"x"),
            ],
        )

    def test_longer_message_is_refused_before_it_comes(self) -> None:
        make = partial(NetstringFramer, overlong="close")
        self.assertEqual(frame([b"1:a,9:"], 8, make), [*plain(b"a"), OverlongError])

    def test_malformed(self) -> None:
        for bad in (
            b"5:hello;",
            b"x",
            b":,",
            b"01:a,",
            b"12345678901",
            b"-1:,",
            b"5 :",
        ):
            self.assertEqual(
                frame([b"2:ok," + bad], 8, NetstringFramer),
                [*plain(b"ok"), MalformedError],
            )

    def test_unterminated(self) -> None:
        for rest, message in (
            (b"5:hel", b"hel"),
            (b"5:hello", b"hello"),
            (b"5", b"5"),
            (b"5:", b"5:"),
            (b"0:", b"0:"),
        ):
            self.assertEqual(
                frame([rest], 8, NetstringFramer), [(message, "unterminated")]
            )


class IntFramerTests(SynchronousTestCase):
    def test_messages(self) -> None:
        for width in (2, 4):
            data = b"".join(
                len(x).to_bytes(width, "big") + x for x in (b"hello", b"", b"b\n")
            )
            self.assertEqual(
                frame([data], 8, partial(IntFramer, width)),
                plain(b"hello", b"", b"b\n"),
            )

    def test_unterminated(self) -> None:
        for rest, message in (
            (b"\0\5hel", b"hel"),
            (b"\0", b"\0"),
            (b"\0\5", b"\0\5"),
        ):
            self.assertEqual(
                frame([rest], 8, partial(IntFramer, 2)), [(message, "unterminated")]
            )


class AnyCuttingTests(SynchronousTestCase):
    """The promises of every framing, however its stream is cut."""

    makes: tuple[Make, ...] = (
        *(LineFramer, NetstringFramer, partial(IntFramer, 2)),
        *(partial(DelimiterFramer, each) for each in (b"\n", b"\r\n", b"abca")),
    )

    @settings(deadline=None)
    @given(
        cut_streams(),
        st.integers(1, 9),
        st.sampled_from(makes),
        st.sampled_from(["split", "close"]),
    )
    def test_any_cutting_gives_the_same(
        self,
        cut: tuple[bytes, list[bytes]],
        max_message_bytes: int,
        make: Make,
        overlong: Overlong,
    ) -> None:
        stream, pieces = cut
        make = partial(make, overlong=overlong)
        whole = frame([stream], max_message_bytes, make)
        self.assertEqual(frame(pieces, max_message_bytes, make), whole)
        bytewise = [stream[i : i + 1] for i in range(len(stream))]
        self.assertEqual(frame(bytewise, max_message_bytes, make), whole)

    @settings(deadline=None)
    @given(cut_streams(), st.integers(1, 9), st.sampled_from(makes))
    def test_no_buffer_exceeds_its_bound(
        self, cut: tuple[bytes, list[bytes]], max_message_bytes: int, make: Make
    ) -> None:
        framer = make(max_message_bytes)
        with contextlib.suppress(FramingError):
            for piece in cut[1]:
                for batch in framer.feed(piece):
                    for message in batch:
                        self.assertLessEqual(len(message), max_message_bytes)
                # A length, a delimiter or a "\r" may wait beside a message.
                self.assertLessEqual(framer.buffered_bytes, max_message_bytes + 11)


class TakeTests(SynchronousTestCase):
    """The unfinished message can be taken; its rest follows."""

    def test_rest_says_that_it_is_no_message_of_its_own(self) -> None:
        for framer, chunks in (
            (LineFramer(), (b"hel", b"lo\nbye\n")),
            (DelimiterFramer(b";"), (b"hel", b"lo;bye;")),
            (NetstringFramer(), (b"5:hel", b"lo,3:bye,")),
            (IntFramer(2), (b"\0\5hel", b"lo\0\3bye")),
        ):
            self.assertEqual(
                taken(framer, *chunks),
                [(b"hel", "partial"), (b"lo", "continued"), (b"bye", None)],
            )

    @settings(deadline=None)
    @given(cut_streams(), st.integers(1, 9), st.sampled_from(AnyCuttingTests.makes))
    def test_end_is_marked_where_pieces_were_given_out_and_nowhere_else(
        self, cut: tuple[bytes, list[bytes]], max_message_bytes: int, make: Make
    ) -> None:
        _, pieces = cut
        framed: list[Framed] = []
        with contextlib.suppress(FramingError):
            framed = taken(make(max_message_bytes), *pieces)
        before = None
        for each in framed:
            assert isinstance(each, tuple)
            _, mark = each
            if mark in (None, "continued"):
                begun = before in ("partial", "overlong")
                self.assertEqual(mark, "continued" if begun else None)
            before = mark

    def test_what_may_be_an_end_or_a_length_stays(self) -> None:
        for framer, chunks in (
            (LineFramer(), (b"hello\r", b"\n")),
            (DelimiterFramer(b"--"), (b"hello-", b"-")),
            (NetstringFramer(), (b"5", b":hello", b",")),
        ):
            self.assertEqual(
                taken(framer, *chunks), [(b"hello", "partial"), (b"", "continued")]
            )
        self.assertEqual(
            taken(LineFramer(), b"50%\r", b"60%\r"),
            [(b"50%", "partial"), (b"\r60%", "partial"), (b"\r", "unterminated")],
        )

    def test_nothing_waits(self) -> None:
        for framer in (LineFramer(), ChunkFramer(), NetstringFramer()):
            self.assertEqual(list(framer.take()), [])

    def test_an_overlong_message_is_refused_all_the_same(self) -> None:
        for framer in (
            LineFramer(8, "close"),
            DelimiterFramer(b"--", 8, "close"),
        ):
            self.assertEqual(len(taken(framer, b"x" * 5)), 1)
            with self.assertRaises(OverlongError):
                taken(framer, b"xxx", b"x")

    @settings(deadline=None)
    @given(
        cut_streams(),
        st.integers(1, 9),
        st.sampled_from(AnyCuttingTests.makes),
    )
    def test_nothing_is_lost_repeated_or_joined(
        self, cut: tuple[bytes, list[bytes]], max_message_bytes: int, make: Make
    ) -> None:
        stream, pieces = cut

        def whole(framed: list[Framed]) -> list[bytes]:
            """Return the messages, joined again."""
            messages, begun = [], b""
            for each in framed:
                assert isinstance(each, tuple)
                begun += each[0]
                if each[1] in (None, "continued"):
                    messages.append(begun)
                    begun = b""
            return [*messages, begun]

        with contextlib.suppress(FramingError):
            parts = taken(make(max_message_bytes), *pieces)
            untaken = frame([stream], max_message_bytes, make)
            self.assertEqual(whole(parts), whole(untaken))

    @settings(deadline=None)
    @given(cut_streams(), st.integers(1, 9), st.sampled_from([b"\n", b"\r\n", b"abca"]))
    def test_a_message_within_the_bound_is_never_refused(
        self, cut: tuple[bytes, list[bytes]], max_message_bytes: int, end: bytes
    ) -> None:
        make = partial(DelimiterFramer, end, overlong="close")
        if OverlongError not in frame([cut[0]], max_message_bytes, make):
            taken(make(max_message_bytes), *cut[1])

    def test_end_that_has_only_begun_is_overlong_in_any_cutting(self) -> None:
        for framer, chunks in (
            (LineFramer(4, "close"), (b"abcd\r",)),
            (LineFramer(4, "close"), (b"abcd", b"\r")),
            (DelimiterFramer(b"aab", 2, "close"), (b"aaa",)),
            (DelimiterFramer(b"aab", 2, "close"), (b"a", b"aa")),
        ):
            with self.assertRaises(OverlongError):
                taken(framer, *chunks)

    @settings(deadline=None)
    @given(
        st.lists(st.sampled_from([b"a", b"b", b"\r", b"\n"])),
        st.sets(st.integers(0, 20)),
        st.integers(1, 4),
        st.sampled_from([None, b"aab", b"aba", b"\r\n", b"\n"]),
    )
    def test_refused_or_not_whatever_was_taken(
        self, stream: list[bytes], cuts: set[int], most: int, end: bytes | None
    ) -> None:
        line = partial(LineFramer, overlong="close")
        make = partial(DelimiterFramer, end, overlong="close") if end else line
        edges = [0, *sorted(cuts), len(stream)]
        pieces = [b"".join(stream[a:b]) for a, b in pairwise(edges)]
        refused = OverlongError in frame([b"".join(stream)], most, make)
        try:
            taken(make(most), *pieces)
        except OverlongError:
            self.assertTrue(refused)
        else:
            self.assertFalse(refused)


class FramingNameTests(SynchronousTestCase):
    def test_names(self) -> None:
        for name, data, messages in (
            ("line", b"a\r\nb\n", [b"a", b"b"]),
            ("chunk", b"a\nb", [b"a\nb"]),
            ("netstring", b"1:a,", [b"a"]),
            ("int16", b"\0\1a", [b"a"]),
            ("int32", b"\0\0\0\1a", [b"a"]),
            ("delimiter:;", b"a;b;", [b"a", b"b"]),
            (r"delimiter:\x00\n", b"a\0\n", [b"a"]),
            ("delimiter:€", "a€".encode(), [b"a"]),
        ):
            framer = framing_named(name)()
            got = [message for batch in framer.feed(data) for message in batch]
            self.assertEqual(got, messages, name)

    def test_bound_and_refusal(self) -> None:
        framer = framing_named("line", 2, "close")()
        with self.assertRaises(OverlongError) as caught:
            list(framer.feed(b"abc"))
        self.assertEqual(caught.exception.max_message_bytes, 2)

    def test_no_such_framing(self) -> None:
        for name in ("lines", "line:x", "delimiter", "delimiter:", ""):
            with self.assertRaisesRegex(ValueError, "must be one of line, chunk"):
                framing_named(name)
