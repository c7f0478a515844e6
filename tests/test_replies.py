"""Replies from functions and coroutines, and owed replies, in memory."""

from __future__ import annotations

import tempfile
from itertools import count
from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol

from echolab import EndCause, Limits, ReceiverFactory, ReplyingProtocol
from echolab.server.replies import MOST_OWED
from echolab.testing import Transcript
from tests.receiving import ReplyCase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab import Messages, Peer


class FunctionTests(ReplyCase):
    def answers(self, reply: Any, *chunks: bytes) -> bytes:
        self.reply = reply
        protocol, transport = self.connect()
        for chunk in chunks:
            protocol.dataReceived(chunk)
        sent: bytes = transport.value()
        return sent

    def test_is_given_the_peer_and_messages_as_framed(self) -> None:
        given: list[tuple[int, list[bytes], str | None]] = []

        def reply(peer: Peer, messages: Messages) -> bytes:
            given.append((peer.number, [*messages], messages.mark))
            return b"%d\n" % len(messages)

        self.assertEqual(self.answers(reply, b"a\r\nb\nc", b"d\n"), b"2\n1\n")
        self.assertEqual(given, [(1, [b"a", b"b"], None), (1, [b"cd"], None)])

    def test_may_return_bytes_or_pieces_or_nothing(self) -> None:
        def pieces(_peer: Peer, messages: Messages) -> Iterator[bytes]:
            for message in messages:
                yield message.upper()
                yield b"!"

        for reply, sent in (
            (lambda _peer, _messages: b"ok", b"ok"),
            (lambda _peer, _messages: [b"o", b"", b"k"], b"ok"),
            (lambda _peer, _messages: None, b""),
            (lambda _peer, _messages: b"", b""),
            (pieces, b"ONE!TWO!"),
        ):
            self.assertEqual(self.answers(reply, b"one\ntwo\n"), sent)

    def test_what_was_shown_in_pieces_is_answered_as_one(self) -> None:
        given: list[tuple[list[bytes], str | None]] = []

        def reply(_peer: Peer, messages: Messages) -> None:
            given.append(([*messages], messages.mark))

        self.reply = reply
        protocol, _ = self.connect()
        for chunk in (b"one", b" two", b" three\nfour\n", b"fi"):
            protocol.dataReceived(chunk)
            self.clock.advance(1)  # Shown as partial.
        protocol.dataReceived(b"ve")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertEqual(
            given,
            [
                ([b"one two three"], None),
                ([b"four"], None),
                ([b"five"], "unterminated"),
            ],
        )

    def test_of_a_message_without_end_a_bounded_part_is_kept(self) -> None:
        given: list[int] = []

        def reply(_peer: Peer, messages: Messages) -> None:
            given.extend(map(len, messages))

        self.answers(reply, *[b"x" * 60_000] * 10, b"\n")
        self.assertLess(given[0], 3 * (1 << 16))
        self.assertEqual(len(given), 1)


