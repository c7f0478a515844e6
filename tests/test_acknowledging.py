"""Acknowledgements of the server, in memory: what is durable is counted."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import error
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from echolab import EndCause, Introduced, Peer, Received, ReceiverFactory, Tee
from echolab.command.server_options import ServerOptions
from echolab.framing import framing_named
from echolab.interfaces import ISink
from echolab.server.acknowledging import Acknowledging, AcknowledgingProtocol
from echolab.server.clients import MOST_NUMBER
from echolab.testing import LabProcess, Transcript, connected
from tests.receiving import ADDRESS
from tests.support import SECONDS, FakeTransport

if TYPE_CHECKING:
    from twisted.internet.interfaces import IProducer

    from echolab import Event

MOST = 40
LONG = bytes(range(48, 48 + MOST * 2 + 10))

Plan: TypeAlias = "tuple[int, list[tuple[int, bool, bool]]]"
"""A connection: how many messages it sends again, and its reads: size, whether
the peer is then silent, whether all is made durable."""
CONNECTIONS = st.tuples(
    st.integers(0, 3),
    st.lists(st.tuples(st.integers(0, 200), st.booleans(), st.booleans()), max_size=6),
)


@implementer(ISink)
class Disk:
    """A sink that is durable when the test says so.

    Attributes:
        lines: the whole messages so far, of all peers.
        flushes: the flushes that wait, each with how many lines there were.
        is_fast: whether a flush is done at once.
    """

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.flushes: list[Deferred[int]] = []
        self.is_fast = False

    def __call__(self, event: Event) -> None:
        self.transcript(event)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Never pause it."""

    def unregisterProducer(self, producer: IProducer | None = None) -> None:
        """Never resume it."""

    def flush(self, seconds: float | None) -> Deferred[int]:
        if self.is_fast:
            return succeed(0)
        self.flushes.append(Deferred())
        return self.flushes[-1]

    def reopen(self) -> bool:
        return False

    def close(self) -> None:
        """Do nothing."""

    def flushed(self, left: int = 0) -> None:
        """End the only flush."""
        [flush] = self.flushes
        self.flushes.clear()
        flush.callback(left)

    @property
    def messages(self) -> list[bytes]:
        events = self.transcript.events
        received = [e.messages for e in events if isinstance(e, Received)]
        return [message for messages in received for message in messages]


class AcknowledgingCase(SynchronousTestCase):
    framing = "line"

    def setUp(self) -> None:
        self.clock = Clock()
        self.disk = Disk()
        self.start()

    def start(self, most_idle: int = 100) -> None:
        """Begin with a factory that knows nobody."""
        self.acknowledging = Acknowledging(self.framing, most_idle=most_idle)
        self.factory = ReceiverFactory(
            self.disk,
            clock=self.clock,
            make_framer=framing_named(self.framing, MOST),
            make_protocol=self.acknowledging.make_protocol,
        )

    def connect(self, data: bytes = b"") -> tuple[AcknowledgingProtocol, FakeTransport]:
        protocol = self.factory.buildProtocol(ADDRESS)
        assert isinstance(protocol, AcknowledgingProtocol)
        transport = FakeTransport()
        transport.peerAddr = ADDRESS
        protocol.makeConnection(transport)
        if data:
            protocol.dataReceived(data)
        return protocol, transport

    def lose(self, protocol: AcknowledgingProtocol) -> None:
        protocol.connectionLost(Failure(error.ConnectionLost()))

    def turn(self) -> None:
        """End a turn of the reactor."""
        self.clock.advance(0)

    def durable(self) -> None:
        """End a turn, and what is then made durable."""
        self.turn()
        self.disk.flushed()

    def introductions(self) -> list[tuple[str, int]]:
        events = self.disk.transcript.events
        return [(e.client, e.number) for e in events if isinstance(e, Introduced)]


