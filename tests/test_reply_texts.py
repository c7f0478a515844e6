"""Echoes, and texts for each message, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.internet import error
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
)
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Batch,
    EndCause,
    Limits,
    LineFramer,
    ReceiverFactory,
    ReceiverProtocol,
    ReplyingProtocol,
    echo,
    reply_text,
)
from tests.receiving import PEER, ReplyCase

if TYPE_CHECKING:
    from collections.abc import Callable


class EchoTests(ReplyCase):
    def test_every_byte_as_it_came(self) -> None:
        protocol, transport = self.connect()
        for chunk in (b"he", b"llo\r\n", b"\xff"):
            protocol.dataReceived(chunk)
        self.assertEqual(transport.value(), b"hello\r\n\xff")

    def test_what_is_owed_is_sent_after_the_peers_end(self) -> None:
        protocol, transport = self.connect()
        protocol.dataReceived(b"hello\nbye")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertTrue(transport.disconnecting)
        self.assertIs(self.lose(protocol), EndCause.EOF)
        self.assertEqual(self.transcript.lines(), [b"hello", b"bye"])
        self.assertEqual(self.transcript.ends()[-1].unterminated_bytes, 3)

    def test_a_framer_is_told_of_the_end_once(self) -> None:
        framer = mock.Mock(buffered_bytes=0)
        framer.end.return_value = [Batch((b"rest",), mark="unterminated")]
        self.factory = ReceiverFactory(
            self.transcript,
            clock=self.clock,
            make_framer=lambda: framer,
            make_protocol=lambda framer: ReplyingProtocol(framer, echo),
        )
        protocol, _ = self.connect()
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.lose(protocol)
        self.assertEqual(framer.end.call_count, 1)
        self.assertEqual(self.transcript.ends()[-1].unterminated_bytes, 4)

    def test_the_peers_end_does_not_hide_why_this_side_ended_it(self) -> None:
        def idle(_: ReceiverProtocol) -> None:
            self.clock.advance(60)

        cases: list[tuple[Callable[[ReceiverProtocol], None], EndCause]] = [
            (lambda it: it.dataReceived(b"overlong\n"), EndCause.OVERLONG),
            (lambda it: it.dataReceived(b"one\r"), EndCause.OVERLONG),
            (idle, EndCause.IDLE),
            (lambda it: it.end(EndCause.STOPPED, "told to"), EndCause.STOPPED),
        ]
        for end, cause in cases:
            self.factory = ReceiverFactory(
                self.transcript,
                clock=self.clock,
                make_framer=lambda: LineFramer(3, "close"),
                make_protocol=lambda framer: ReplyingProtocol(framer, echo),
                limits=Limits(idle_seconds=60),
            )
            protocol, transport = self.connect()
            end(protocol)
            IHalfCloseableProtocol(protocol).readConnectionLost()
            self.assertTrue(transport.disconnecting)
            self.assertIs(self.lose(protocol), cause)
            if cause is EndCause.OVERLONG:
                why = "a message is longer than 3 bytes"
                self.assertEqual(self.transcript.ends()[-1].detail, why)

    def test_a_reset_after_the_peers_end_is_one(self) -> None:
        protocol, transport = self.connect()
        assert transport.producer is not None
        transport.producer.pauseProducing()  # The peer does not read.
        protocol.dataReceived(b"hello\n")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertFalse(transport.disconnecting)
        self.assertIs(self.lose(protocol, error.ConnectionLost()), EndCause.RESET)

    def test_a_peer_that_does_not_read_is_not_read(self) -> None:
        _, transport = self.connect()
        producer = transport.producer
        assert producer is not None
        producer.pauseProducing()
        self.assertEqual(transport.producerState, "paused")
        self.factory.pauseProducing()
        self.factory.resumeProducing()
        self.assertEqual(transport.producerState, "paused")
        self.factory.pauseProducing()
        producer.resumeProducing()
        self.assertEqual(transport.producerState, "paused")
        self.factory.resumeProducing()
        self.assertEqual(transport.producerState, "producing")


class ManyRepliesTests(ReplyCase):
    reply = staticmethod(reply_text("x" * 999))

    def test_replies_are_made_as_the_peer_takes_them(self) -> None:
        protocol, transport = self.connect()
        producer = transport.producer
        assert producer is not None
        write = transport.write
        sent = 0

        def full_at_once(data: bytes) -> None:
            nonlocal sent
            sent += len(data)
            self.assertLessEqual(len(data), 1 << 16)
            write(data)
            producer.pauseProducing()

        self.patch(transport, "write", full_at_once)
        protocol.dataReceived(b"\n" * 1000)
        self.assertLessEqual(sent, 1 << 16)
        IHalfCloseableProtocol(protocol).readConnectionLost()
        turns = 0
        while not transport.disconnecting:
            producer.resumeProducing()
            turns += 1
        self.assertEqual(sent, 1_000_000)
        self.assertGreater(turns, 10)


class ReplyTextTests(ReplyCase):
    reply = staticmethod(reply_text(r"+OK\r"))

    def test_a_line_for_each_message(self) -> None:
        protocol, transport = self.connect()
        protocol.dataReceived(b"one\ntwo\nthr")
        self.assertEqual(transport.value(), b"+OK\r\n" * 2)
        self.clock.advance(1)  # Shown as partial: not a message yet.
        protocol.dataReceived(b"ee\nlast")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertEqual(transport.value(), b"+OK\r\n" * 4)


class FramedReplyTests(SynchronousTestCase):
    def test_in_the_framing_of_what_came(self) -> None:
        for framing, sent in (
            ("line", b"ok\n"),
            ("chunk", b"ok\n"),
            ("netstring", b"2:ok,"),
            ("int16", b"\0\2ok"),
            ("int32", b"\0\0\0\2ok"),
            (r"delimiter:\r\0", b"ok\r\0"),
            ("length:width=1", b"\1k"),
            ("varint", b"\2ok"),
            ("octet-count", b"2 ok"),
            ("resp", b"ok"),
            ("crlf-dot", b"ok\r\n.\r\n"),
            ("crlf-dot:after=DATA", b"ok\r\n"),
        ):
            reply: Any = reply_text("ok", framing)
            self.assertEqual(list(reply(PEER, Batch((b"", b"")))), [sent * 2])

    def test_too_long(self) -> None:
        with self.assertRaisesRegex(ValueError, "65536 bytes are too long: at most"):
            reply_text("x" * 65_536, "int16")
