"""What a server sends wrongly: in memory with a clock, and seen by a plain socket."""

from __future__ import annotations

import contextlib
import re
import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from echolab import Behaviour, EndCause, Sent
from echolab.server.assembly import receiver_factory
from echolab.server.script import Script
from echolab.server.settings import ServerSettings
from echolab.testing import LabProcess, connected
from tests.support import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Unpack

    from echolab import Messages, Peer
    from echolab.testing import Conversation, ServerKeywords


class Client(Protocol):
    transport: Any

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self.received.append(data)


@implementer(IHalfCloseableProtocol)
class HalfClosing(Client):
    def readConnectionLost(self) -> None:
        """Go on sending."""

    def writeConnectionLost(self) -> None:
        """Go on reading."""


def numbered(_peer: Peer, messages: Messages) -> Iterator[bytes]:
    """Answer each message with itself, alone."""
    for message in messages:
        yield bytes(message) + b"\n"


def endless(_peer: Peer, _messages: Messages) -> Iterator[bytes]:
    """Answer without end."""
    while True:
        yield bytes(1000)


class InTimeTests(SynchronousTestCase):
    def talk(
        self, fault: str, data: bytes = b"", **more: Unpack[ServerKeywords]
    ) -> Conversation:
        more.setdefault("reply", "ready")
        more["behave"] = fault
        talk = connected(None, Client, **more)
        talk.client.transport.write(data)
        talk.flush()
        return talk

    def got(self, talk: Conversation) -> bytes:
        return b"".join(talk.client.received)

    def struck(self, talk: Conversation) -> list[str]:
        return [
            line.partition(" misbehaved ")[2]
            for line in talk.transcript.render().splitlines()
            if " misbehaved " in line
        ]

    def test_close_after_sent_bytes(self) -> None:
        for count in range(1, 13):
            behave = f"close:after-sent-bytes={count}"
            talk = self.talk(behave, b"1\n2\n3\n")
            self.assertEqual(self.got(talk), (b"ready\n" * 2)[:count])
            self.assertEqual(talk.transcript.sent(), self.got(talk))
            [end] = talk.transcript.ends()
            self.assertEqual((end.cause, end.detail), (EndCause.STOPPED, behave))
            self.assertEqual(self.struck(talk), [behave])
            self.assertEqual(talk.clock.getDelayedCalls(), [])

    def test_nothing_is_sent_at_all(self) -> None:
        for kind in ("close", "reset", "half-close"):
            talk = self.talk(f"{kind}:after-sent-bytes=0", b"1\n")
            self.assertEqual(self.got(talk), b"")
            self.assertEqual(self.struck(talk), [f"{kind}:after-sent-bytes=0"])

    def test_what_was_sent_before_a_reset_arrives(self) -> None:
        talk = self.talk("reset:after-sent-bytes=8", b"1\n2\n")
        self.assertEqual(self.got(talk), b"ready\nre")
        [end] = talk.transcript.ends()
        self.assertEqual(end.detail, "reset:after-sent-bytes=8")
        self.assertEqual(talk.clock.getDelayedCalls(), [])

    def test_a_reset_does_not_wait_for_ever(self) -> None:
        talk = connected(None, Client, behave="reset:after-sent-bytes=3", reply="ready")
        talk.from_client.deliver()
        talk.client.transport.write(b"1\n")
        talk.from_client.deliver()
        talk.client.transport.pauseProducing()
        talk.advance(1.9)
        self.assertEqual(talk.transcript.ends(), [])
        talk.advance(0.1)
        self.assertEqual(len(talk.transcript.ends()), 1)
        self.assertEqual(talk.clock.getDelayedCalls(), [])

    def test_half_close_after_sent_bytes_reads_on(self) -> None:
        talk = connected(
            None, HalfClosing, behave="half-close:after-sent-bytes=8", reply="ready"
        )
        talk.client.transport.write(b"1\n2\n3\n")
        talk.flush()
        self.assertEqual(self.got(talk), b"ready\nre")
        self.assertTrue(talk.from_server.ended)
        talk.client.transport.write(b"4\n")
        talk.flush()
        self.assertEqual(talk.transcript.lines(), [b"1", b"2", b"3", b"4"])
        talk.client.transport.loseWriteConnection()
        talk.flush()
        [end] = talk.transcript.ends()
        self.assertIs(end.cause, EndCause.EOF)

    def test_an_endless_answer_is_cut(self) -> None:
        for kind in ("close", "reset", "half-close"):
            behave = f"{kind}:after-sent-bytes=100000"
            talk = self.talk(behave, b"1\n", reply=endless)
            self.assertEqual(len(self.got(talk)), 100000)
            self.assertEqual(self.struck(talk), [behave])
            talk.client.transport.loseConnection()
            talk.flush()
            self.assertEqual(len(talk.transcript.ends()), 1)

    def test_in_pieces(self) -> None:
        talk = self.talk("send-in-pieces:bytes-per-piece=4:seconds=2", b"1\n")
        self.assertEqual(talk.client.received, [b"read"])
        talk.advance(1.9)
        self.assertEqual(talk.client.received, [b"read"])
        talk.advance(0.1)
        self.assertEqual(talk.client.received, [b"read", b"y\n"])
        sent = [each.data for each in talk.transcript.events if isinstance(each, Sent)]
        self.assertEqual(sent, [b"read", b"y\n"])
        self.assertEqual(
            self.struck(talk), ["send-in-pieces:bytes-per-piece=4:seconds=2"]
        )

    def test_what_was_left_unsent_is_told(self) -> None:
        talk = self.talk("close:after-sent-bytes=8", b"1\n2\n3\n")
        [end] = talk.transcript.ends()
        self.assertEqual((end.sent_bytes, end.unsent_answers), (8, 2))
        sent = [each for each in talk.transcript.events if isinstance(each, Sent)]
        self.assertEqual([each.answers for each in sent], [1, 2])

    def test_what_waits_is_sent_before_the_end(self) -> None:
        talk = self.talk(
            "send-in-pieces:bytes-per-piece=4+close:after-messages=2", b"1\n2\n"
        )
        talk.client.transport.loseWriteConnection()
        talk.advance(1)
        self.assertEqual(self.got(talk), b"ready\nready\n")
        self.assertTrue(talk.from_server.ended)

    def test_the_clients_end_is_no_reason_to_send_less(self) -> None:
        talk = self.talk("send-in-pieces:bytes-per-piece=4", b"1\n")
        talk.client.transport.loseWriteConnection()
        talk.flush()
        self.assertIn("half-closed", str(talk.transcript))
        talk.advance(1)
        self.assertEqual(self.got(talk), b"ready\n")
        [end] = talk.transcript.ends()
        self.assertIs(end.cause, EndCause.EOF)

    def test_an_end_of_the_servers_does_not_wait_for_it(self) -> None:
        talk = self.talk(
            "send-in-pieces:bytes-per-piece=1:seconds=60", b"1\n", idle_timeout=1
        )
        talk.advance(1)
        self.assertEqual(talk.transcript.ends(), [])  # The rest is owed.
        talk.server.end(EndCause.STOPPED)
        talk.flush()
        self.assertEqual(self.got(talk), b"r")
        [end] = talk.transcript.ends()
        self.assertIs(end.cause, EndCause.STOPPED)
        self.assertEqual(talk.clock.getDelayedCalls(), [])

    def test_who_gets_no_more_answers_is_still_read(self) -> None:
        talk = connected(
            None,
            HalfClosing,
            reply="echo",
            behave="answer-late:seconds=1+half-close:after-sent-bytes=10",
        )
        talk.client.transport.write(bytes(1 << 18))
        talk.flush(1 << 14)  # So much is owed that reading pauses.
        talk.advance(1)
        self.assertTrue(talk.from_server.ended)
        self.assertEqual(talk.server.connection.received_bytes, 1 << 18)

    def test_slowly(self) -> None:
        talk = self.talk("send-slowly:bytes-per-second=20", b"1\n")
        talk.advance(0.1)
        talk.advance(0.1)
        self.assertEqual(talk.client.received, [b"re", b"ad", b"y\n"])

    def test_corrupted(self) -> None:
        for at in range(12):
            behave = f"send-corrupted:after-sent-bytes={at}"
            talk = self.talk(behave, b"1\n2\n")
            good = b"ready\n" * 2
            got = self.got(talk)
            self.assertEqual(len(got), len(good))
            wrong = [number for number in range(12) if got[number] != good[number]]
            self.assertEqual(wrong, [at])
            self.assertEqual(talk.transcript.sent(), got)
            self.assertEqual(self.struck(talk), [behave])

    def test_twice(self) -> None:
        talk = self.talk("answer-twice", b"1\n2\n", reply=numbered)
        self.assertEqual(self.got(talk), b"1\n1\n2\n2\n")
        self.assertEqual(self.struck(talk), ["answer-twice"])

    def test_out_of_order(self) -> None:
        talk = self.talk("answer-out-of-order", b"1\n2\n3\n4\n5\n", reply=numbered)
        self.assertEqual(self.got(talk), b"2\n1\n4\n3\n")
        self.assertEqual(self.struck(talk), ["answer-out-of-order:seconds=1"])
        talk.advance(1)
        self.assertEqual(self.got(talk), b"2\n1\n4\n3\n5\n")

    def test_answers_are_not_joined_before_they_change_places(self) -> None:
        clock = Clock()
        settings = ServerSettings(
            answers=Script.of([(rb"(\d)", rb"\1!")]),
            behave=Behaviour.answer_out_of_order(),
        )
        factory = receiver_factory(
            settings, lambda _: None, clock=clock, report_sent=False
        )
        talk = connected(factory, Client, clock=clock)
        talk.client.transport.write(b"1\n2\n")
        talk.flush()
        self.assertEqual(self.got(talk), b"2!1!")

    def test_an_answer_that_is_alone_is_not_kept_for_ever(self) -> None:
        talk = self.talk("answer-out-of-order:seconds=3", b"1\n", reply=numbered)
        talk.advance(2.9)
        self.assertEqual(self.got(talk), b"")
        talk.advance(0.1)
        self.assertEqual(self.got(talk), b"1\n")
        self.assertEqual(self.struck(talk), [])
        talk.client.transport.write(b"2\n")
        talk.flush()
        talk.client.transport.loseWriteConnection()
        talk.flush()
        self.assertEqual(self.got(talk), b"1\n2\n")

    def jitter(self, seed: int | None) -> list[float]:
        behave = Behaviour.jitter(1.0, seed=seed)
        talk = connected(None, Client, behave=behave, reply=numbered)
        arrived = []
        for number in range(5):
            talk.client.transport.write(b"%d\n" % number)
            talk.flush()
            while len(talk.client.received) <= number:
                talk.advance(0.01)
            arrived.append(talk.clock.seconds())
        [self.said] = self.struck(talk)
        self.assertEqual(self.got(talk), b"0\n1\n2\n3\n4\n")
        return arrived

    def test_jitter_can_be_repeated(self) -> None:
        once = self.jitter(seed=7)
        self.assertEqual(self.said, "jitter:seconds=1:seed=7")
        self.assertEqual(self.jitter(seed=7), once)
        self.assertNotEqual(self.jitter(seed=8), once)
        self.assertLessEqual(once[-1], 5.1)

    def test_jitter_says_its_seed(self) -> None:
        once = self.jitter(seed=None)
        said = Behaviour.parse(self.said).faults[0]
        assert said.seed is not None
        self.assertEqual(self.jitter(seed=said.seed), once)

    def test_jitter_keeps_the_order(self) -> None:
        lines = b"".join(b"%d\n" % number for number in range(100))
        talk = self.talk("jitter:seconds=1:seed=1", lines, reply=numbered)
        talk.advance(1)
        self.assertEqual(self.got(talk), lines)

    def test_for_the_second_connection_only(self) -> None:
        behaviour = Behaviour.parse(
            "send-corrupted:only=2+close:after-sent-bytes=1:first=1"
        )
        self.assertEqual(
            str(behaviour.towards(2)), "send-corrupted:after-sent-bytes=0:only=2"
        )
        talk = self.talk("send-corrupted:only=2", b"1\n")
        self.assertEqual(self.got(talk), b"ready\n")

    def test_a_greeting_is_sent_wrongly_too(self) -> None:
        talk = self.talk("close:after-sent-bytes=4", greet=b"220 lab\r\n")
        self.assertEqual(self.got(talk), b"220 ")

    def test_a_protocol_of_the_users_own(self) -> None:
        class Greeter(Protocol):
            transport: Any

            def connectionMade(self) -> None:
                self.transport.write(b"hello\n")

            def dataReceived(self, data: bytes) -> None:
                self.transport.write(data)
                self.transport.loseConnection()

        for fault, arrived in (
            ("send-in-pieces:bytes-per-piece=2", b"hello\n1\n"),
            (
                "send-corrupted:after-sent-bytes=6+answer-twice",
                b"hello\n\x97ello\n1\n1\n",
            ),
            ("close:after-sent-bytes=7", b"hello\n1"),
            ("reset:after-sent-bytes=7", b"hello\n1"),
            ("half-close:after-sent-bytes=7", b"hello\n1"),
        ):
            talk = connected(None, HalfClosing, behave=fault, protocol=Greeter)
            talk.flush()
            talk.client.transport.write(b"1\n")
            talk.flush()
            talk.advance(1)
            self.assertEqual(self.got(talk), arrived)
            self.assertTrue(talk.from_server.ended or talk.from_server.disconnected)

    def test_all_at_once(self) -> None:
        talk = self.talk(
            "answer-twice+answer-out-of-order+send-in-pieces:bytes-per-piece=3:seconds=1"
            "+send-corrupted:after-sent-bytes=1+close:after-sent-bytes=7",
            b"1\n2\n3\n",
            reply=numbered,
        )
        talk.advance(10)
        self.assertEqual(talk.client.received, [b"2\xf52", b"\n", b"1\n1"])
        self.assertEqual(talk.transcript.sent(), b"2\xf52\n1\n1")

    def test_a_peer_that_is_sent_to_slowly_is_not_read_for_ever(self) -> None:
        for behave in ("send-slowly:bytes-per-second=1000", "jitter:seconds=60:seed=1"):
            for reply, data in (("echo", bytes(1 << 20)), ("ok", b"1\n" * (1 << 19))):
                talk = connected(None, Client, behave=behave, reply=reply)
                talk.client.transport.write(data)
                talk.flush(1 << 16)
                self.assertLess(len(talk.transcript.received()), 1 << 19)
                self.assertTrue(talk.from_client.waiting)

    def test_a_peer_that_reads_nothing_is_not_read_for_ever(self) -> None:
        talk = connected(
            None, Client, behave="send-in-pieces:bytes-per-piece=64k", reply="echo"
        )
        talk.client.transport.pauseProducing()
        for _ in range(64):
            talk.client.transport.write(bytes(1 << 14))
            talk.flush()
            talk.advance(1)
        self.assertLess(len(talk.transcript.received()), 1 << 18)
        talk.client.transport.resumeProducing()
        talk.flush()
        talk.advance(60)
        self.assertEqual(len(self.got(talk)), 1 << 20)


