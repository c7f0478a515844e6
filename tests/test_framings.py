"""The framings of known protocols: length, varint, octet-count, resp, crlf-dot."""

from __future__ import annotations

import contextlib
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab import Framer, FramingError, MalformedError, OverlongError, framing_named
from echolab.framing import framed
from echolab.framing.names import takes_lines
from echolab.server.option_values import framing_value
from tests.test_framing import Framed, frame, plain, taken

if TYPE_CHECKING:
    from echolab.framing import Overlong

MODBUS = "length:offset=4,width=2"
MAIL = "crlf-dot:after=DATA"

ALPHABETS: dict[str, list[bytes]] = {
    "length": [b"\0\0", b"\0\1", b"\0\x0c", b"ab", b"c"],
    "length:offset=1,width=1,order=little,plus=-2": [b"a\2", b"b\x05", b"xyz", b"\1"],
    "length:width=3,order=little,plus=1": [b"\1\0\0", b"\0\0\0", b"ab", b"c", b"\0"],
    "varint": [b"\3abc", b"\0", b"\x81", b"\x80", b"\x83\0", b"xy", b"\xff" * 9],
    "varint:offset=2": [b"ab\0", b"c", b"\3xyz", b"\x84\0", b"\x80", b"\xff" * 3],
    "octet-count": [b"1 a", b"3 bcd", b"12 ", b"5", b" ", b"<1>x", b"\r", b"\n", b"0"],
    "resp": [
        *(b"*1\r\n", b"*2\r\n", b"*0\r\n", b"$3\r\nabc\r\n", b"$-1\r\n", b"$2\r\n"),
        *(b"%1\r\n", b"|1\r\n", b"+OK\r\n", b":1\r\n", b"PING\r\n", b"a", b"\r", b"\n"),
        *(b"*12", b"$", b"_\r\n", b"+"),
    ],
    "crlf-dot": [b"a", b"bcd", b"\r", b"\n", b"\r\n", b".", b".\r\n", b"\r\n.\r\n"],
    MAIL: [b"DATA", b"data", b"E", b"\r\n", b"\n", b"\r", b".", b"\r\n.\r\n", b" x"],
}
"""Pieces of streams for each framing, good and bad."""

VALUES = st.recursive(
    st.one_of(
        st.binary(max_size=6).map(lambda data: b"$%d\r\n%b\r\n" % (len(data), data)),
        st.sampled_from([b"+OK\r\n", b":-7\r\n", b"_\r\n", b"#t\r\n", b",1.5\r\n"]),
        st.sampled_from([b"$-1\r\n", b"*-1\r\n", b"(349\r\n", b"-ERR no\r\n"]),
        st.sampled_from([b"=7\r\ntxt:abc\r\n", b"!3\r\nBAD\r\n"]),
    ),
    lambda values: st.one_of(
        st.tuples(
            st.sampled_from([b"*", b"~", b">"]), st.lists(values, max_size=3)
        ).map(lambda both: b"%b%d\r\n%b" % (both[0], len(both[1]), b"".join(both[1]))),
        st.lists(st.tuples(values, values), max_size=2).map(
            lambda pairs: b"%%%d\r\n%b" % (len(pairs), b"".join(map(b"".join, pairs)))
        ),
        st.tuples(values, values, values).map(lambda x: b"|1\r\n" + b"".join(x)),
    ),
    max_leaves=6,
)
LINES = st.lists(
    st.sampled_from([b"a", b".", b"..x", b"", b"\r", b"\n", b"hello"]), max_size=4
).map(b"\r\n".join)

MESSAGES: dict[str, st.SearchStrategy[bytes]] = {
    "length": st.binary(min_size=2, max_size=300),
    MODBUS: st.binary(min_size=6, max_size=40),
    "length:offset=1,width=4,plus=-4": st.binary(min_size=5, max_size=40),
    "length:width=3,order=little,plus=1": st.binary(min_size=4, max_size=40),
    "varint": st.binary(max_size=300),
    "varint:offset=1": st.binary(max_size=300).map(lambda data: b"\x30\0" + data),
    "octet-count": st.binary(min_size=1, max_size=300),
    "resp": st.one_of(VALUES, st.sampled_from([b"PING\r\n", b"\n", b"GET a\n"])),
    "crlf-dot": LINES,
    MAIL: st.sampled_from([b"EHLO lab", b"", b".", b"DATABASE"]),
}
"""What may be framed."""