class CoroutineTests(ReplyCase):
    def setUp(self) -> None:
        super().setUp()
        self.waiting: list[Deferred[bytes]] = []
        self.cancelled: list[object] = []
        self.reply = self.answer

    async def answer(self, _peer: Peer, _messages: Messages) -> bytes:
        answer: Deferred[bytes] = Deferred(self.cancelled.append)
        self.waiting.append(answer)
        return await answer

    def test_answers_keep_their_order(self) -> None:
        protocol, transport = self.connect()
        protocol.dataReceived(b"one\n")
        protocol.dataReceived(b"two\n")
        first, second = self.waiting
        second.callback(b"2\n")
        self.assertEqual(transport.value(), b"")
        first.callback(b"1\n")
        self.assertEqual(transport.value(), b"1\n2\n")

    def test_the_peers_end_waits_for_them(self) -> None:
        protocol, transport = self.connect()
        protocol.dataReceived(b"one\n")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertFalse(transport.disconnecting)
        self.waiting[0].callback(b"1\n")
        self.assertEqual(transport.value(), b"1\n")
        self.assertTrue(transport.disconnecting)
        self.assertIs(self.lose(protocol), EndCause.EOF)

    def test_a_peer_that_is_owed_too_much_is_not_read(self) -> None:
        protocol, transport = self.connect()
        for _ in range(MOST_OWED + 1):
            protocol.dataReceived(b"x\n")
        self.assertEqual(transport.producerState, "paused")
        for answer in self.waiting:
            answer.callback(b"y\n")
        self.assertEqual(transport.producerState, "producing")
        self.assertEqual(transport.value(), b"y\n" * (MOST_OWED + 1))

    def test_they_are_cancelled_with_the_connection(self) -> None:
        protocol, _ = self.connect()
        protocol.dataReceived(b"one\n")
        self.lose(protocol)
        self.assertEqual(self.cancelled, self.waiting)

    def test_one_that_fails_ends_the_connection(self) -> None:
        protocol, transport = self.connect()
        protocol.dataReceived(b"one\n")
        self.waiting[0].errback(ValueError("odd"))
        self.assert_failed(protocol, transport)

    def test_so_does_a_function(self) -> None:
        def early(_peer: Peer, _messages: Messages) -> bytes:
            raise ValueError("odd")

        def late(_peer: Peer, _messages: Messages) -> Iterator[bytes]:
            yield b"good"
            raise ValueError("odd")

        for reply in early, late:
            self.reply = reply
            protocol, transport = self.connect()
            protocol.dataReceived(b"one\n")
            self.assert_failed(protocol, transport)

    def test_what_is_no_answer(self) -> None:
        for answer, why in (
            ("text", "it returned str, not bytes"),
            (5, "it returned int, not bytes"),
            (["text"], "a piece of it is str, not bytes"),
        ):
            self.reply = mock.Mock(return_value=answer)
            protocol, _ = self.connect()
            protocol.dataReceived(b"one\n")
            self.assertIs(self.lose(protocol), EndCause.ERROR)
            self.assertEqual(
                self.transcript.ends()[-1].detail, f"the reply failed: TypeError: {why}"
            )
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 3)

    def test_whatever_it_fails_by_can_be_recorded(self) -> None:
        def reply(_peer: Peer, messages: Messages) -> bytes:
            raise ValueError(messages.raw().decode())

        self.reply = reply
        protocol, _ = self.connect()
        protocol.dataReceived(b"\x1b]0;owned\x07\n")
        self.lose(protocol)
        self.flushLoggedErrors(ValueError)
        detail = self.transcript.ends()[-1].detail
        self.assertEqual(detail, r"the reply failed: ValueError: \x1b]0;owned\x07")
        with tempfile.NamedTemporaryFile() as file:
            self.transcript.save(file.name)
            self.assertEqual(Transcript.load(file.name).ends()[-1].detail, detail)

    def assert_failed(self, protocol: Any, transport: Any) -> None:
        self.assertTrue(transport.disconnecting)
        self.assertIs(self.lose(protocol), EndCause.ERROR)
        detail = self.transcript.ends()[-1].detail
        self.assertEqual(detail, "the reply failed: ValueError: odd")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class IdleTests(ReplyCase):
    def setUp(self) -> None:
        super().setUp()
        self.factory = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_protocol=lambda framer: ReplyingProtocol(framer, self.reply),
            limits=Limits(idle_seconds=10),
        )

    def test_a_peer_that_waits_for_its_answer_is_not_idle(self) -> None:
        answer: Deferred[bytes] = Deferred()

        async def slowly(_peer: Peer, _messages: Messages) -> bytes:
            return await answer

        self.reply = slowly
        protocol, transport = self.connect()
        protocol.dataReceived(b"why?\n")
        self.clock.pump([10] * 3)
        answer.callback(b"because\n")
        self.clock.advance(9.9)
        self.assertEqual(transport.value(), b"because\n")
        self.assertFalse(transport.disconnecting)
        self.clock.pump([10] * 2)
        self.assertIs(self.lose(protocol), EndCause.IDLE)
        self.assertEqual(self.transcript.ends()[-1].detail, "nothing came for 10 s")

    def test_a_peer_that_does_not_read_its_answers_is_idle(self) -> None:
        protocol, transport = self.connect()
        assert transport.producer is not None
        protocol.dataReceived(b"hello\n")
        transport.producer.pauseProducing()
        self.clock.pump([10] * 2)
        self.assertTrue(transport.disconnecting)
        self.assertIs(self.lose(protocol), EndCause.IDLE)
        why = "the peer took nothing for 10 s"
        self.assertEqual(self.transcript.ends()[-1].detail, why)

    def test_so_is_one_that_does_not_read_what_was_typed(self) -> None:
        protocol, transport = self.connect()
        assert isinstance(protocol, ReplyingProtocol)
        assert transport.producer is not None
        protocol.replies.send(b"hello\n", by_hand=True)
        transport.producer.pauseProducing()
        self.clock.pump([10] * 2)
        self.assertTrue(transport.disconnecting)

    def test_a_peer_that_reads_slowly_is_not_idle(self) -> None:
        protocol, transport = self.connect()
        assert transport.producer is not None
        transport.producer.pauseProducing()
        with mock.patch.object(protocol, "taken_bytes", side_effect=count()):
            self.clock.pump([10] * 5)
        self.assertFalse(transport.disconnecting)
        transport.producer.resumeProducing()
        self.clock.advance(9)
        self.assertFalse(transport.disconnecting)
