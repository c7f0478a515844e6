"""Dialogues: what a client sends and expects, in memory, with a fake clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from echolab import Batch, EndCause, Finished, HalfClosed, Peer, Received
from echolab.client.dialogue import Dialogue
from echolab.client.steps import Expect, Send, parts_of
from tests.test_input import END, Out

if TYPE_CHECKING:
    from echolab.errors import ExpectationError

SERVER = Peer(1, "IPv4", "127.0.0.1", 25)


class DialogueTests(SynchronousTestCase):
    def talk(self, *steps: Send | Expect, begin: bool = True) -> Dialogue:
        self.clock = Clock()
        self.held = False
        self.out = Out()
        self.failures: list[ExpectationError] = []
        self.dialogue = Dialogue(
            parts_of(steps, crlf=False),
            clock=self.clock,
            name="lab:25",
            wait_seconds=5,
            is_held=lambda: self.held,
            failed=self.failures.append,
        ).source(self.out)
        if begin:
            self.dialogue.resumeProducing()
        return self.dialogue

    def hear(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self.dialogue(Received(SERVER, 0.0, Batch((chunk,))))

    def end(self, cause: EndCause, detail: str = "") -> None:
        self.dialogue(
            Finished(SERVER, 0.0, cause, received_bytes=0, seconds=0.0, detail=detail)
        )

    def assert_failed(self, why: str) -> None:
        self.assertEqual(
            [str(each) for each in self.failures], [f"expect lab:25: {why}"]
        )
        self.assertEqual(self.failures[0].status, 2)
        self.assertNotIn(END, self.out)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_all_is_sent_at_once_where_nothing_is_expected(self) -> None:
        self.assertTrue(verifyObject(IPushProducer, self.talk(begin=False)))
        self.talk(Send("one"), Send(r"two\0"))
        self.assertEqual(self.out, [b"one\n", b"two\0", END])

    def test_each_waits_for_what_is_expected_before_it(self) -> None:
        self.talk(Expect("^220"), Send("EHLO"), Expect("^250"), Send("QUIT"))
        self.hear(b"2", b"20 250 lab\r")
        self.assertEqual(self.out, [b"EHLO\n"])
        self.hear(b"\n250 ok\r\n")
        self.assertEqual(self.out, [b"EHLO\n", b"QUIT\n", END])
        self.clock.advance(9)
        self.end(EndCause.RESET)
        self.assertEqual(self.failures, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_end_of_this_side_is_not_the_servers(self) -> None:
        self.talk(Send("a"), Expect("ok"))
        self.end(EndCause.STOPPED, "reset:after-sent-bytes=1")
        self.assert_failed(
            "no 'ok', closed by this side (reset:after-sent-bytes=1); nothing came"
        )

    def test_what_came_early_counts(self) -> None:
        self.talk(
            Send("a"), Expect("A"), Send("b"), Expect("B"), Send("c"), begin=False
        )
        self.hear(b"AB")
        self.dialogue.resumeProducing()
        self.assertEqual(self.out, [b"a\n", b"b\n", b"c\n", END])

    def test_a_slow_server_pauses_it(self) -> None:
        self.talk(Expect("1"), Send("a"), Send("b"))
        self.dialogue.pauseProducing()
        self.hear(b"1")
        self.clock.advance(9)
        self.assertEqual((self.out, self.failures), ([], []))
        self.dialogue.resumeProducing()
        self.assertEqual(self.out, [b"a\n", b"b\n", END])

    def test_nothing_comes_in_time(self) -> None:
        self.talk(Send("a"), Expect("^A"), Send("b"))
        self.clock.pump([1] * 5)
        self.assert_failed("no '^A' within 5 s; nothing came")
        self.hear(b"A")
        self.end(EndCause.STOPPED)
        self.assertEqual(self.out, [b"a\n"])

    def test_each_has_its_own_time_however_much_is_said(self) -> None:
        self.talk(Expect("1"), Expect("2"))
        self.clock.advance(4)
        self.hear(b"1")
        self.clock.advance(4)
        self.hear(b"\x1b[J\n")
        self.clock.advance(1)
        self.assert_failed(r"no '2' within 5 s; 4 bytes came: '\x1b[J\n'")

    def test_time_in_which_replies_are_not_read_does_not_count(self) -> None:
        self.talk(Expect("1"))
        self.held = True
        self.clock.advance(5)
        self.held = False
        self.clock.advance(4)
        self.assertEqual(self.failures, [])
        self.hear(b"1")
        self.assertEqual(self.out, [END])

    def test_the_end_comes_first(self) -> None:
        for cause, detail, why in (
            (EndCause.EOF, "", "closed by the server"),
            (EndCause.RESET, "ECONNRESET", "Connection reset by peer"),
            (EndCause.RESET, "closed by the server", "closed by the server"),
        ):
            self.talk(Expect("PONG"), Send("x"))
            self.hear(b"-ERR what\r\n")
            self.end(cause, detail)
            self.assert_failed(rf"no 'PONG', {why}; 11 bytes came: '-ERR what\r\n'")
        self.talk(Expect("PONG"))
        self.dialogue(HalfClosed(SERVER, 0.0))
        self.end(EndCause.EOF)
        self.assert_failed("no 'PONG', closed by the server; nothing came")

    def test_the_end_ends_the_last_line(self) -> None:
        self.talk(Expect("bye$"), Send("x"))
        self.hear(b"bye")
        self.assertEqual(self.out, [])
        self.dialogue(HalfClosed(SERVER, 0.0))
        self.assertEqual(self.out, [b"x\n", END])

    def test_stopped_it_sends_no_more(self) -> None:
        self.talk(Expect("1"), Send("x"), Expect("2"))
        self.dialogue.stopProducing()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.hear(b"1")
        self.dialogue.resumeProducing()
        self.assertEqual((self.out, self.failures), ([], []))
        self.end(EndCause.RESET)  # A lost connection has stopped it before.
        self.assert_failed("no '2', Connection reset by peer; nothing came")


class SendTests(SynchronousTestCase):
    def test_a_line_or_exactly_these_bytes(self) -> None:
        for text, sent, with_crlf in (
            ("PING", b"PING\n", b"PING\r\n"),
            ("", b"\n", b"\r\n"),
            ("a\nb\r\n", b"a\nb\r\n", b"a\r\nb\r\n"),
            ("\udcff", b"\xff\n", b"\xff\r\n"),
            (r"GET /\r\n\r\n", b"GET /\r\n\r\n", b"GET /\r\n\r\n"),
            (r"\x00\xff", b"\0\xff", b"\0\xff"),
            (r"a\n", b"a\n", b"a\n"),
        ):
            self.assertEqual(Send.read(text).data(), sent)
            self.assertEqual(Send.read(text).data(crlf=True), with_crlf)
