"""The core of a connection, shared by both sides, in memory with a fake clock."""

from __future__ import annotations

import gc
import socket
import weakref
from typing import Any

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from echolab import (
    Behaviour,
    Connected,
    EndCause,
    Finished,
    LineFramer,
    Received,
    ReceiverFactory,
    ReplyingProtocol,
    SenderFactory,
    Sent,
    echo,
)
from echolab.connection.core import Connection
from echolab.connection.states import State
from echolab.connection.terms import Terms
from echolab.events import Accepted
from echolab.testing import Transcript, connected
from tests.support import FakeTransport

ADDRESS = IPv4Address("TCP", "127.0.0.1", 60612)


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.transcript = Transcript()
        self.transport: Any = FakeTransport()
        self.transport.peerAddr = ADDRESS
        self.connection = self.connect()

    def connect(self, *, report_sent: bool = True) -> Connection:
        terms = Terms(
            self.transcript,
            clock=Clock(),
            count_messages=True,
            report_chunks=False,
            report_sent=report_sent,
        )
        return Connection(terms, LineFramer(4, "close"), self.transport)

    def test_nothing_is_reported_of_what_is_sent_unless_it_is_asked_for(self) -> None:
        connection = self.connect(report_sent=False)
        connection.open(Accepted, 1)
        connection.write(b"hello\n")
        self.assertEqual(self.transport.value(), b"hello\n")
        self.assertEqual(self.transcript.sent(), b"")
        self.finish(connection)
        self.assertIs(self.transcript.ends()[-1].sent_bytes, None)

    def test_what_is_sent_before_the_peer_is_known_is_reported_then(self) -> None:
        self.connection.write(b"early\n")
        self.assertEqual(self.transport.value(), b"early\n")
        self.connection.open(Accepted, 1)
        self.connection.write(b"late\n")
        kinds = [type(event) for event in self.transcript.events]
        self.assertEqual(kinds, [Accepted, Sent, Sent])
        self.assertEqual(self.transcript.sent(), b"early\nlate\n")
        self.finish(self.connection)
        self.assertEqual(self.transcript.ends()[-1].sent_bytes, 11)

    def test_the_kernel_says_how_many_bytes_it_had_taken(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        self.transport.socket = ours
        connection = self.connect()
        connection.open(Accepted, 1)
        connection.write(b"one\n")
        self.transport.socket.send(b"one\n")
        connection.write(b"two\n")
        alsoProvides(self.transport, ISSLTransport)
        sealed = self.connect()
        sealed.open(Accepted, 2)
        sealed.write(b"sealed\n")
        sent = [event for event in self.transcript.events if isinstance(event, Sent)]
        self.assertEqual([event.taken_bytes for event in sent], [0, 4, None])
        ours.close()

    def test_all_who_hold_it_must_release_it(self) -> None:
        resumed: list[str] = []
        self.connection.released = lambda: resumed.append(self.transport.producerState)
        for who in "sink", "peer", "sink":
            self.connection.hold(who)
        self.connection.release("sink")
        self.assertEqual(self.transport.producerState, "paused")
        self.connection.release("nobody")
        self.assertEqual(self.transport.producerState, "paused")
        self.connection.release("peer")
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(resumed, ["paused"])

    def test_who_holds_it_when_it_is_released_keeps_it(self) -> None:
        self.connection.released = lambda: self.connection.hold("again")
        self.connection.hold("sink")
        self.connection.release("sink")
        self.assertEqual(self.transport.producerState, "paused")

    def test_nothing_is_made_of_what_comes_after_the_framing_failed(self) -> None:
        self.connection.open(Accepted, 1)
        self.connection.take(b"one\noverlong\n", 0)
        self.connection.take(b"two\n", 0)
        self.connection.end_framing()
        self.assertEqual(self.transcript.lines(), [b"one"])
        self.assertIs(self.connection.state, State.UNFRAMED)
        self.finish(self.connection)
        end = self.transcript.ends()[-1]
        self.assertIs(end.cause, EndCause.OVERLONG)
        self.assertEqual(end.detail, "a message is longer than 4 bytes")
        self.assertEqual(end.received_bytes, 13)

    def finish(self, connection: Connection) -> None:
        reason = Failure(error.ConnectionDone())
        connection.finish(reason, unread_bytes=0)


class MemoryTests(SynchronousTestCase):
    def test_what_has_ended_is_freed_at_once(self) -> None:
        """Otherwise it keeps its memory until the next garbage collection."""
        clock = Clock()
        receivers = ReceiverFactory(lambda _event: None, clock=clock)
        replying = ReceiverFactory(
            lambda _event: None,
            clock=clock,
            make_protocol=lambda framer: ReplyingProtocol(framer, echo),
        )
        gc.disable()
        self.addCleanup(gc.enable)
        for factory in receivers, replying:
            protocol: Any = factory.buildProtocol(ADDRESS)
            transport = FakeTransport()
            transport.peerAddr = ADDRESS
            protocol.makeConnection(transport)
            protocol.dataReceived(b"hello\n")
            protocol.connectionLost(Failure(error.ConnectionDone()))
            transport.producer = None
            there = weakref.ref(protocol)
            del protocol
            self.assertIs(there(), None, factory)


class BothSidesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.server = Transcript(clock=self.clock)
        self.client = Transcript(clock=self.clock)

    def talk(self, **behaviour: Any) -> Any:
        return connected(
            ReceiverFactory(
                self.server,
                clock=self.clock,
                make_protocol=lambda framer: ReplyingProtocol(
                    framer, echo, **behaviour
                ),
                report_sent=True,
            ),
            SenderFactory(
                self.client,
                clock=self.clock,
                wait_seconds=None,
                make_framer=LineFramer,
                report_sent=True,
            ),
            clock=self.clock,
        )

    def test_each_side_tells_of_both_directions(self) -> None:
        talk = self.talk()
        talk.client.write(b"hello\nwor")
        talk.client.finish()
        talk.flush()
        talk.advance(1)
        for transcript, order in (
            (self.server, [Accepted, Received, Sent, Received, Finished]),
            (self.client, [Connected, Sent, Received, Received, Finished]),
        ):
            self.assertEqual([type(event) for event in transcript.events], order)
            self.assertEqual(transcript.sent(), b"hello\nwor")
            self.assertEqual(transcript.lines(), [b"hello", b"wor"])
            [end] = transcript.ends()
            self.assertIs(end.cause, EndCause.EOF)
            self.assertEqual((end.received_bytes, end.sent_bytes), (9, 9))
            self.assertEqual((end.messages, end.unterminated_bytes), (1, 3))

    def test_only_the_first_are_ill_treated_and_numbers_say_which(self) -> None:
        behaviour = Behaviour.answer_garbage(first=1)
        factory = ReceiverFactory(
            self.server,
            clock=self.clock,
            make_protocol=lambda framer: ReplyingProtocol(framer, echo, behaviour),
        )

        def connect() -> Any:
            protocol: Any = factory.buildProtocol(ADDRESS)
            transport = FakeTransport()
            alsoProvides(transport, ISSLTransport)
            transport.peerAddr = ADDRESS
            protocol.makeConnection(transport)
            return protocol

        failed = connect()  # This connection never gets a number.
        failed.connectionLost(Failure(error.ConnectionLost()))
        for number, faults in ((1, 1), (2, 0)):
            protocol = connect()
            protocol.handshakeCompleted()
            protocol.dataReceived(b"x\n")
            peer = protocol.connection.peer
            self.assertEqual(peer.number, number)
            told = str(self.server).count("misbehaved")
            self.assertEqual(told, 1, faults)