WHOLE = {name for name in MESSAGES if name.startswith(("length", "varint:", "resp"))}
"""Those whose messages are all that came."""


def make(name: str) -> partial[Framer]:
    """Return what makes a framer, as the classes do."""

    def framer(max_message_bytes: int = 65536, overlong: Overlong = "split") -> Framer:
        return framing_named(name, max_message_bytes, overlong)()

    return partial(framer)


def messages(name: str, *chunks: bytes) -> list[Framed]:
    return frame([*chunks], 65536, make(name))


@st.composite
def cuttings(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    return [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """The name of a framing, and a stream for it, cut anywhere."""
    name = draw(st.sampled_from([*ALPHABETS]))
    stream = b"".join(draw(st.lists(st.sampled_from(ALPHABETS[name]), max_size=12)))
    return name, draw(cuttings(stream))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[str, list[bytes], list[bytes]]:
    """The name of a framing, messages, and their stream, cut anywhere."""
    name = draw(st.sampled_from([*MESSAGES]))
    texts = draw(st.lists(MESSAGES[name], max_size=5))
    written = [framed(each, name) for each in texts]
    expected = written if name in WHOLE else texts
    return name, expected, draw(cuttings(b"".join(written)))


MOST = st.integers(1, 12)
OVERLONG: st.SearchStrategy[Literal["split", "close"]]
OVERLONG = st.sampled_from(("split", "close"))


class AnyCuttingTests(SynchronousTestCase):
    """The promises of every framing, however its stream is cut."""

    @settings(deadline=None, max_examples=500)
    @given(cut_streams(), MOST, OVERLONG)
    @example(("resp", [b"$2\r\n$-1\r\n"]), 6, "close")  # Announced before it is bad.
    def test_any_cutting_gives_the_same(
        self, cut: tuple[str, list[bytes]], most: int, overlong: Overlong
    ) -> None:
        name, pieces = cut
        stream = b"".join(pieces)
        maker = partial(make(name), overlong=overlong)
        whole = frame([stream], most, maker)
        self.assertEqual(frame(pieces, most, maker), whole)
        bytewise = [stream[i : i + 1] for i in range(len(stream))]
        self.assertEqual(frame(bytewise, most, maker), whole)

    @settings(deadline=None, max_examples=300)
    @given(conversations())
    def test_what_is_framed_comes_out(
        self, conversation: tuple[str, list[bytes], list[bytes]]
    ) -> None:
        name, expected, pieces = conversation
        self.assertEqual(frame(pieces, 65536, make(name)), plain(*expected))

    @settings(deadline=None)
    @given(cut_streams(), MOST)
    def test_no_buffer_exceeds_its_bound(
        self, cut: tuple[str, list[bytes]], most: int
    ) -> None:
        framer = make(cut[0])(most)
        with contextlib.suppress(FramingError):
            for piece in cut[1]:
                for batch in framer.feed(piece):
                    for message in batch:
                        self.assertLessEqual(len(message), most)
                self.assertLessEqual(framer.buffered_bytes, most + 24)

    @settings(deadline=None, max_examples=300)
    @given(cut_streams(), MOST)
    def test_what_was_taken_goes_on(
        self, cut: tuple[str, list[bytes]], most: int
    ) -> None:
        name, pieces = cut

        def whole(framed: list[Framed]) -> list[bytes]:
            """Return the messages, joined again."""
            joined, begun, before = [], b"", None
            for each in framed:
                assert isinstance(each, tuple)
                message, mark = each
                begun += message
                if mark in (None, "continued"):
                    goes_on = before in ("partial", "overlong")
                    self.assertEqual(mark, "continued" if goes_on else None)
                    joined.append(begun)
                    begun = b""
                before = mark
            return [*joined, begun]

        with contextlib.suppress(FramingError):
            parts = taken(make(name)(most), *pieces)
            untaken = frame([b"".join(pieces)], most, make(name))
            self.assertEqual(whole(parts), whole(untaken))

    @settings(deadline=None, max_examples=300)
    @given(cut_streams(), MOST)
    def test_refused_or_not_whatever_was_taken(
        self, cut: tuple[str, list[bytes]], most: int
    ) -> None:
        name, pieces = cut
        maker = partial(make(name), overlong="close")
        [*_, last] = [None, *frame([b"".join(pieces)], most, maker)]
        why: object = None
        try:
            taken(maker(most), *pieces)
        except FramingError as error:
            why = type(error)
        self.assertEqual(why, last if isinstance(last, type) else None)


class HeaderTests(SynchronousTestCase):
    def test_a_message_is_the_whole_frame(self) -> None:
        ask = b"\0\1\0\0\0\6\1\3\0\0\0\2"
        self.assertEqual(messages(MODBUS, ask[:5], ask[5:] + ask), plain(ask, ask))

    def test_the_header_counts_for_the_bound(self) -> None:
        self.assertEqual(
            frame([b"\0\3abc"], 4, make("length")),
            [(b"\0\3ab", "overlong"), (b"c", "continued")],
        )
        maker = partial(make("length"), overlong="close")
        self.assertEqual(frame([b"\0\3"], 4, maker), [OverlongError])

    def test_a_length_of_less_than_the_header(self) -> None:
        self.assertEqual(
            messages("length:plus=-2", b"\0\2\0\1"), [(b"\0\2", None), MalformedError]
        )

    def test_a_frame_is_given_its_length(self) -> None:
        for name, text, sent in (
            (MODBUS, b"\0\1\0\0\xff\xff\1\3", b"\0\1\0\0\0\2\1\3"),
            ("length:width=4,order=little,plus=-4", b"\0" * 5, b"\5\0\0\0\0"),
            ("length:width=1,plus=2", b"\0abc", b"\1abc"),
        ):
            self.assertEqual(framed(text, name), sent)

    def test_no_frame_at_all(self) -> None:
        for name, text, why in (
            (MODBUS, b"hello", "5 bytes are too short: at least 6"),
            ("length:plus=2", b"abc", "3 bytes are too short: at least 4"),
            ("length:width=1", b"x" * 257, "257 bytes are too long: at most 256"),
        ):
            with self.assertRaisesRegex(ValueError, why):
                framed(text, name)


class VarintTests(SynchronousTestCase):
    def test_messages_after_their_length(self) -> None:
        self.assertEqual(framed(b"x" * 300, "varint")[:3], b"\xac\2x")
        self.assertEqual(messages("varint", b"\1a\0\x82\0bc"), plain(b"a", b"", b"bc"))

    def test_packets_of_mqtt(self) -> None:
        ping, publish = b"\xc0\0", b"\x30\7\0\3labhi"
        name = "varint:offset=1"
        self.assertEqual(messages(name, ping + publish), plain(ping, publish))
        self.assertEqual(framed(b"\x30\0\0\3labhi", name), publish)

    def test_a_length_without_a_message(self) -> None:
        for name, good in (
            ("varint", b"\5"),
            ("varint:offset=1", b"0\5"),
            ("length:offset=1", b"0\0\5"),
            ("octet-count", b"5 "),
            ("resp", b"$5\r\n"),
        ):
            self.assertEqual(messages(name, good), [(good, "unterminated")])

    def test_a_length_without_an_end(self) -> None:
        for name, good, bad in (
            ("varint", b"\xff" * 9, b"\xff" * 10),
            ("varint:offset=1", b"0" + b"\xff" * 3, b"0" + b"\xff" * 4),
        ):
            self.assertEqual(messages(name, good), [(good, "unterminated")])
            self.assertEqual(messages(name, bad), [MalformedError])

    def test_no_packet_at_all(self) -> None:
        for text, why in (
            (b"\x30", "there is no length after 1 bytes"),
            (b"\x30" + b"\xff" * 4, "a length has over 4 bytes"),
        ):
            with self.assertRaisesRegex(ValueError, why):
                framed(text, "varint:offset=1")


class MalformedTests(SynchronousTestCase):
    def test_the_error_shows_the_bytes(self) -> None:
        request = b"GET / HTTP/1.1\r\nHost: x\r\n"
        shown = r"b'GET / HTTP/1.1\r\nHost'..."
        for name, good, bad, why in (
            (
                *("netstring", b"2:ok,", request),
                f"a netstring begins with its length and a colon; got {shown}",
            ),
            ("netstring", b"5:hello", b";", "no ',' after a message; got b';'"),
            (
                *("octet-count", b"1 a", b"5x"),
                "a message begins with its length and a space; got b'5x'",
            ),
            (
                *("varint", b"\1a", b"\xff" * 10),
                r"a length has over 10 bytes; got b'" + r"\xff" * 10 + "'",
            ),
            ("resp", b":1\r\n", b"$x\r\n", r"no length after '$'; got b'$x\r\n'"),
            (
                *("resp", b"$3\r\nabc", b"d\r"),
                r"a string is longer than its length; got b'd\r'",
            ),
            (
                *("resp", b"*1\r\n", request),
                f"a value begins with none of RESP's signs; got {shown}",
            ),
            (
                *("length:plus=-2", b"\0\2", b"\0\1"),
                r"a length is 1: at least 2; got b'\x00\x01'",
            ),
        ):
            with self.assertRaises(MalformedError, msg=name) as caught:
                for _ in make(name)().feed(good + bad):
                    pass
            self.assertTrue(str(caught.exception).startswith(why), caught.exception)

    def test_a_framing_of_your_own_need_not_show_any(self) -> None:
        self.assertEqual(str(MalformedError("no digits")), "no digits")


class OctetCountTests(SynchronousTestCase):
    def test_counted_and_ended_by_a_newline(self) -> None:
        self.assertEqual(
            messages("octet-count", b"4 <1>a<2>b\r\n<3>", b"c\n3 x\ny\n"),
            plain(b"<1>a", b"<2>b", b"<3>c", b"x\ny", b""),
        )

    def test_malformed(self) -> None:
        for bad in (b"0 ", b"05 ", b"5x", b"12345678901"):
            self.assertEqual(
                messages("octet-count", b"1 a" + bad), [(b"a", None), MalformedError]
            )

    def test_a_longer_message_is_refused_before_it_comes(self) -> None:
        maker = partial(make("octet-count"), overlong="close")
        self.assertEqual(frame([b"1 a9 "], 8, maker), [*plain(b"a"), OverlongError])

    def test_an_empty_message_cannot_be_sent(self) -> None:
        with self.assertRaisesRegex(ValueError, "the text is empty"):
            framed(b"", "octet-count")


class RespTests(SynchronousTestCase):
    def test_commands_as_they_came(self) -> None:
        set_it = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n*1\r\n\r\n"
        self.assertEqual(
            messages("resp", set_it[:9], set_it[9:] + b"PING\r\nPING\n" + set_it),
            plain(set_it, b"PING\r\n", b"PING\n", set_it),
        )

    def test_attributes_belong_to_the_value_after_them(self) -> None:
        value = b"|1\r\n+ttl\r\n:9\r\n$1\r\nx\r\n"
        self.assertEqual(messages("resp", value + b"_\r\n"), plain(value, b"_\r\n"))

    def test_malformed(self) -> None:
        for bad in (
            *(b"$3\r\nabcd\r", b"$x\r\n", b"$-2\r\n", b"$\r\n", b"*1\n", b"+OK\n"),
            *(b"*1\r\nPING\r\n", b"%-1\r\n", b"*?\r\n", b"$" + b"1" * 24),
        ):
            got = messages("resp", b":1\r\n" + bad)
            self.assertEqual(got, [(b":1\r\n", None), MalformedError], bad)

    def test_nesting_is_bounded(self) -> None:
        deepest = b"*1\r\n" * 32 + b":1\r\n"
        self.assertEqual(messages("resp", deepest), plain(deepest))
        self.assertEqual(messages("resp", b"*1\r\n" + deepest), [MalformedError])

    def test_a_longer_command_is_refused_before_it_comes(self) -> None:
        maker = partial(make("resp"), overlong="close")
        self.assertEqual(frame([b"*1\r\n$9\r\n"], 18, maker), [OverlongError])

    def test_a_longer_command_comes_in_pieces(self) -> None:
        self.assertEqual(
            frame([b"*1\r\n$4\r\nabcd\r\nPING\r\n"], 8, make("resp")),
            [
                *((b"*1\r\n$4\r\n", "overlong"), (b"abcd\r\n", "continued")),
                *plain(b"PING\r\n"),
            ],
        )

    def test_a_text_is_sent_as_it_is(self) -> None:
        self.assertEqual(framed(b"+PONG\r\n", "resp"), b"+PONG\r\n")
        with self.assertRaisesRegex(ValueError, "the text is empty"):
            framed(b"", "resp")


class CrlfDotTests(SynchronousTestCase):
    def test_texts(self) -> None:
        first, second = b"a\r\n..b\r\n\r\n.", b"\r\n.\r\n...\r\n.\r\nc\n.\n"
        self.assertEqual(
            messages("crlf-dot", first, second),
            [*plain(b"a\r\n.b\r\n", b"", b".."), (b"c\n.\n", "unterminated")],
        )

    def test_a_text_is_sent_with_its_end(self) -> None:
        for text, sent in (
            (b"", b".\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b".a\r\n.b\r\n", b"..a\r\n..b\r\n\r\n.\r\n"),
        ):
            self.assertEqual(framed(text, "crlf-dot"), sent)

    def test_a_dialogue_of_lines_and_texts(self) -> None:
        mail = b"Data\r\nhello\r\n..\r\n.\r\n"
        self.assertEqual(
            messages(MAIL, b"EHLO lab\r\n" + mail + b"DATAX\r\nQUIT\n"),
            plain(b"EHLO lab", b"Data", b"hello\r\n.", b"DATAX", b"QUIT"),
        )
        self.assertEqual(
            messages("crlf-dot:after=ihave", b"IHAVE <1@lab>\r\na\r\n.\r\n"),
            plain(b"IHAVE <1@lab>", b"a"),
        )

    def test_lines_are_sent_in_a_dialogue(self) -> None:
        self.assertEqual(framed(b"250 lab", MAIL), b"250 lab\r\n")


class LinesTests(SynchronousTestCase):
    def test_framings_that_take_a_line_as_it_is(self) -> None:
        for name in (
            *("line", "chunk", "netstring", "int16", "int32", "delimiter:;"),
            *("varint", "octet-count", "crlf-dot", MAIL),
        ):
            self.assertTrue(takes_lines(name), name)

    def test_framings_of_whole_frames(self) -> None:
        for name in ("resp", "length", MODBUS, "length:width=1", "varint:offset=1"):
            self.assertFalse(takes_lines(name), name)

    def test_a_framing_that_cannot_be_read(self) -> None:
        with self.assertRaises(ValueError):
            takes_lines("none")


class ParameterTests(SynchronousTestCase):
    def test_upper_or_lower_case(self) -> None:
        name = framing_value("LENGTH:Width=1,ORDER=Little")
        self.assertEqual(messages(name, b"\1a"), plain(b"\1a"))

    def test_mistakes(self) -> None:
        for name, why in (
            ("length:", "must be one of line, chunk, .*"),
            ("length:widht=2", "length takes .*, not widht=2; did you mean width[?]"),
            ("length:4", "length takes offset, width, order, plus, not 4"),
            ("length:width=2,", "length takes .*, not nothing"),
            ("length:width=2,width=2", "length: width is given twice"),
            ("length:width=9", "length: width=9 must be a whole number from 1 to 8"),
            ("length:offset=-1", "length: offset=-1 must be .* from 0 to 1024"),
            ("length:plus", "length: plus= must be .* from -1024 to 1024"),
            ("length:order=middle", "length: order=middle must be big or little"),
            ("varint:offset=0", "varint: offset=0 must be .* from 1 to 1024"),
            ("varint:width=2", "varint takes offset, not width=2"),
            ("crlf-dot:after=", "crlf-dot: after= must be a word in ASCII"),
            ("crlf-dot:after=RCPT TO", "crlf-dot: after=RCPT TO must be a word .*"),
            ("resp:3", "must be one of line, .*, resp, crlf-dot, delimiter:TEXT"),
            ("octet-cuont", "must be .*; did you mean octet-count[?]"),
        ):
            with self.assertRaisesRegex(ValueError, f"^{why}$", msg=name):
                framing_value(name)