class CountingTests(AcknowledgingCase):
    def test_a_message_is_counted_when_it_is_durable(self) -> None:
        protocol, transport = self.connect(b"one\n")
        self.turn()
        self.assertEqual(transport.value(), b"")
        self.disk.flushed()
        self.assertEqual(transport.value(), b"1\n")
        self.assertEqual(self.disk.flushes, [])
        self.lose(protocol)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_comes_during_a_flush_waits_for_the_next(self) -> None:
        protocol, transport = self.connect(b"one\ntwo\n")
        self.turn()
        protocol.dataReceived(b"three\n")
        protocol.dataReceived(b"four\n")
        self.turn()
        self.disk.flushed()
        self.assertEqual(transport.value(), b"2\n")
        self.durable()
        self.assertEqual(transport.value(), b"2\n4\n")

    def test_one_flush_for_all_connections(self) -> None:
        talks = [self.connect(b"x\n" * n) for n in (1, 2, 3)]
        self.durable()
        self.assertEqual([t.value() for _, t in talks], [b"1\n", b"2\n", b"3\n"])
        self.turn()
        self.assertEqual(self.disk.flushes, [])

    def test_only_whole_messages_count(self) -> None:
        protocol, transport = self.connect(b"one\n%b\n\nun" % LONG)
        self.durable()
        self.assertEqual(transport.value(), b"3\n")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertEqual(self.disk.messages[-2:], [b"", b"un"])
        self.turn()
        self.assertEqual(self.disk.flushes, [])
        self.assertTrue(transport.disconnecting)

    def test_a_partial_message_is_shown_and_counts_at_its_end(self) -> None:
        protocol, transport = self.connect(b"one\ntw")
        self.clock.advance(1)
        self.assertEqual(self.disk.messages, [b"one", b"tw"])
        protocol.dataReceived(b"o\n")
        self.disk.flushed()
        self.durable()
        self.assertEqual(transport.value(), b"1\n2\n")

    def test_a_half_closed_peer_gets_all_before_the_end(self) -> None:
        protocol, transport = self.connect(b"one\n")
        self.turn()
        protocol.dataReceived(b"two\n")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertFalse(transport.disconnecting)
        self.disk.flushed()
        self.assertFalse(transport.disconnecting)
        self.durable()
        self.assertEqual(transport.value(), b"1\n2\n")
        self.assertTrue(transport.disconnecting)

    def test_an_output_that_has_not_taken_all_is_asked_again(self) -> None:
        _, transport = self.connect(b"one\n")
        self.turn()
        self.disk.flushed(left=4)
        self.assertEqual(transport.value(), b"")
        self.clock.advance(1)
        self.disk.flushed()
        self.assertEqual(transport.value(), b"1\n")

    def test_nothing_is_acknowledged_when_a_sink_has_failed(self) -> None:
        def fail(_event: Event) -> None:
            raise ValueError("full")

        self.factory = ReceiverFactory(
            fail,
            clock=self.clock,
            make_protocol=self.acknowledging.make_protocol,
        )
        _, transport = self.connect(b"one\n")
        self.turn()
        self.assertEqual(transport.value(), b"")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_is_acknowledged_when_a_flush_has_failed(self) -> None:
        _, transport = self.connect(b"one\n")
        self.turn()
        self.disk.flushes.pop().errback(ValueError("full"))
        _, other = self.connect(b"two\n")
        with capturedLogs() as logs:
            self.clock.advance(60)
        self.assertEqual([*logs], [])
        self.assertEqual((transport.value(), other.value()), (b"", b""))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_peer_that_reads_no_acknowledgements_is_read_on(self) -> None:
        protocol, transport = self.connect(b"one\n")
        protocol.replies.pauseProducing()
        self.durable()
        for _ in range(3):
            protocol.dataReceived(b"more\n")
            self.turn()
        self.assertEqual(transport.value(), b"")
        self.assertEqual(transport.producerState, "producing")
        protocol.replies.resumeProducing()
        self.durable()
        self.assertEqual(transport.value(), b"1\n4\n")

    def test_the_end_waits_for_what_is_due(self) -> None:
        protocol, transport = self.connect(b"one\n")
        drained = self.factory.connections.drain(5.0)
        for _ in range(3):
            self.clock.advance(0.001)
        self.assertFalse(transport.disconnecting)
        self.disk.flushed()
        self.clock.advance(0.001)
        self.clock.advance(0.001)
        self.assertEqual(transport.value(), b"1\n")
        self.assertTrue(transport.disconnecting)
        self.lose(protocol)
        self.clock.advance(0.001)
        self.successResultOf(drained)

    def test_what_was_not_acknowledged_in_time_is_counted(self) -> None:
        protocol, _ = self.connect(b"one\ntwo\n")
        self.factory.connections.drain(1.0)
        self.turn()
        for _ in range(3):
            self.clock.advance(0.5)
        protocol.connectionLost(Failure(error.ConnectionAborted()))
        self.assertEqual(self.factory.connections.unanswered_messages, 2)
        [end] = self.disk.transcript.ends()
        self.assertEqual(end.unsent_answers, 2)


