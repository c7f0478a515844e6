"""The sending side, in memory with a fake clock."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any
from unittest import mock

from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IPushProducer, ISSLTransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides, implementer

from echolab import (
    Batch,
    Connected,
    EndCause,
    Finished,
    MalformedError,
    SenderFactory,
    SenderProtocol,
)
from echolab.sockets.watching import unacknowledged_bytes
from echolab.testing import Transcript
from tests.support import Eager, FakeTransport

ADDRESS = IPv4Address("TCP", "127.0.0.1", 8888)


@implementer(IPushProducer)
class Producer:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


class FakeTLS(FakeTransport):
    """A TLS transport, and the transport below it."""

    def __init__(self) -> None:
        super().__init__()
        alsoProvides(self, ISSLTransport)
        self.transport = FakeTransport()


class SenderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transcript = Transcript()
        self.transport: Any = FakeTransport()
        self.transport.peerAddr = ADDRESS
        self.factory = SenderFactory(
            self.transcript, clock=self.clock, wait_seconds=5, half_open_seconds=1
        )
        self.protocol = self.connect()

    def connect(self) -> SenderProtocol:
        protocol = self.factory.buildProtocol(ADDRESS)
        protocol.makeConnection(self.transport)
        return protocol

    def lose(self, why: Exception | None = None) -> EndCause:
        self.protocol.connectionLost(Failure(why or error.ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return self.transcript.ends()[-1].cause

    def test_sends_and_reports_replies(self) -> None:
        self.protocol.write(b"hello\n")
        self.assertEqual(self.transport.value(), b"hello\n")
        self.protocol.dataReceived(b"well")
        self.protocol.dataReceived(b"come\n")
        self.assertIsInstance(self.transcript.events[0], Connected)
        self.assertEqual(self.transcript.lines(), [b"well", b"come\n"])
        self.lose()
        self.assertEqual(self.transcript.ends()[-1].received_bytes, 9)

    def test_finish_ends_the_sending_side_only(self) -> None:
        self.protocol.write(b"a")
        self.protocol.finish()
        self.protocol.finish()
        self.assertTrue(self.transport.write_ended)
        self.assertFalse(self.transport.disconnecting)
        self.protocol.dataReceived(b"late reply")
        self.assertEqual(self.transcript.lines(), [b"late reply"])
        self.protocol.readConnectionLost()
        self.assertFalse(self.transport.disconnecting)  # Not all is flushed yet.
        self.protocol.writeConnectionLost()
        self.assertTrue(self.transport.disconnecting)
        self.assertIs(self.lose(), EndCause.EOF)

    def test_nothing_is_sent_after_finish(self) -> None:
        self.protocol.finish()
        self.protocol.write(b"x")
        self.assertEqual(self.transport.value(), b"")

    def test_server_that_never_ends_is_left_when_silent(self) -> None:
        self.protocol.finish()
        self.clock.advance(60)  # Not all is flushed yet; a slow server is allowed.
        self.assertFalse(self.transport.disconnecting)
        self.protocol.writeConnectionLost()
        self.clock.advance(4)
        self.protocol.dataReceived(b"still there")
        self.clock.advance(4)
        self.assertFalse(self.transport.disconnecting)
        self.clock.advance(1)
        self.assertTrue(self.transport.disconnecting)
        self.assertIs(self.lose(), EndCause.STOPPED)

    def test_silence_while_nobody_takes_replies_is_not_the_servers(self) -> None:
        self.protocol.finish()
        self.protocol.writeConnectionLost()
        self.protocol.replies.pauseProducing()
        self.assertEqual(self.transport.producerState, "paused")
        self.clock.advance(60)
        self.assertFalse(self.transport.disconnecting)
        self.protocol.replies.resumeProducing()
        self.assertEqual(self.transport.producerState, "producing")
        self.clock.advance(4.9)
        self.assertFalse(self.transport.disconnecting)
        self.clock.advance(0.1)
        self.assertTrue(self.transport.disconnecting)

    def test_an_output_that_goes_on_after_the_end_is_no_sign_of_life(self) -> None:
        self.protocol.finish()
        self.protocol.writeConnectionLost()
        self.protocol.replies.pauseProducing()
        self.lose()
        self.protocol.replies.resumeProducing()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_replies_that_nobody_wants_end_the_connection(self) -> None:
        self.protocol.write(b"wanted")
        self.protocol.replies.stopProducing()
        self.assertTrue(self.transport.write_ended)
        self.protocol.writeConnectionLost()
        self.protocol.replies.stopProducing()  # Again.
        for _ in range(4):
            self.clock.advance(0.2)
            self.protocol.dataReceived(b"reply")
            self.assertFalse(self.transport.disconnecting)
        self.clock.advance(0.2)
        self.assertTrue(self.transport.disconnecting)
        self.lose()

    def test_replies_that_nobody_wants_end_it_whoever_holds_them(self) -> None:
        self.protocol.finish()
        self.protocol.replies.hold("another")
        self.protocol.writeConnectionLost()
        self.protocol.close()
        self.clock.advance(1)
        self.assertTrue(self.transport.disconnecting)
        self.lose()

    def test_a_server_whose_replies_nobody_wants_may_read_all_and_end(self) -> None:
        for held in (False, True):
            self.transport = FakeTransport()
            self.protocol = self.connect()
            self.protocol.finish()
            if held:
                self.protocol.replies.pauseProducing()
            self.protocol.writeConnectionLost()
            self.protocol.close()
            self.assertEqual(self.transport.producerState, "producing")
            self.protocol.dataReceived(b"reply")
            self.assertFalse(self.transport.disconnecting)
            self.protocol.readConnectionLost()
            self.assertTrue(self.transport.disconnecting)
            self.assertIs(self.lose(), EndCause.EOF)

    def test_tls_has_no_half_close(self) -> None:
        self.transport = FakeTLS()
        below = self.transport.transport
        self.protocol = self.connect()
        self.protocol.handshakeCompleted()
        self.protocol.finish()
        below.producer.resumeProducing()
        self.assertFalse(self.transport.write_ended)
        self.clock.advance(0.9)
        self.protocol.dataReceived(b"reply")
        self.clock.advance(0.9)
        self.assertFalse(self.transport.disconnecting)
        self.clock.advance(0.1)
        self.assertTrue(self.transport.disconnecting)

    def over_tls(self) -> Any:
        """Finish over TLS, until its end is written; return the transport below."""
        self.transport = FakeTLS()
        self.transport.peerAddr = ADDRESS
        below = self.transport.transport
        self.protocol = self.connect()
        self.protocol.handshakeCompleted()
        self.protocol.write(b"x" * 100)
        self.protocol.finish()
        self.clock.advance(60)
        self.assertFalse(self.transport.disconnecting)  # Not all is flushed yet.
        below.producer.resumeProducing()
        self.clock.advance(1)
        self.assertTrue(self.transport.disconnecting)
        self.transport.disconnecting = False  # TLS itself was closed.
        return below

    def test_tls_server_that_ignores_the_end_is_left(self) -> None:
        below = self.over_tls()
        self.clock.advance(60)  # Not all is flushed yet; a slow server is allowed.
        self.assertFalse(below.disconnecting)
        below.producer.resumeProducing()
        self.assertIsNone(below.producer)
        self.clock.advance(0.9)
        self.protocol.dataReceived(b"still there")
        self.clock.advance(0.9)
        self.assertFalse(below.disconnecting)
        self.clock.advance(0.1)
        self.assertTrue(below.disconnecting)
        self.assertIs(self.lose(), EndCause.STOPPED)

    def sending_over_tls(self) -> tuple[Any, socket.socket]:
        """Finish over TLS, with all bytes on their way; return transport and peer."""
        self.transport = FakeTLS()
        self.transport.peerAddr = ADDRESS
        below = self.transport.transport
        peer = self.joined(below)
        self.protocol = self.connect()
        self.protocol.handshakeCompleted()
        self.fill(below.socket)
        self.protocol.finish()
        below.producer.resumeProducing()
        return below, peer

    def fill(self, own: Any) -> None:
        """Send until the kernel has no room."""
        with self.assertRaises(BlockingIOError):
            while True:
                own.send(b"x" * 65536)

    def test_tls_server_that_is_slow_is_not_left(self) -> None:
        below, peer = self.sending_over_tls()
        self.clock.advance(1)
        while left := unacknowledged_bytes(below):
            while unacknowledged_bytes(below) == left:
                peer.recv(65536)
            self.clock.advance(4.9)
        self.assertTrue(self.transport.disconnecting)
        self.assertFalse(below.disconnecting)
        below.producer.resumeProducing()
        self.clock.advance(1)
        self.assertTrue(below.disconnecting)
        self.assertIs(self.lose(), EndCause.STOPPED)

    def test_tls_server_that_reads_nothing_is_left(self) -> None:
        below, _ = self.sending_over_tls()
        self.clock.advance(1)
        self.clock.pump([0.5] * 3)
        self.assertTrue(below.disconnecting)
        self.assertFalse(self.transport.disconnecting)  # It would not be read.
        self.assertIs(self.lose(), EndCause.TIMEOUT)
        self.assertEqual(
            self.transcript.ends()[-1].detail, "the server acknowledges nothing"
        )

    def test_stopped_before_the_server_took_all(self) -> None:
        for read in (True, False):
            self.transport = FakeTransport()
            self.transport.peerAddr = ADDRESS
            peer = self.joined()
            self.protocol = self.connect()
            own: Any = self.transport.socket
            self.protocol.write(b"x" * 1000)
            own.send(b"x" * 1000)
            if read:
                peer.recv(65536)
            else:
                self.protocol.write(b"never taken by the kernel")
            self.protocol.stop(1)
            own.close()
            self.assertIs(self.lose(), EndCause.STOPPED)
            words = "" if read else "not all that was sent was acknowledged"
            self.assertEqual(self.transcript.ends()[-1].detail, words)

    def test_tls_server_that_ends_before_it_took_all(self) -> None:
        below, _ = self.sending_over_tls()
        below.socket.close()
        self.assertIs(self.lose(), EndCause.RESET)
        self.assertEqual(self.transcript.ends()[-1].detail, "closed by the server")

    def test_tls_server_that_ends_its_side_before_it_took_all(self) -> None:
        below, peer = self.sending_over_tls()
        self.protocol.readConnectionLost()  # Its close_notify.
        self.clock.advance(0.5)
        self.assertFalse(self.transport.disconnecting)
        while unacknowledged_bytes(below):
            peer.recv(65536)
        self.clock.advance(0.5)
        self.assertTrue(self.transport.disconnecting)
        self.assertIs(self.lose(), EndCause.EOF)

    def test_a_reset_while_all_is_not_acknowledged_is_no_end_in_order(self) -> None:
        for server_ended in (False, True):
            self.transport = FakeTransport()
            self.transport.peerAddr = ADDRESS
            peer = self.joined()
            self.protocol = self.connect()
            self.fill(self.transport.socket)
            self.protocol.finish()
            self.protocol.writeConnectionLost()
            self.clock.advance(5)
            if server_ended:
                self.protocol.readConnectionLost()
            peer.close()
            with self.assertRaises(ConnectionResetError):
                self.transport.socket.recv(1)
            self.assertIs(self.lose(error.ConnectionLost()), EndCause.RESET)

    def test_tls_server_that_ignores_the_end_while_nobody_takes_replies(self) -> None:
        below = self.over_tls()
        self.protocol.close()  # Again.
        below.producer.resumeProducing()
        self.protocol.close()
        self.protocol.replies.pauseProducing()
        self.clock.advance(60)
        self.assertFalse(below.disconnecting)
        self.protocol.replies.resumeProducing()
        self.clock.advance(1)
        self.assertTrue(below.disconnecting)
        self.lose()

    def test_tls_server_whose_last_reply_is_cut_off(self) -> None:
        """Many servers answer the end without close_notify; but not after a reply."""
        for reply, cause in ((b"", EndCause.STOPPED), (b"pay 10", EndCause.RESET)):
            below = self.over_tls()
            below.producer.resumeProducing()
            if reply:
                self.protocol.dataReceived(reply)
            self.assertIs(self.lose(error.ConnectionLost()), cause)

    def test_tls_error_behind_the_end(self) -> None:
        below = self.over_tls()
        below.producer.resumeProducing()
        why = SSL.Error([("", "", "bad record mac")])
        self.assertIs(self.lose(why), EndCause.ERROR)
        self.assertEqual(self.transcript.ends()[-1].detail, "bad record mac")

    def test_tls_server_that_answers_the_end(self) -> None:
        below = self.over_tls()
        below.producer.stopProducing()
        self.assertIs(self.lose(), EndCause.STOPPED)

    def test_a_talking_server_does_not_put_off_a_stop(self) -> None:
        self.protocol.finish()
        self.protocol.writeConnectionLost()
        self.protocol.stop(1)
        self.protocol.dataReceived(b"x")
        self.clock.advance(1)
        self.assertTrue(self.transport.aborted)
        self.lose()

    def test_server_that_ended_and_takes_no_more_is_left(self) -> None:
        self.protocol.readConnectionLost()
        self.clock.advance(0.9)
        self.protocol.write(b"x")
        self.clock.advance(0.9)
        self.assertFalse(self.transport.disconnecting)
        self.clock.advance(0.1)
        self.assertTrue(self.transport.write_ended)
        self.protocol.writeConnectionLost()
        self.assertTrue(self.transport.disconnecting)
        self.assertIs(self.lose(), EndCause.EOF)

    def test_what_is_written_to_a_server_that_counts_as_closed_is_not_lost_unsaid(
        self,
    ) -> None:
        self.protocol.readConnectionLost()
        self.clock.advance(1)
        self.protocol.write(b"late")
        self.protocol.finish()
        self.protocol.writeConnectionLost()
        self.assertIs(self.lose(), EndCause.RESET)
        self.assertEqual(self.transcript.ends()[-1].detail, "closed by the server")

    def test_tls_server_that_ends_without_a_word_of_tls(self) -> None:
        self.over_tls()
        self.assertIs(self.lose(error.ConnectionLost()), EndCause.STOPPED)  # All taken.
        self.transport = FakeTLS()
        self.transport.peerAddr = ADDRESS
        self.protocol = self.connect()
        self.protocol.handshakeCompleted()
        self.assertIs(self.lose(error.ConnectionLost()), EndCause.RESET)
        detail = self.transcript.ends()[-1].detail
        self.assertEqual(detail, "unexpected eof while reading")

    def test_server_that_ended_may_be_reading_slowly(self) -> None:
        self.protocol.readConnectionLost()
        self.protocol.pauseProducing()
        self.clock.advance(10)
        self.assertFalse(self.transport.disconnecting)
        self.assertEqual(self.clock.getDelayedCalls(), [])  # It need not be polled.
        self.protocol.resumeProducing()
        self.clock.advance(1)
        self.assertTrue(self.transport.write_ended)
        self.lose()

    def test_server_that_ended_may_be_all_that_is_wanted(self) -> None:
        connections = self.factory.connections
        connections.patience = connections.patience._replace(half_open_seconds=None)
        self.protocol.readConnectionLost()
        self.protocol.write(b"x")
        self.clock.advance(1000)
        self.assertFalse(self.transport.disconnecting)
        self.protocol.finish()
        self.assertTrue(self.transport.write_ended)
        self.protocol.writeConnectionLost()
        self.assertTrue(self.transport.disconnecting)
        self.assertIs(self.lose(), EndCause.EOF)

    def joined(self, transport: Any = None) -> socket.socket:
        """Join a transport to a real socket; return the server's end."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            own = self.enterContext(socket.create_connection(listener.getsockname()))
            peer = self.enterContext(listener.accept()[0])
        own.setblocking(False)
        joined = transport or self.transport
        joined.socket = own
        joined.getHandle = lambda: joined.socket
        self.own = own
        return peer

    def test_server_that_had_closed_before_it_read(self) -> None:
        self.joined().close()
        self.protocol.readConnectionLost()
        self.own.send(b"lost\n")
        self.protocol.finish()
        self.protocol.writeConnectionLost()
        while not self.transport.disconnecting:
            self.clock.advance(0.01)
        self.assertIs(self.lose(), EndCause.RESET)
        self.assertEqual(self.transcript.ends()[-1].detail, "closed by the server")

    def test_server_that_closes_while_the_last_is_on_its_way(self) -> None:
        peer = self.joined()
        self.protocol.finish()
        self.protocol.writeConnectionLost()
        self.own.send(b"lost\n")
        peer.close()  # Bytes are unread: closing resets.
        self.protocol.readConnectionLost()
        while not self.transport.disconnecting:
            self.clock.advance(0.01)
        self.assertIs(self.lose(), EndCause.RESET)

    def test_server_that_closed_before_the_input_was_known_to_end(self) -> None:
        peer = self.joined()
        self.own.send(b"lost\n")
        peer.close()  # Bytes are unread: closing resets.
        self.protocol.readConnectionLost()
        self.clock.advance(1)
        self.assertTrue(self.transport.write_ended)
        self.protocol.finish()  # The input ends meanwhile.
        self.protocol.writeConnectionLost()
        while not self.transport.disconnecting:
            self.clock.advance(0.01)
        self.assertIs(self.lose(), EndCause.RESET)

    def test_server_that_closed_while_the_last_was_being_written(self) -> None:
        peer = self.joined()
        self.own.send(b"lost\n")
        peer.close()
        self.protocol.readConnectionLost()
        self.protocol.finish()
        self.clock.advance(1)
        self.assertFalse(self.transport.disconnecting)
        self.protocol.writeConnectionLost()
        while not self.transport.disconnecting:
            self.clock.advance(0.01)
        self.assertIs(self.lose(), EndCause.RESET)

    def test_server_that_is_silent_and_takes_nothing(self) -> None:
        self.joined()
        self.own.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                self.own.send(b"x" * 65536)
        self.protocol.finish()
        self.protocol.writeConnectionLost()
        self.clock.advance(5)
        self.assertFalse(self.transport.disconnecting)
        self.clock.pump([0.5] * 11)
        self.assertTrue(self.transport.disconnecting)
        self.assertIs(self.lose(), EndCause.TIMEOUT)
        self.assertEqual(
            self.transcript.ends()[-1].detail, "the server acknowledges nothing"
        )

    def test_server_that_has_half_closed_takes_the_rest(self) -> None:
        peer = self.joined()
        peer.shutdown(socket.SHUT_WR)
        self.protocol.readConnectionLost()
        self.own.send(b"taken\n")
        self.protocol.finish()
        self.own.shutdown(socket.SHUT_WR)
        self.protocol.writeConnectionLost()
        while not self.transport.disconnecting:
            self.clock.advance(0.01)
        self.assertIs(self.lose(), EndCause.EOF)
        self.assertEqual(peer.recv(100), b"taken\n")

    def test_server_that_has_half_closed_and_reads_nothing(self) -> None:
        peer = self.joined()
        peer.shutdown(socket.SHUT_WR)
        self.protocol.readConnectionLost()
        self.own.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                self.own.send(b"x" * 65536)
        self.protocol.finish()
        self.protocol.writeConnectionLost()
        self.clock.pump([0.5] * 9)
        self.assertFalse(self.transport.disconnecting)
        left = unacknowledged_bytes(self.transport)
        while unacknowledged_bytes(self.transport) == left:
            peer.recv(65536)
        self.clock.pump([0.5] * 9)
        self.assertFalse(self.transport.disconnecting)
        self.clock.pump([0.5] * 2)
        self.assertTrue(self.transport.disconnecting)
        self.assertIs(self.lose(), EndCause.TIMEOUT)

    def test_nothing_is_asked_of_a_connection_that_is_stopped(self) -> None:
        self.joined().shutdown(socket.SHUT_WR)
        self.protocol.readConnectionLost()
        self.own.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                self.own.send(b"x" * 65536)
        self.protocol.finish()
        self.protocol.writeConnectionLost()
        self.protocol.stop(1)
        self.clock.advance(1)
        self.assertTrue(self.transport.aborted)
        self.assertIs(self.lose(error.ConnectionAborted()), EndCause.STOPPED)

    def test_slow_server_pauses_the_producer(self) -> None:
        producer = Producer()
        self.protocol.registerProducer(producer, True)
        self.protocol.pauseProducing()
        self.protocol.resumeProducing()
        self.protocol.unregisterProducer()
        self.protocol.pauseProducing()
        self.assertEqual(producer.calls, ["pause", "resume"])
        late = Producer()
        self.protocol.registerProducer(late, True)
        self.assertEqual(late.calls, ["pause"])
        self.protocol.stopProducing()
        self.assertEqual(late.calls, ["pause", "stop"])

    def test_a_pull_producer_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "push producer"):
            self.protocol.registerProducer(Producer(), False)

    def test_a_second_producer_is_refused(self) -> None:
        self.protocol.registerProducer(Producer(), True)
        with self.assertRaisesRegex(RuntimeError, "registered already"):
            self.protocol.registerProducer(Producer(), True)

    def test_stop_flushes_and_then_insists(self) -> None:
        self.protocol.stop(1)
        self.assertTrue(self.transport.disconnecting)
        self.assertFalse(self.transport.aborted)
        self.clock.advance(1)
        self.assertTrue(self.transport.aborted)
        self.assertIs(self.lose(error.ConnectionAborted()), EndCause.STOPPED)

    def test_over_is_over(self) -> None:
        self.assertIs(self.lose(error.ConnectionLost()), EndCause.RESET)
        self.protocol.write(b"x")
        self.protocol.finish()
        self.protocol.stop(1)
        self.protocol.stopProducing()
        self.assertEqual(self.transport.value(), b"")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_framer_that_raises_at_once(self) -> None:
        for method in ("feed", "end"):
            factory = SenderFactory(
                self.transcript,
                clock=self.clock,
                make_framer=partial(Eager, method, MalformedError("no")),
            )
            protocol = factory.buildProtocol(None)
            protocol.makeConnection(transport := FakeTransport())
            protocol.dataReceived(b"hello")
            protocol.connectionLost(Failure(error.ConnectionDone()))
            self.assertIs(self.transcript.ends()[-1].cause, EndCause.MALFORMED)
            self.assertEqual(transport.aborted, method == "feed")

    def test_no_messages_are_no_event(self) -> None:
        framer = mock.Mock(buffered_bytes=0)
        framer.feed.return_value = framer.end.return_value = [Batch(())]
        factory = SenderFactory(
            self.transcript, clock=self.clock, make_framer=lambda: framer
        )
        before = len(self.transcript.events)
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(FakeTransport())
        protocol.dataReceived(b"hello")
        protocol.connectionLost(Failure(error.ConnectionDone()))
        events = self.transcript.events[before:]
        self.assertEqual([type(each) for each in events], [Connected, Finished])

    def test_finished_is_said_whatever_a_framer_raises(self) -> None:
        factory = SenderFactory(
            self.transcript,
            clock=self.clock,
            make_framer=lambda: Eager("end", KeyError("a fault")),
        )
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(FakeTransport())
        with self.assertRaisesRegex(KeyError, "a fault"):
            protocol.connectionLost(Failure(error.ConnectionDone()))
        self.assertEqual(len(self.transcript.ends()), 1)
