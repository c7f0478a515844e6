"""A client that misbehaves: in memory with a clock, and seen by a plain socket."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import sys
import termios
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from echolab import Behaviour, EndCause, SenderFactory
from echolab.client.behaving import client_behaviour
from echolab.testing import Conversation, LabProcess, Transcript, connected
from tests.support import SECONDS, Program


@implementer(IHalfCloseableProtocol)
class Server(Protocol):
    """A server that never ends, but with the client."""

    transport: Any

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.heard_end = False

    def dataReceived(self, data: bytes) -> None:
        self.received.append(data)

    def readConnectionLost(self) -> None:
        self.heard_end = True

    def writeConnectionLost(self) -> None:
        """Go on reading."""


class ValueTests(SynchronousTestCase):
    def test_what_only_a_server_can_do(self) -> None:
        for text in (
            *("accept-late:seconds=1", "answer-nothing", "answer-late:seconds=1"),
            *("answer-garbage", "answer-slowly:bytes-per-second=1", "answer-twice"),
            *("answer-out-of-order", "refuse", "hold-accept"),
            *("python:tests.test_doors:Cutting", "close+refuse"),
        ):
            with self.assertRaises(ValueError) as caught:
                client_behaviour(text)
            self.assertRegex(
                str(caught.exception), "^[^ ]+: only a server can do that$"
            )
        with self.assertRaisesRegex(ValueError, "^close: a client counts bytes, not"):
            client_behaviour("close:after-messages=1")
        with self.assertRaisesRegex(ValueError, "^refuse: only a server"):
            SenderFactory(print, clock=Clock(), behaviour=Behaviour.refuse())


class InTimeTests(SynchronousTestCase):
    def talk(
        self, behave: str, data: bytes = b"", *, wait_seconds: float | None = None
    ) -> Conversation:
        clock = Clock()
        self.transcript = Transcript(clock=clock)
        factory = SenderFactory(
            self.transcript,
            clock=clock,
            wait_seconds=wait_seconds,
            report_sent=True,
            report_chunks=True,
            behaviour=client_behaviour(behave),
        )
        talk = connected(Server, factory, clock=clock)
        talk.client.write(data)
        talk.flush()
        return talk

    def got(self, talk: Conversation) -> bytes:
        return b"".join(talk.server.received)

    def struck(self) -> list[str]:
        return [
            line.partition(" misbehaved ")[2]
            for line in self.transcript.render().splitlines()
            if " misbehaved " in line
        ]

    def assert_ended(self, talk: Conversation, cause: EndCause, detail: str) -> None:
        [end] = self.transcript.ends()
        self.assertEqual((end.cause, end.detail), (cause, detail))
        self.assertEqual(talk.clock.getDelayedCalls(), [])

    def test_close_after_sent_bytes(self) -> None:
        for count in range(13):
            behave = f"close:after-sent-bytes={count}"
            talk = self.talk(behave, b"hello\n")
            talk.client.write(b"world\n")
            talk.flush()
            self.assertEqual(self.got(talk), b"hello\nworld\n"[:count])
            self.assertEqual(self.transcript.sent(), self.got(talk))
            self.assertEqual(self.struck(), [behave])
            self.assert_ended(talk, EndCause.STOPPED, behave)

    def test_reset_after_sent_bytes(self) -> None:
        talk = self.talk("reset:after-sent-bytes=3", b"hello\n")
        self.assertEqual(self.got(talk), b"hel")
        self.assert_ended(talk, EndCause.STOPPED, "reset:after-sent-bytes=3")

    def test_half_close_after_sent_bytes_reads_on(self) -> None:
        talk = self.talk("half-close:after-sent-bytes=3", b"hello\n")
        self.assertEqual(self.got(talk), b"hel")
        self.assertTrue(talk.server.heard_end)
        talk.server.transport.write(b"reply")
        talk.flush()
        self.assertEqual(self.transcript.received(), b"reply")
        talk.server.transport.loseConnection()
        talk.flush()
        self.assert_ended(talk, EndCause.EOF, "")

    def test_close_after_received_bytes(self) -> None:
        talk = self.talk("close:after-bytes=4", b"hello\n")
        talk.server.transport.write(b"reply")
        talk.flush()
        self.assertEqual(self.got(talk), b"hello\n")
        self.assertEqual(self.transcript.received(), b"repl")
        self.assert_ended(talk, EndCause.STOPPED, "close:after-bytes=4")

    def test_reset_at_once(self) -> None:
        talk = self.talk("reset", b"hello\n")
        self.assertEqual(self.got(talk), b"")
        self.assert_ended(talk, EndCause.STOPPED, "reset:after-bytes=0")

    def test_in_pieces(self) -> None:
        talk = self.talk("send-in-pieces:bytes-per-piece=4:seconds=1", b"hello\n")
        self.assertEqual(talk.server.received, [b"hell"])
        talk.client.finish()
        talk.advance(0.9)
        self.assertFalse(talk.server.heard_end)
        talk.advance(0.1)
        self.assertEqual(talk.server.received, [b"hell", b"o\n"])
        self.assertTrue(talk.server.heard_end)

    def test_a_writer_is_paused_while_much_waits(self) -> None:
        talk = self.talk("send-slowly:bytes-per-second=100k")
        states: list[str] = []

        class Writer:
            def pauseProducing(self) -> None:
                states.append("paused")

            def resumeProducing(self) -> None:
                states.append("resumed")

            def stopProducing(self) -> None:
                states.append("stopped")

        talk.client.registerProducer(Writer(), True)
        talk.client.write(bytes(100_000))
        self.assertEqual(states, ["paused"])
        talk.flush()
        talk.advance(1)
        self.assertEqual(states, ["paused", "resumed"])
        self.assertEqual(self.got(talk), bytes(100_000))

    def test_corrupted(self) -> None:
        talk = self.talk("send-corrupted:after-sent-bytes=1", b"hello\n")
        self.assertEqual(self.got(talk), b"h\x9allo\n")

    def test_jitter_can_be_repeated(self) -> None:
        def arrivals() -> list[float]:
            talk = self.talk("jitter:seconds=1:seed=4")
            for number in range(3):
                talk.client.write(b"%d" % number)
                while len(self.got(talk)) <= number:
                    talk.advance(0.01)
            times.append(talk.clock.seconds())
            return times

        times: list[float] = []
        arrivals()
        self.assertEqual(*arrivals())

    def test_stop_reading(self) -> None:
        talk = self.talk("stop-reading:after-bytes=2:seconds=3")
        talk.server.transport.write(b"reply")
        talk.flush()
        self.assertEqual(self.transcript.chunks(), [b"re"])
        talk.advance(3)
        self.assertEqual(self.transcript.chunks(), [b"re", b"ply"])

    def test_read_slowly(self) -> None:
        talk = self.talk("read-slowly:bytes-per-second=20")
        talk.server.transport.write(b"reply")
        talk.flush()
        self.assertEqual(self.transcript.chunks(), [b"re"])
        talk.advance(0.1)
        talk.advance(0.1)
        self.assertEqual(self.transcript.chunks(), [b"re", b"pl", b"y"])

    def test_who_stops_reading_ends_all_the_same(self) -> None:
        talk = self.talk("stop-reading", b"hello\n", wait_seconds=2)
        talk.server.transport.write(b"reply")
        talk.client.finish()
        talk.flush()
        talk.advance(2)
        self.assertEqual(len(self.transcript.ends()), 1)

    def test_stopped_while_bytes_wait(self) -> None:
        talk = self.talk("send-slowly:bytes-per-second=1", b"hello\n")
        talk.client.stop(5)
        talk.flush()
        self.assertEqual(self.got(talk), b"h")
        self.assertEqual(talk.clock.getDelayedCalls(), [])

    def test_for_one_connection_only(self) -> None:
        talk = self.talk("send-corrupted:only=2", b"hello\n")
        self.assertEqual(self.got(talk), b"hello\n")
        self.assertEqual(self.struck(), [])


class PlainSocketTests(SynchronousTestCase):
    """Each fault as a server of plain sockets sees it."""

    def client(self, behave: str, data: bytes = b"hello\n") -> socket.socket:
        """Start a client with an input that does not end; return its connection."""
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        listening.settimeout(SECONDS)
        port = str(listening.getsockname()[1])
        self.program = self.enterContext(
            Program("client", "127.0.0.1", port, "--behave", behave)
        )
        connection, _ = listening.accept()
        self.enterContext(contextlib.closing(connection))
        connection.settimeout(SECONDS)
        if data:
            self.program.send(data)
        self.name = f"127.0.0.1:{port}"
        return connection

    def receive_all(self, connection: socket.socket) -> bytes:
        received = b""
        while data := connection.recv(1024):
            received += data
        return received

    def assert_said(self, behaviour: str) -> None:
        self.assertEqual(self.program.end(), 0)
        said = f"send {self.name}: misbehaved ({behaviour})\n"
        self.assertEqual(self.program.err.decode(), said)

    def test_close(self) -> None:
        connection = self.client("close:after-sent-bytes=3")
        self.assertEqual(self.receive_all(connection), b"hel")
        connection.close()
        self.assert_said("close:after-sent-bytes=3")

    def test_reset(self) -> None:
        connection = self.client("reset:after-sent-bytes=3")
        received = b""
        with self.assertRaises(ConnectionResetError):
            while data := connection.recv(1):
                received += data
        self.assertEqual(received, b"hel")
        self.assert_said("reset:after-sent-bytes=3")

    def test_reset_at_once(self) -> None:
        connection = self.client("reset", b"")
        with self.assertRaises(ConnectionResetError):
            connection.recv(1)
        self.assert_said("reset:after-bytes=0")

    def test_half_close(self) -> None:
        connection = self.client("half-close:after-sent-bytes=3")
        self.assertEqual(self.receive_all(connection), b"hel")
        connection.sendall(b"reply\n")
        connection.close()
        self.assert_said("half-close:after-sent-bytes=3")
        self.assertEqual(self.program.out, b"reply\n")

    def test_close_after_received_bytes(self) -> None:
        connection = self.client("close:after-bytes=3")
        self.assertEqual(connection.recv(100), b"hello\n")
        connection.sendall(b"ok\n")
        self.assertEqual(connection.recv(100), b"")
        connection.close()
        self.assert_said("close:after-bytes=3")
        self.assertEqual(self.program.out, b"ok\n")

    def test_in_pieces(self) -> None:
        connection = self.client("send-in-pieces:bytes-per-piece=4")
        self.program.end_input()
        self.assertEqual(self.receive_all(connection), b"hello\n")
        connection.close()
        self.assert_said("send-in-pieces:bytes-per-piece=4:seconds=0.1")

    def test_slowly(self) -> None:
        connection = self.client("send-slowly:bytes-per-second=40")
        self.program.end_input()
        self.assertEqual(self.receive_all(connection), b"hello\n")
        connection.close()
        self.assert_said("send-slowly:bytes-per-second=40")

    def test_corrupted(self) -> None:
        connection = self.client("send-corrupted:after-sent-bytes=1")
        self.assertEqual(connection.recv(100), b"h\x9allo\n")

    def test_jitter(self) -> None:
        connection = self.client("jitter:seconds=0.1")
        self.assertEqual(connection.recv(100), b"hello\n")
        self.program.end_input()
        connection.close()
        self.program.end()
        said = self.program.err.decode()
        self.assertRegex(said, r"misbehaved \(jitter:seconds=0\.1:seed=\d+\)\n")

    def test_stop_reading(self) -> None:
        connection = self.client("stop-reading:after-bytes=3")
        self.assertEqual(connection.recv(100), b"hello\n")
        connection.sendall(b"reply\n")
        self.program.wait_for(b"rep")
        self.program.send(b"more\n")
        self.assertEqual(connection.recv(100), b"more\n")
        self.assertEqual(self.program.out, b"rep")

    def test_over_tls(self) -> None:
        for behave, sent, cause in (
            ("send-in-pieces:bytes-per-piece=4", b"hello\n", "eof"),
            ("close:after-sent-bytes=3", b"hel", "eof"),
            ("reset:after-sent-bytes=3", b"hel", "reset"),
        ):
            server = self.enterContext(LabProcess(tls=True))
            words = ("client", "--connect", server.endpoint, "--behave", behave)
            with Program(*words) as client:
                client.send(b"hello\n")
                client.end_input()
                self.assertEqual(client.end(), 0)
                self.assertIn(b"misbehaved", client.err)
            end = server.wait_for_end(1)
            self.assertEqual((server.received(), end.cause.value), (sent, cause))

    def test_an_endless_input_is_not_read_on(self) -> None:
        connection = self.client("half-close:after-sent-bytes=3")
        self.assertEqual(self.receive_all(connection), b"hel")
        self.program.wait_for(b"misbehaved", stream="err")
        self.program.send(b"more\n")
        connection.sendall(b"reply\n")
        self.program.wait_for(b"reply\n")
        # It has looked since then, and left what there was to read.
        assert self.program.process.stdin is not None
        unread = fcntl.ioctl(self.program.process.stdin, termios.FIONREAD, bytes(4))
        self.assertEqual(int.from_bytes(unread, sys.byteorder), 5)
        connection.close()
        self.assert_said("half-close:after-sent-bytes=3")