class FramedTests(AcknowledgingCase):
    framing = "netstring"

    def test_acknowledgements_are_framed_likewise(self) -> None:
        _, transport = self.connect(b"18:echolab-client a 7,3:one,3:two,")
        self.durable()
        self.assertEqual(transport.value(), b"1:0,1:8,")
        self.assertEqual(self.disk.messages, [b"one", b"two"])


class ClientTests(AcknowledgingCase):
    def test_an_introduction_is_answered_at_once_and_is_no_message(self) -> None:
        _, transport = self.connect(b"echolab-client 7f3a 101\none\ntwo\n")
        self.assertEqual(transport.value(), b"0\n")
        self.assertEqual(self.introductions(), [("7f3a", 101)])
        self.assertEqual(self.disk.messages, [b"one", b"two"])
        self.durable()
        self.assertEqual(transport.value(), b"0\n102\n")

    def test_what_is_sent_again_is_dropped_and_acknowledged(self) -> None:
        first, _ = self.connect(b"echolab-client a 1\none\ntwo\n")
        self.lose(first)
        _, transport = self.connect(b"echolab-client a 1\none\n")
        self.assertEqual(transport.value(), b"0\n")
        self.durable()
        self.assertEqual(transport.value(), b"0\n2\n")
        self.assertEqual(self.disk.messages, [b"one", b"two"])
        self.assertEqual(self.introductions(), [("a", 1), ("a", 3)])

    def test_a_client_learns_what_its_last_connection_was_not_told(self) -> None:
        first, _ = self.connect(b"echolab-client a 1\none\n")
        self.lose(first)
        _, transport = self.connect(b"echolab-client a 2\n")
        self.assertEqual(transport.value(), b"0\n")
        self.durable()
        self.assertEqual(transport.value(), b"0\n1\n")

    def test_a_block_is_dropped_in_part(self) -> None:
        first, _ = self.connect(b"echolab-client a 1\none\ntwo\n")
        self.durable()
        self.lose(first)
        protocol, transport = self.connect(b"echolab-client a 1\n")
        self.assertEqual(transport.value(), b"2\n")
        protocol.dataReceived(b"one\ntwo\nthree\nfour\n")
        self.assertEqual(self.disk.messages, [b"one", b"two", b"three", b"four"])
        self.durable()
        self.assertEqual(transport.value(), b"2\n4\n")
        self.lose(protocol)
        self.assertEqual([e.messages for e in self.disk.transcript.ends()], [2, 2])

    def test_two_connections_of_a_client_take_turns(self) -> None:
        old, _ = self.connect(b"echolab-client a 1\none\n")
        new, transport = self.connect(b"echolab-client a 1\none\ntwo\n")
        old.dataReceived(b"two\nthree\n")
        new.dataReceived(b"three\nfour\n")
        self.assertEqual(self.disk.messages, [b"one", b"two", b"three", b"four"])
        self.assertEqual(self.introductions(), [("a", 1), ("a", 2), ("a", 3), ("a", 4)])
        self.durable()
        self.assertEqual(transport.value(), b"0\n4\n")

    def test_the_start_of_a_message_is_not_taken(self) -> None:
        first, _ = self.connect(b"echolab-client a 1\none\ntw")
        self.clock.advance(2)
        IHalfCloseableProtocol(first).readConnectionLost()
        self.assertEqual(self.disk.messages, [b"one"])
        self.lose(first)
        [end] = self.disk.transcript.ends()
        self.assertEqual((end.unread_bytes, end.unterminated_bytes), (2, 0))
        self.connect(b"echolab-client a 2\ntwo\n")
        self.assertEqual(self.disk.messages, [b"one", b"two"])

    def test_the_pieces_of_a_long_message_are_not_taken_twice(self) -> None:
        first, _ = self.connect(b"echolab-client a 1\n" + LONG[: MOST + 9])
        pieces = self.disk.messages
        self.lose(first)
        self.connect(b"echolab-client a 1\n%b\nnext\n" % LONG)
        self.assertEqual(self.disk.messages[: len(pieces)], pieces)
        self.assertEqual(
            self.disk.messages,
            [LONG[:MOST], LONG[MOST : 2 * MOST], LONG[2 * MOST :], b"next"],
        )

    def test_the_start_of_an_introduction_is_no_message(self) -> None:
        for start in (b"e", b"echolab-client a 1"):
            protocol, _ = self.connect(start)
            self.clock.advance(2)
            IHalfCloseableProtocol(protocol).readConnectionLost()
            self.assertEqual(self.disk.messages, [])
            self.lose(protocol)
        self.assertEqual(
            [end.unread_bytes for end in self.disk.transcript.ends()], [1, 18]
        )

    def test_what_is_no_introduction_is_a_message(self) -> None:
        for line in (
            b"echolab-client",
            b"echolab-client a 0",
            b"echolab-client a 01",
            b"echolab-client a 1 ",
            b"echolab-client a/b 1",
            b"echolab-client %b 1" % (b"a" * 65),
            b"echolab-client a 9223372036854775808",
            b"echolab-client a -1",
        ):
            self.disk = Disk()
            self.start()
            self.factory = ReceiverFactory(
                self.disk,
                clock=self.clock,
                make_protocol=self.acknowledging.make_protocol,
            )
            _, transport = self.connect(line + b"\n")
            self.assertEqual(self.disk.messages, [line])
            self.durable()
            self.assertEqual(transport.value(), b"1\n")
            self.assertEqual(self.introductions(), [])

    def test_only_the_first_message_introduces(self) -> None:
        _, transport = self.connect(b"one\necholab-client a 1\n")
        self.assertEqual(self.introductions(), [])
        self.durable()
        self.assertEqual(transport.value(), b"2\n")

    def test_the_highest_number(self) -> None:
        _, transport = self.connect(b"echolab-client a %d\nlast\n" % MOST_NUMBER)
        self.durable()
        self.assertEqual(transport.value(), b"0\n%d\n" % MOST_NUMBER)

    def test_a_client_that_needs_no_more_of_it_skips(self) -> None:
        first, _ = self.connect(b"echolab-client a 1\none\n")
        self.lose(first)
        old, _ = self.connect(b"echolab-client a 2\n")
        self.connect(b"echolab-client a 9\nnine\n")
        old.dataReceived(b"two\nthree\n")
        self.assertEqual(self.disk.messages, [b"one", b"nine"])

    def test_the_least_recent_clients_are_forgotten(self) -> None:
        self.start(most_idle=2)
        self.connect(b"echolab-client here 1\none\n")
        for client in (b"a", b"b", b"c"):
            protocol, _ = self.connect(b"echolab-client %b 1\none\n" % client)
            self.durable()
            self.lose(protocol)
        told = {}
        for client in (b"here", b"c", b"b", b"a"):
            _, transport = self.connect(b"echolab-client %b 1\n" % client)
            told[client] = transport.value()
        self.assertEqual(
            told, {b"here": b"1\n", b"c": b"1\n", b"b": b"1\n", b"a": b"0\n"}
        )

    @given(st.lists(CONNECTIONS, max_size=6), st.booleans())
    def test_whatever_is_lost_and_sent_again_each_message_is_there_once(
        self, plans: list[Plan], forgets: bool
    ) -> None:
        self.disk = Disk()
        self.start(most_idle=0 if forgets else 100)
        messages = [b"%d%b" % (n, b"x" * (n % 5 * 25)) for n in range(1, 13)]
        whole = b"".join(messages)
        acked = 0
        everything = [(len(whole) * 2, True, True)] * 2
        for again, reads in [*plans, (0, everything)]:
            first = max(1, acked + 1 - again)
            rest = b"".join(message + b"\n" for message in messages[first - 1 :])
            stream = b"echolab-client a %d\n" % first + rest
            protocol, transport = self.connect()
            for size, is_slow, is_flushed in reads:
                chunk, stream = stream[:size], stream[size:]
                if chunk:
                    protocol.dataReceived(chunk)
                if is_slow:
                    self.clock.advance(2)
                if is_flushed and self.disk.flushes:
                    self.disk.flushed()
                    self.clock.advance(0)
            numbers = [int(number) for number in transport.value().split()]
            self.assertEqual(numbers, sorted(set(numbers)))
            acked = max([acked, *numbers])
            printed = b"".join(self.disk.messages)
            self.assertTrue(all(each in printed for each in messages[:acked]))
            if not forgets:
                self.assertTrue(whole.startswith(printed))
            if self.disk.flushes:
                self.disk.flushed()
            self.lose(protocol)
        self.assertEqual(acked, len(messages))
        if not forgets:
            self.assertEqual(b"".join(self.disk.messages), whole)


