"""Answers by rules, in memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab import Accepted, Answers, EndCause, LineFramer, ReceiverFactory
from echolab.events import Sent, Unanswered
from echolab.testing import Close, Delay, Then, Transcript, connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab import Peer
    from echolab.testing import Conversation, Rules

LAB: Rules = [
    (rb"^EHLO (?P<who>.*)", rb"250 hello \g<who>\r\n"),
    (rb"^GET (\w+) (\w+)", rb"VALUE \2 \1\r\n"),
    ("^QUIT", [b"221 bye\r\n", Close()]),
]


class AnswerCase(SynchronousTestCase):
    def talk(self, *said: bytes, **keywords: Any) -> Conversation:
        talk = connected(**keywords)
        talk.flush()
        for each in said:
            talk.client.write(each)
            talk.flush()
        return talk

    def answer(self, *said: bytes, **keywords: Any) -> bytes:
        """Return all that the server has sent."""
        return self.talk(*said, **keywords).transcript.sent()


class RuleTests(AnswerCase):
    def test_the_first_that_is_found_answers(self) -> None:
        rules = [("a", b"1"), ("b", b"2"), ("^ab$", b"3")]
        self.assertEqual(self.answer(b"ab\nxbx\n", answers=rules), b"12")

    def test_bytes_are_sent_exactly(self) -> None:
        rules = [("a", b"\\1 \\q\x00"), ("b", b"")]
        self.assertEqual(self.answer(b"a\nb\n", answers=rules), b"\\1 \\q\x00")

    def test_a_text_is_framed_and_has_escapes(self) -> None:
        rules = [("a", r"\x00é")]
        self.assertEqual(self.answer(b"a\n", answers=rules), b"\x00\xc3\xa9\n")
        told = self.answer(b"1:a,", answers=rules, framing="netstring")
        self.assertEqual(told, b"3:\x00\xc3\xa9,")

    def test_groups(self) -> None:
        self.assertEqual(self.answer(b"EHLO me\n", answers=LAB), b"250 hello me\r\n")
        self.assertEqual(self.answer(b"GET x y\n", answers=LAB), b"VALUE y x\r\n")
        rules: Rules = [(r"(a)|(b)", r"\g<0>-\1-\2-\\1"), ("(c)", b"\\\\d")]
        self.assertEqual(self.answer(b"xb\nc\n", answers=rules), b"b--b-\\1\n\\d")

    def test_a_compiled_pattern(self) -> None:
        rules = [(re.compile("QUIT", re.IGNORECASE), b"bye")]
        self.assertEqual(self.answer(b"quit\n", answers=rules), b"bye")

    def test_several_in_order(self) -> None:
        rules = [("a", [b"1", "2", lambda *_: b"3"])]
        self.assertEqual(self.answer(b"a\n", answers=rules), b"12\n3")

    def test_what_fits_no_rule(self) -> None:
        talk = self.talk(b"NOOP\nEHLO x\n\xff\n", answers=LAB)
        found = [e for e in talk.transcript.events if isinstance(e, Unanswered)]
        self.assertEqual(
            [(e.number, e.message) for e in found], [(1, b"NOOP"), (3, b"\xff")]
        )
        self.assertIn("peer 1 unanswered NOOP\n", talk.transcript.render())

    def test_a_message_that_came_in_pieces(self) -> None:
        rules = [("^abcdef$", b"all"), ("", b"part")]
        told = self.answer(b"abcd", b"ef\n", answers=rules, max_message=2)
        self.assertEqual(told, b"all")

    def test_an_unterminated_message(self) -> None:
        talk = self.talk(b"EHLO x", answers=LAB)
        talk.client.finish()
        talk.flush()
        self.assertEqual(talk.transcript.sent(), b"250 hello x\r\n")

    @given(
        st.lists(st.sampled_from([b"a", b"b", b"to x", b"to answers"]), max_size=8),
        st.data(),
    )
    def test_no_answer_depends_on_the_cuts(self, said: list[bytes], data: Any) -> None:
        rules = {
            "answers": [("^to x", [b"x!", Then("x")]), ("(.)", rb"<\1>")],
            "x": [("^to answers", [b"a!", Then("answers")]), ("a", b"[a]")],
        }
        stream = b"".join(each + b"\n" for each in said)
        whole = self.talk(stream, answers=rules)
        size = data.draw(st.integers(1, 5))
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        cut_up = self.talk(*pieces, answers=rules)
        self.assertEqual(cut_up.transcript.sent(), whole.transcript.sent())
        self.assertEqual(cut_up.transcript.render(), whole.transcript.render())

    def test_half_a_frame_is_not_answered(self) -> None:
        for framing, sent in (("netstring", b"1:a,9:hal"), ("int16", b"\0\1a\0")):
            talk = self.talk(sent, answers=[("", b"x")], framing=framing)
            talk.client.finish()
            talk.flush()
            self.assertEqual(talk.transcript.sent(), b"x")


class StepTests(AnswerCase):
    def test_a_greeting_is_first(self) -> None:
        talk = self.talk(b"QUIT\n", greet=b"220 lab\r\n", answers=LAB)
        first, second, *_ = talk.transcript.events
        self.assertIsInstance(first, Accepted)
        assert isinstance(second, Sent)
        self.assertEqual((second.data, second.answers), (b"220 lab\r\n", 0))
        self.assertEqual(talk.transcript.sent(), b"220 lab\r\n221 bye\r\n")

    def test_a_greeting_without_rules(self) -> None:
        self.assertEqual(self.answer(b"a\n", greet="hi", reply="x"), b"hi\nx\n")
        self.assertEqual(self.answer(b"a\n", greet="hi", reply="echo"), b"hi\na\n")
        self.assertEqual(self.answer(b"a\n", greet=["hi", Close()]), b"hi\n")

    def test_close(self) -> None:
        talk = self.talk(b"QUIT\nEHLO late\n", answers=LAB)
        self.assertEqual(talk.transcript.sent(), b"221 bye\r\n")
        [end] = talk.transcript.ends()
        self.assertEqual(end.cause.value, "stopped")
        self.assertEqual(end.detail, "the answer to message 1 closes")
        self.assertEqual(end.unsent_answers, 0)

    def test_close_after_the_peers_end(self) -> None:
        talk = self.talk(answers=[("a", [Delay(1), b"x", Close()])])
        talk.client.write(b"a\n")
        talk.client.finish()
        talk.flush()
        talk.advance(1)
        self.assertEqual(talk.transcript.sent(), b"x")
        self.assertEqual(talk.transcript.ends()[0].cause.value, "eof")

    def test_delay_holds_up_what_follows(self) -> None:
        rules = [("a", [b"1", Delay(2.0), b"2"]), ("b", b"3")]
        talk = self.talk(b"a\nb\n", answers=rules)
        self.assertEqual(talk.transcript.sent(), b"1")
        talk.advance(1.9)
        self.assertEqual(talk.transcript.sent(), b"1")
        talk.advance(0.1)
        self.assertEqual(talk.transcript.sent(), b"123")

    def test_what_was_left_unsent(self) -> None:
        talk = self.talk(
            b"a\na\nb\n", answers=[("a", [b"1", Delay(2.0), b"2"]), ("b", b"")]
        )
        talk.from_client.abortConnection()
        talk.flush()
        [end] = talk.transcript.ends()
        self.assertEqual(end.unsent_answers, 3)
        self.assertIn("not all was sent\n", talk.transcript.render())

    def test_states(self) -> None:
        rules: Rules = {
            "answers": [("^DATA", ["354 go", Then("data")]), ("", "500 what?")],
            "data": [(r"^\.$", ["250 taken", Then("answers")]), ("", b"")],
        }
        told = self.answer(b"DATA\nDATA\nx\n.\nx\n", answers=rules)
        self.assertEqual(told, b"354 go\n250 taken\n500 what?\n")

    def test_each_connection_has_its_own_state(self) -> None:
        rules: Rules = {"answers": [("", [b"1", Then("b")])], "b": [("", b"2")]}
        sent: list[bytes] = []
        factory = ReceiverFactory(
            Transcript(clock=connected().clock),
            clock=connected().clock,
            make_framer=LineFramer,
            make_protocol=Answers(rules).make_protocol,
        )
        for _ in range(2):
            talk = connected(factory)
            for _ in range(2):
                talk.client.write(b"x\n")
                talk.flush()
            sent.append(talk.transcript.received())
        self.assertEqual(sent, [b"12", b"12"])


class TogetherTests(AnswerCase):
    """Without a sink for what is sent, short answers are sent together."""

    def test_the_same_is_sent_and_told(self) -> None:
        rules: Rules = [
            ("a", b"1"),
            ("b", [b"2", Delay(1), b"3"]),
            ("d", b"4" * 70_000),
        ]
        told: list[Any] = []
        clock = Clock()
        factory = ReceiverFactory(
            told.append,
            clock=clock,
            make_protocol=Answers(rules, greet=b"0", numbered=False).make_protocol,
        )
        talk = connected(factory, clock=clock)
        talk.client.write(b"a\na\nc\na\nb\na\nd\nd\na\nc\n")
        talk.flush()
        talk.advance(1)
        expected = b"0111231" + b"4" * 140_000 + b"1"
        self.assertEqual(talk.transcript.received(), expected)
        numbers = [e.number for e in told if isinstance(e, Unanswered)]
        self.assertEqual(numbers, [3, 10])
        talk.client.write(b"a\nb\na\n")
        talk.flush()
        talk.from_client.abortConnection()
        talk.flush()
        self.assertEqual(told[-1].unsent_answers, 2)


class FunctionTests(AnswerCase):
    def test_is_given_the_peer_and_the_message(self) -> None:
        def answer(peer: Peer, message: bytes) -> bytes:
            return b"%d %b\n" % (peer.number, message)

        self.assertEqual(self.answer(b"a\nb\n", answers=[("", answer)]), b"1 a\n1 b\n")

    def test_what_it_may_return(self) -> None:
        def many(_peer: Peer, _message: bytes) -> Iterator[Any]:
            yield b"1"
            yield "2"
            yield None
            yield bytearray(b"3")
            yield Then("rest")

        rules: Rules = {"answers": [("", many)], "rest": [("", lambda *_: Close())]}
        talk = self.talk(b"a\nb\nc\n", answers=rules)
        self.assertEqual(talk.transcript.sent(), b"12\n3")
        self.assertEqual(talk.transcript.ends()[0].cause.value, "stopped")

    def test_a_text_that_it_returns_is_sent_as_it_is(self) -> None:
        told = self.answer(b"a\n", answers=[("(a)", lambda *_: r"\1")])
        self.assertEqual(told, b"\\1\n")

    def test_coroutines_answer_in_order(self) -> None:
        waits: list[Deferred[bytes]] = []

        async def answer(_peer: Peer, message: bytes) -> bytes:
            waits.append(Deferred())
            return message + await waits[-1]

        talk = self.talk(b"a\nb\n", answers=[("[ab]", answer)])
        self.assertEqual(len(waits), 1)
        waits[0].callback(b"1")
        self.assertEqual(talk.transcript.sent(), b"a1")
        waits[1].callback(b"2")
        self.assertEqual(talk.transcript.sent(), b"a1b2")

    def test_many_coroutines_that_do_not_wait(self) -> None:
        async def answer(_peer: Peer, message: bytes) -> bytes:
            return message

        told = self.answer(b"a\n" * 20_000, answers=[("a", answer)])
        self.assertEqual(told, b"a" * 20_000)

    def test_one_that_raises(self) -> None:
        def answer(_peer: Peer, message: bytes) -> bytes:
            raise LookupError(message)

        talk = self.talk(answers=[("a", answer)])
        talk.client.write(b"a\nb\n")
        with self.assertRaisesRegex(
            AssertionError, r"(?s)in answer.*LookupError: b'a'"
        ):
            talk.flush()
        talk.flush()
        [end] = talk.transcript.ends()
        self.assertEqual(
            (end.cause.value, end.detail),
            ("error", "the reply failed: LookupError: b'a'"),
        )
        self.assertEqual(end.unsent_answers, 2)

    def test_one_that_returns_what_is_no_answer(self) -> None:
        talk = self.talk(answers=[("a", lambda *_: 5)])
        talk.client.write(b"a\n")
        with self.assertRaisesRegex(AssertionError, "it returned int, not bytes"):
            talk.flush()


class EndlessTests(AnswerCase):
    def test_an_endless_answer_ends_with_its_connection(self) -> None:
        def endless(_peer: Peer, _message: bytes) -> Iterator[bytes]:
            while True:
                yield b"x" * 10_000
                if talk.transcript.sent().count(b"x") > 50_000:
                    talk.server.end(EndCause.STOPPED)

        talk = self.talk(answers=[("", endless)])
        talk.client.write(b"a\n")
        talk.flush()
        self.assertEqual(talk.transcript.ends()[0].cause, EndCause.STOPPED)


class MistakeTests(SynchronousTestCase):
    def fails(self, kind: type[Exception], text: str, **keywords: Any) -> None:
        with self.assertRaises(kind) as caught:
            connected(**keywords)
        self.assertEqual(str(caught.exception), text)

    def test_patterns(self) -> None:
        self.fails(
            UsageError,
            "answers: '(' is no regular expression: "
            "missing ), unterminated subpattern at position 0",
            answers=[("(", b"")],
        )
        self.fails(
            TypeError, "answers: a pattern is a str or bytes, not 5", answers=[(5, b"")]
        )

    def test_rules_that_are_none(self) -> None:
        self.fails(
            TypeError,
            "answers: a rule is a pattern and an answer, not 'ab'",
            answers=["ab"],
        )
        self.fails(
            TypeError,
            "answers: an answer is bytes, a str or a function, not 5",
            answers=[("a", 5)],
        )
        self.fails(
            TypeError,
            "answers: Close cannot be called with a peer and a message",
            answers=[("a", Close)],
        )

    def test_texts(self) -> None:
        self.fails(
            UsageError,
            r"--answer: \2: has no group 2 in its pattern",
            answers=[("(a)", r"\2")],
        )
        self.fails(
            UsageError, r"--answer: \q: has an unknown escape", answers=[("a", r"\q")]
        )
        self.fails(UsageError, r"--greet: \q: has an unknown escape", greet=r"\q")

    def test_lists(self) -> None:
        self.fails(
            UsageError,
            "--answer: there is no list 'x', only answers",
            answers=[("a", Then("x"))],
        )

    def test_lists_that_are_none(self) -> None:
        self.fails(
            UsageError,
            "answers: there is no list 'answers', which answers first",
            answers={"data": [("a", b"")]},
        )
        self.fails(
            UsageError,
            "answers: the list 'data' has no rules",
            answers={"answers": [("a", b"")], "data": []},
        )

    def test_groups_of_a_pattern_that_has_none(self) -> None:
        self.fails(
            UsageError,
            r"--answer: \1: has no group 1 in its pattern",
            answers=[("a", r"\1")],
        )

    def test_misspelt_options(self) -> None:
        self.fails(
            TypeError,
            "a server in a test has no option anwsers; did you mean answers?",
            anwsers=[],
        )

    def test_chunks(self) -> None:
        self.fails(
            UsageError,
            "--answer: not with --framing chunk: where a chunk ends depends on how the "
            "stream was cut",
            answers=[("a", b"")],
            framing="chunk",
        )
        talk = connected(answers=[("", b"x")], greet=b"hi", framing="chunk")
        talk.client.write(b"a")
        talk.flush()
        self.assertEqual(talk.transcript.sent(), b"hix")

    def test_answers_beside_a_reply(self) -> None:
        self.fails(
            TypeError,
            "answers and reply: one of them answers; the pattern '' fits the rest",
            answers=[("a", b"")],
            reply="x",
        )


class RenderTests(AnswerCase):
    def test_each_answer_stands_behind_its_message(self) -> None:
        talk = self.talk(b"EHLO a\nNOOP\nQUIT\n", greet=b"220 lab\r\n", answers=LAB)
        self.assertEqual(
            talk.transcript.render(),
            "peer 1 accepted\n"
            "peer 1 sent 220 lab\\r\\n\n"
            "peer 1 recv EHLO a\n"
            "peer 1 sent 250 hello a\\r\\n\n"
            "peer 1 recv NOOP\n"
            "peer 1 unanswered NOOP\n"
            "peer 1 recv QUIT\n"
            "peer 1 sent 221 bye\\r\\n\n"
            "peer 1 finished stopped (the answer to message 3 closes), 31 bytes sent\n",
        )

    def test_what_came_after_a_closing_answer_is_left_out(self) -> None:
        for said in ((b"QUIT\nLATE\nL",), (b"QUIT\n", b"LATE\n")):
            talk = self.talk(*said, answers=LAB)
            self.assertEqual(
                talk.transcript.render(),
                "peer 1 accepted\npeer 1 recv QUIT\npeer 1 sent 221 bye\\r\\n\n"
                "peer 1 finished stopped (the answer to message 1 closes), "
                "9 bytes sent\n",
            )

    def test_what_answers_no_message_stands_at_the_end(self) -> None:
        talk = self.talk(b"a\nb", b"c\n", reply="echo")
        self.assertEqual(
            talk.transcript.render(),
            "peer 1 accepted\npeer 1 recv a\npeer 1 recv bc\npeer 1 sent a\\nbc\\n\n",
        )