class PlainSocketTests(SynchronousTestCase):
    """Each fault as a client of a real server process sees it."""

    def serve(self, fault: str, **keywords: Unpack[ServerKeywords]) -> None:
        keywords.setdefault("reply", "ready")
        keywords["behave"] = fault
        self.server = self.enterContext(LabProcess(**keywords))

    def ask(self, data: bytes = b"1\n2\n") -> socket.socket:
        assert isinstance(self.server.address, tuple)
        client = socket.create_connection(self.server.address, SECONDS)
        self.enterContext(contextlib.closing(client))
        client.sendall(data)
        return client

    def receive_all(self, client: socket.socket) -> bytes:
        received = b""
        while data := client.recv(1024):
            received += data
        return received

    def assert_pieces(self, client: socket.socket, *pieces: bytes) -> None:
        """Check what the server has sent at a time; a late reader gets all at once."""
        expected = b"".join(pieces)
        with client.makefile("rb") as stream:
            self.assertEqual(stream.read(len(expected)), expected)
        self.server.wait_for_sent(re.escape(expected), timeout=SECONDS)
        sent = [x.data for x in self.server.events if isinstance(x, Sent)]
        self.assertEqual(sent, [*pieces])

    def assert_struck(self, *behaviours: str) -> None:
        self.server.wait_for_end()
        struck = [
            line.partition(" misbehaved ")[2]
            for line in self.server.render().splitlines()
            if " misbehaved " in line
        ]
        self.assertEqual(struck, [*behaviours])

    def test_close(self) -> None:
        self.serve("close:after-sent-bytes=8")
        self.assertEqual(self.receive_all(self.ask()), b"ready\nre")
        self.assert_struck("close:after-sent-bytes=8")
        self.assertEqual(self.server.sent(), b"ready\nre")

    def test_reset(self) -> None:
        self.serve("reset:after-sent-bytes=8")
        client = self.ask()
        received = b""
        with self.assertRaises(ConnectionResetError):
            while data := client.recv(1):
                received += data
        self.assertEqual(received, b"ready\nre")
        self.assert_struck("reset:after-sent-bytes=8")

    def test_reset_over_tls(self) -> None:
        import ssl

        self.serve("reset:after-sent-bytes=8", tls=True)
        context = ssl.create_default_context(cafile=self.server.ca)
        with context.wrap_socket(self.ask(b""), server_hostname="localhost") as client:
            client.sendall(b"1\n2\n")
            received = b""
            with contextlib.suppress(OSError):
                while data := client.recv(100):
                    received += data
            self.assertEqual(received, b"ready\nre")
        self.assert_struck("reset:after-sent-bytes=8")

    def test_reset_over_tls_behind_a_timer(self) -> None:
        """TLS encrypts what a timer has written only a turn later."""
        import ssl

        for other in (
            "send-in-pieces:bytes-per-piece=3:seconds=0.01",
            "jitter:seconds=0.1",
        ):
            self.serve(f"reset:after-sent-bytes=8+{other}", tls=True)
            trusted = ssl.create_default_context(cafile=self.server.ca)
            with trusted.wrap_socket(
                self.ask(b""), server_hostname="localhost"
            ) as peer:
                peer.sendall(b"1\n2\n")
                received = b""
                with contextlib.suppress(OSError):
                    while data := peer.recv(100):
                        received += data
                self.assertEqual(received, b"ready\nre")

    def test_half_close(self) -> None:
        self.serve("half-close:after-sent-bytes=8")
        client = self.ask()
        self.assertEqual(self.receive_all(client), b"ready\nre")
        client.sendall(b"3\n")
        self.server.wait_for_line("3")
        client.close()
        self.assert_struck("half-close:after-sent-bytes=8")
        self.assertIs(self.server.wait_for_end().cause, EndCause.EOF)

    def test_in_pieces(self) -> None:
        self.serve("send-in-pieces:bytes-per-piece=4:seconds=0.1")
        client = self.ask(b"1\n")
        self.assert_pieces(client, b"read", b"y\n")
        client.close()
        self.assert_struck("send-in-pieces:bytes-per-piece=4:seconds=0.1")

    def test_slowly(self) -> None:
        self.serve("send-slowly:bytes-per-second=30")
        client = self.ask(b"1\n")
        self.assert_pieces(client, b"rea", b"dy\n")
        client.close()
        self.assert_struck("send-slowly:bytes-per-second=30")

    def test_slowly_over_tls_to_a_client_that_has_ended(self) -> None:
        import ssl

        self.serve("send-slowly:bytes-per-second=30", tls=True)
        context = ssl.create_default_context(cafile=self.server.ca)
        with context.wrap_socket(self.ask(b""), server_hostname="localhost") as client:
            client.sendall(b"1\n")
            self.assert_pieces(client, b"rea", b"dy\n")
            client.unwrap()
        self.assert_struck("send-slowly:bytes-per-second=30")
        self.assertIs(self.server.wait_for_end().cause, EndCause.EOF)

    def test_corrupted_for_the_second_connection_only(self) -> None:
        self.serve("send-corrupted:after-sent-bytes=7:only=2")
        for expected in (b"ready\nready\n", b"ready\nr\x9aady\n", b"ready\nready\n"):
            client = self.ask()
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(self.receive_all(client), expected)
        self.assert_struck("send-corrupted:after-sent-bytes=7:only=2")

    def test_twice(self) -> None:
        self.serve("answer-twice", reply="echo")
        client = self.ask(b"1\n")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.receive_all(client), b"1\n1\n")
        self.assert_struck("answer-twice")

    def test_out_of_order(self) -> None:
        self.serve("answer-out-of-order:seconds=60", reply="echo")
        client = self.ask(b"1\n")
        self.server.wait_for_line("1")
        client.sendall(b"2\n")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.receive_all(client), b"2\n1\n")
        self.assert_struck("answer-out-of-order:seconds=60")

    def test_jitter(self) -> None:
        self.serve("jitter:seconds=0.2:seed=3")
        client = self.ask(b"1\n")
        self.assertEqual(client.recv(100), b"ready\n")
        client.close()
        self.assert_struck("jitter:seconds=0.2:seed=3")