class OptionTests(SynchronousTestCase):
    def test_what_it_does_not_go_with(self) -> None:
        for words, why in (
            ("", "stdout does not last: name another --output"),
            ("--record -", "stdout does not last: name another --output"),
            ("-o a --reply echo", "not with --reply"),
            ("-o a --greet hi", "not with --greet"),
            ("-o a --answer a=b", "not with --answer"),
            ("-o a --talk", "not with --talk"),
            ("-o a --behave reset", "not with --behave"),
            (
                "-o a --framing chunk",
                (
                    "not with --framing chunk: where a chunk ends depends on how the "
                    "stream was cut"
                ),
            ),
            ("-o a --framing resp", "a number is no message of this --framing"),
            (
                "-o a --max-message 127",
                (
                    "--max-message must be at least 128, so that a client can "
                    "introduce itself"
                ),
            ),
        ):
            with self.assertRaises(UsageError) as caught:
                ServerOptions().parseOptions(["--acknowledge", *words.split()])
            self.assertEqual(str(caught.exception), f"--acknowledge: {why}")

    def test_what_lasts(self) -> None:
        for words in ("-o a", "-o - -o json:a", "--record a", "-o a --framing int16"):
            options = ServerOptions()
            options.parseOptions(["--acknowledge", *words.split()])
            self.assertTrue(options.settings.acknowledge)


class KitTests(SynchronousTestCase):
    def test_in_memory(self) -> None:
        talk = connected(acknowledge=True)
        talk.client.write(b"echolab-client a 7\none\n")
        talk.flush()
        self.assertEqual(talk.server.connection.sent_bytes, len(b"0\n7\n"))
        self.assertIn("introduced a 7\n", talk.transcript.render())

    def test_in_a_process(self) -> None:
        with LabProcess(acknowledge=True) as server:
            address = "127.0.0.1", server.port
            with socket.create_connection(address, SECONDS) as client:
                client.sendall(b"one\n")
                self.assertEqual(client.recv(9), b"1\n")


class NestedTests(SynchronousTestCase):
    def test_a_sink_of_a_sink_that_failed_is_lost(self) -> None:
        def fail(_event: object) -> None:
            raise ValueError("full")

        outer = Tee(Tee(fail))
        self.assertFalse(outer.has_lost)
        outer(Introduced(Peer(1, "UNIX"), 0.0, "a", 1))
        self.assertTrue(outer.has_lost)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class EndTests(AcknowledgingCase):
    def test_an_ended_connection_leaves_nothing(self) -> None:
        protocol, _ = self.connect(b"echolab-client a 1\none\n")
        self.lose(protocol)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        [end] = self.disk.transcript.ends()
        self.assertIs(end.cause, EndCause.RESET)
        self.assertEqual(end.unsent_answers, 1)
