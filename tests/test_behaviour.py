"""Misbehaviour: as a value, in memory with a clock, and seen by a plain socket."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from echolab import Behaviour, EndCause
from echolab.server.wrong_replies import GARBAGE
from echolab.testing import LabProcess, connected
from tests.support import SECONDS

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from echolab.testing import Conversation, ServerKeywords

SYN_SENT = 2
"""A state of TCP, as TCP_INFO tells it."""

EVERY = (
    Behaviour.accept_late(2),
    Behaviour.read_bytewise(first=1),
    Behaviour.read_slowly(0.5),
    Behaviour.stop_reading(after_bytes=2**53 + 1, seconds=3),
    Behaviour.stop_reading(),
    Behaviour.reset(),
    Behaviour.reset(after_messages=2, first=3),
    Behaviour.reset(only=2),
    Behaviour.close(after_bytes=7),
    Behaviour.half_close(after_messages=1),
    Behaviour.answer_nothing(),
    Behaviour.answer_garbage(first=2),
    Behaviour.answer_late(1.5),
    Behaviour.answer_slowly(100),
    Behaviour.answer_twice(),
    Behaviour.answer_out_of_order(2, only=3),
    Behaviour.close(after_sent_bytes=0),
    Behaviour.send_in_pieces(3),
    Behaviour.send_slowly(5.5),
    Behaviour.send_corrupted(7),
    Behaviour.jitter(0.5, seed=0),
    Behaviour.refuse(),
    Behaviour.refuse(2),
    Behaviour.hold_accept(),
    Behaviour.hold_accept(2),
)


class ValueTests(SynchronousTestCase):
    def test_every_one_is_read_as_it_is_written(self) -> None:
        for behaviour in EVERY:
            self.assertEqual(Behaviour.parse(str(behaviour)), behaviour)
        for number in (1e6, 1e300, 1234567.5, 1e-9, 1 / 3):
            behaviour = Behaviour.read_slowly(number)
            self.assertNotIn("e+", str(behaviour))
            self.assertEqual(Behaviour.parse(str(behaviour)), behaviour)
        together = sum(EVERY, Behaviour())
        self.assertEqual(Behaviour.parse(str(together)), together)
        self.assertEqual(len(list(together)), len(EVERY))
        self.assertFalse(Behaviour())

    def test_written(self) -> None:
        self.assertEqual(
            str(Behaviour.reset(after_messages=2, first=1) + Behaviour.read_bytewise()),
            "reset:after-messages=2:first=1+read-bytewise",
        )

    def test_units_and_case(self) -> None:
        self.assertEqual(
            Behaviour.parse("Read-Slowly:bytes-per-second=1.5k+answer-late:seconds=2m"),
            Behaviour.read_slowly(1536) + Behaviour.answer_late(120),
        )
        reset = Behaviour.reset(after_bytes=2**20)
        self.assertEqual(Behaviour.parse("RESET:after-bytes=1MiB"), reset)

    def test_towards(self) -> None:
        both = Behaviour.reset(first=2) + Behaviour.read_bytewise()
        self.assertEqual(both.towards(2), both)
        self.assertEqual(both.towards(3), Behaviour.read_bytewise())
        only = Behaviour.reset(only=2)
        struck = [number for number in range(1, 5) if only.towards(number)]
        self.assertEqual(struck, [2])

    def test_what_cannot_be_understood(self) -> None:
        for text, why in (
            ("", "nothing is none of accept-late, read-bytewise,"),
            ("toast", "toast is none of"),
            ("reset+", "a behaviour is missing beside a +"),
            (
                "reset:toast=1",
                "reset takes after-bytes, after-messages, after-sent-bytes, first",
            ),
            ("reset:after_bytes=1", "not after_bytes=1; did you mean after-bytes?"),
            ("reset:first=1:first=2", "reset: first is given twice"),
            ("reset:first=1:only=2", "reset: the first connections, or only one"),
            ("reset:only=-1", "reset: only must be at least 0, not -1"),
            ("reset:after-bytes=x", "reset: after-bytes=x is no number"),
            ("reset:after-bytes=-1", "reset: after-bytes must be at least 0, not -1"),
            ("close:after-messages=0", "close: after-messages must be at least 1"),
            ("close:after-bytes=1:after-messages=1", "close: after so many bytes, or"),
            (
                "close:after-bytes=1:after-sent-bytes=1",
                "close: after so many bytes, or messages, or sent bytes",
            ),
            (
                "close:after-sent-bytes=-1",
                "after-sent-bytes must be at least 0, not -1",
            ),
            ("send-in-pieces", "send-in-pieces needs :bytes-per-piece="),
            ("send-in-pieces:bytes-per-piece=0", "bytes-per-piece must be at least 1"),
            ("jitter:seconds=1:seed=-1", "jitter: seed must be at least 0, not -1"),
            ("read-slowly", "read-slowly needs :bytes-per-second="),
            ("read-slowly:bytes-per-second=0", "bytes-per-second must be more than 0"),
            ("answer-late:seconds=nan", "answer-late: seconds=nan is no number"),
            ("answer-late:seconds=0ms", "answer-late: seconds must be more than 0"),
            ("read-slowly:bytes-per-second=1e+06", "bytes-per-second=1e+06 is no num"),
            (
                "reset:after-bytes=\uff11\uff10",
                "reset: after-bytes=\uff11\uff10 is no number",
            ),
            ("reset:after-messages=1_0", "reset: after-messages=1_0 is no number"),
            ("reset:after-messages=1k", "reset: after-messages=1k is no number"),
            ("resett:first=1", "; did you mean reset?"),
            ("refuse:first=1", "refuse takes seconds, not first=1"),
            ("hold-accept:first=1", "hold-accept takes seconds, not first=1"),
        ):
            with self.assertRaises(ValueError) as caught:
                Behaviour.parse(text)
            self.assertIn(why, str(caught.exception))


class Peer(Protocol):
    transport: Any

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self.received.append(data)


class InTimeTests(SynchronousTestCase):
    def talk(
        self, behaviour: Behaviour, data: bytes = b"", **more: Unpack[ServerKeywords]
    ) -> Conversation:
        more["behave"] = behaviour
        conversation = connected(None, Peer, **more)
        if data:
            conversation.client.transport.write(data)
        conversation.flush()
        return conversation

    def test_accept_late(self) -> None:
        talk = self.talk(Behaviour.accept_late(3), b"hello\n")
        talk.advance(2.9)
        self.assertEqual(talk.transcript.events, [])
        talk.advance(0.1)
        self.assertEqual(
            talk.transcript.render(),
            "peer 1 accepted\npeer 1 misbehaved accept-late:seconds=3\n"
            "peer 1 recv hello\n",
        )

    def test_of_several_accept_late_the_last_one_counts(self) -> None:
        talk = self.talk(Behaviour.parse("accept-late:seconds=1+accept-late:seconds=3"))
        talk.advance(2.9)
        self.assertEqual(talk.transcript.events, [])
        talk.advance(0.1)
        self.assertIn("accept-late:seconds=3\n", talk.transcript.render())

    def test_stopped_before_it_was_accepted(self) -> None:
        talk = self.talk(Behaviour.accept_late(100), b"hello")
        talk.server.factory.stopProducing()
        talk.flush()
        self.assertNotIn("accepted", talk.transcript.render())
        self.assertEqual(talk.clock.getDelayedCalls(), [])

    def test_what_is_owed_is_paid_before_the_end(self) -> None:
        for end in (Behaviour.close, Behaviour.half_close):
            behaviour = Behaviour.answer_late(1) + end(after_messages=2)
            talk = self.talk(behaviour, b"1\n2\n3\n", reply="ok")
            talk.advance(0.5)
            self.assertTrue(talk.client.connected)
            talk.advance(0.5)
            self.assertEqual(b"".join(talk.client.received)[:6], b"ok\nok\n")
            talk.flush()
            self.assertTrue(talk.from_server.ended)

    def test_a_slow_answer_is_given_before_the_end(self) -> None:
        behaviour = Behaviour.answer_slowly(20) + Behaviour.close(after_messages=1)
        talk = self.talk(behaviour, b"1\n2\n", reply="ready")
        for _ in range(4):
            talk.advance(0.1)
        self.assertEqual(talk.client.received, [b"re", b"ad", b"y\n"])
        self.assertEqual(talk.transcript.lines(), [b"1"])
        self.assertTrue(talk.from_server.ended)

    def test_accept_late_and_gone_before(self) -> None:
        talk = self.talk(Behaviour.accept_late(3))
        talk.client.transport.abortConnection()
        talk.flush()
        talk.advance(5)
        self.assertNotIn("accepted", talk.transcript.render())
        self.assertEqual(talk.clock.getDelayedCalls(), [])

    def test_read_slowly(self) -> None:
        talk = self.talk(Behaviour.read_slowly(30), b"123456789\n")
        for tenths in range(1, 4):
            self.assertEqual(
                talk.transcript.chunks()[-1:],
                [b"123456789"[tenths * 3 - 3 : tenths * 3]],
            )
            talk.advance(0.1)
        self.assertEqual(talk.transcript.lines(), [b"123456789"])

    def test_a_long_time_at_once(self) -> None:
        talk = self.talk(
            Behaviour.read_slowly(10) + Behaviour.answer_slowly(10),
            b"hello\n",
            reply="welcome",
        )
        talk.advance(5)
        self.assertEqual(b"".join(talk.client.received), b"welcome\n")

    def test_stop_reading_for_a_while(self) -> None:
        behaviour = Behaviour.stop_reading(after_bytes=3, seconds=2)
        talk = self.talk(behaviour, b"hello\nbye\n")
        self.assertEqual(talk.transcript.chunks(), [b"hel"])
        talk.advance(1.9)
        self.assertEqual(talk.transcript.chunks(), [b"hel"])
        talk.advance(0.1)
        self.assertEqual(talk.transcript.lines(), [b"hello", b"bye"])

    def test_answer_late(self) -> None:
        talk = self.talk(Behaviour.answer_late(2), b"one\n", reply="ok")
        talk.advance(1)
        talk.client.transport.write(b"two\n")
        talk.flush()
        talk.client.transport.loseWriteConnection()
        talk.flush()
        talk.advance(0.9)
        self.assertEqual(talk.client.received, [])
        talk.advance(0.1)
        self.assertEqual(talk.client.received, [b"ok\n"])
        self.assertTrue(talk.client.connected)
        talk.advance(1)
        self.assertEqual(talk.client.received, [b"ok\n", b"ok\n"])
        self.assertIn("finished eof, 8 bytes", talk.transcript.render())

    def test_who_is_answered_slowly_is_not_read_for_ever(self) -> None:
        for slow in (Behaviour.answer_slowly(1000), Behaviour.answer_late(60)):
            for reply, data in (("echo", bytes(1 << 20)), ("ok", b"1\n" * (1 << 19))):
                talk = self.talk(slow, reply=reply)
                talk.client.transport.write(data)
                talk.flush(1 << 16)
                self.assertLess(len(talk.transcript.received()), 1 << 18)
                self.assertTrue(talk.from_client.waiting)
        talk = self.talk(Behaviour.answer_late(1), reply="ok")
        talk.client.transport.write(b"1\n" * (1 << 17))
        for _ in range(8):
            talk.flush(1 << 14)
            talk.advance(1)
        self.assertEqual(len(b"".join(talk.client.received)), 3 << 17)
        self.assertEqual(len(talk.transcript.lines()), 1 << 17)

    def test_many_small_requests_are_not_read_for_ever_either(self) -> None:
        slow = Behaviour.answer_late(60) + Behaviour.read_bytewise()
        talk = self.talk(slow, b"1\n" * 5000, reply="ok")
        self.assertLess(len(talk.transcript.received()), 5000)

    def test_close_and_half_close_at_once(self) -> None:
        for first, then in (
            (Behaviour.close, Behaviour.half_close),
            (Behaviour.half_close, Behaviour.close),
        ):
            behaviour = first(after_messages=1) + then(after_messages=1)
            talk = self.talk(
                behaviour + Behaviour.answer_late(1), b"1\n2\n", reply="ok"
            )
            talk.advance(1)
            talk.client.transport.loseConnection()
            talk.flush()
            self.assertEqual(len(talk.transcript.ends()), 1)

    def test_what_was_sent_before_a_half_close_arrives_however_it_is_cut(self) -> None:
        class Greeting(Peer):
            def connectionMade(self) -> None:
                self.transport.write(b"ab\ncd\nef\n")

        for size in (None, 1, 4):
            talk = connected(None, Greeting, behave="half-close")
            talk.flush(size)
            self.assertEqual(talk.transcript.lines(), [b"ab", b"cd", b"ef"])
            self.assertEqual(talk.transcript.ends()[-1].received_bytes, 9)

    def test_nothing_is_written_behind_an_abort(self) -> None:
        class Aborting(Peer):
            def dataReceived(self, data: bytes) -> None:
                self.transport.abortConnection()
                self.transport.write(b"too late")

        talk = connected(Aborting, Peer)
        talk.client.transport.write(b"x")
        talk.flush()
        self.assertEqual(talk.client.received, [])

    def test_answer_slowly(self) -> None:
        talk = self.talk(Behaviour.answer_slowly(20), b"x\n", reply="ready")
        self.assertEqual(talk.client.received, [b"re"])
        talk.advance(0.1)
        talk.advance(0.1)
        self.assertEqual(talk.client.received, [b"re", b"ad", b"y\n"])

    def test_a_full_sink_and_a_slow_reader(self) -> None:
        talk = self.talk(Behaviour.read_slowly(10), b"12")
        factory = talk.server.factory
        factory.pauseProducing()
        talk.advance(1)
        self.assertEqual(talk.transcript.chunks(), [b"1"])
        factory.resumeProducing()
        talk.flush()
        self.assertEqual(talk.transcript.chunks(), [b"1", b"2"])

    def test_what_was_not_read_is_counted(self) -> None:
        talk = self.talk(Behaviour.stop_reading(after_bytes=3), b"hello")
        talk.client.transport.abortConnection()
        talk.flush()
        [end] = talk.transcript.ends()
        self.assertEqual((end.received_bytes, end.unread_bytes), (3, 2))

    def test_netstrings_up_to_the_reset(self) -> None:
        behaviour = Behaviour.reset(after_messages=2)
        talk = self.talk(behaviour, b"1:a,1:b,1:c,nonsense", framing="netstring")
        self.assertEqual(talk.transcript.lines(), [b"a", b"b"])
        [end] = talk.transcript.ends()
        self.assertEqual(end.detail, "reset:after-messages=2")


class PlainSocketTests(SynchronousTestCase):
    """Each behaviour as a client of a real server process sees it."""

    def serve(self, *behaviours: Behaviour, **keywords: Unpack[ServerKeywords]) -> None:
        keywords["behave"] = sum(behaviours, Behaviour())
        self.server = self.enterContext(LabProcess(**keywords))

    def connect(self) -> socket.socket:
        assert isinstance(self.server.address, tuple)
        client = socket.create_connection(self.server.address, SECONDS)
        return self.enterContext(contextlib.closing(client))

    def struck(self) -> list[str]:
        return [
            line.partition(" misbehaved ")[2]
            for line in self.server.render().splitlines()
            if " misbehaved " in line
        ]

    def ask_two(self) -> socket.socket:
        """Ask on two connections, and return the first when the second is done with.

        So what the first has not got by then, it gets later: no clock is needed.
        """
        one, two = self.connect(), self.connect()
        one.sendall(b"one\n")
        for _ in range(2):
            two.sendall(b"two\n")
            self.assertEqual(two.recv(100), b"ok\n")
        return one

    def assert_silent(self, client: socket.socket) -> None:
        self.assertEqual(select.select([client], [], [], 0)[0], [])

    def receive_all(self, client: socket.socket) -> bytes:
        received = b""
        while data := client.recv(1024):
            received += data
        return received

    def test_accept_late(self) -> None:
        self.serve(Behaviour.accept_late(0.2), reply="echo")
        client = self.connect()
        client.sendall(b"hello\n")
        self.assertEqual(client.recv(100), b"hello\n")
        self.assertEqual(self.struck(), ["accept-late:seconds=0.2"])

    def test_not_accepted_yet(self) -> None:
        self.serve(Behaviour.accept_late(60, first=1), reply="ok")
        self.assert_silent(self.ask_two())
        self.assertEqual(len(self.server.peers()), 1)
        self.server.assert_lines(["two", "two"])

    def test_read_bytewise(self) -> None:
        self.serve(Behaviour.read_bytewise())
        self.connect().sendall(b"hello\n")
        self.server.wait_for_line("hello")
        self.assertEqual(self.server.chunks(), [b"h", b"e", b"l", b"l", b"o", b"\n"])
        self.assertEqual(self.struck(), ["read-bytewise"])

    def test_read_slowly(self) -> None:
        self.serve(Behaviour.read_slowly(30))
        self.connect().sendall(b"hello\n")
        self.server.wait_for_line("hello")
        self.assertEqual(self.server.chunks(), [b"hel", b"lo\n"])
        self.assertEqual(self.struck(), ["read-slowly:bytes-per-second=30"])

    def test_stop_reading_closes_the_window(self) -> None:
        self.serve(Behaviour.stop_reading(after_bytes=5))
        client = self.connect()
        client.setblocking(False)
        sent = 0
        while select.select([], [client], [], 0.3)[1]:
            sent += client.send(bytes(1 << 20))
        self.assertGreater(sent, 5)
        self.server.wait_for_bytes(5, timeout=SECONDS)
        self.server.stop()
        self.assertEqual(self.server.chunks(), [bytes(5)])
        self.assertEqual(self.struck(), ["stop-reading:after-bytes=5"])
        [end] = self.server.ends()
        self.assertEqual(end.received_bytes, 5)
        self.assertGreater(end.unread_bytes, 0)

    def test_stop_reading_and_go_on(self) -> None:
        self.serve(Behaviour.stop_reading(after_bytes=2, seconds=0.2))
        self.connect().sendall(b"hello\n")
        self.server.wait_for_line("hello")
        self.assertEqual(self.server.chunks(), [b"he", b"llo\n"])

    def test_reset_at_once(self) -> None:
        self.serve(Behaviour.reset())
        with self.assertRaises(ConnectionResetError):
            self.connect().recv(100)
        self.server.wait_for_end()
        self.assertEqual(self.struck(), ["reset:after-bytes=0"])

    def test_reset_after_messages(self) -> None:
        self.serve(Behaviour.reset(after_messages=2), reply="ok")
        client = self.connect()
        client.sendall(b"one\n")
        self.assertEqual(client.recv(100), b"ok\n")
        client.sendall(b"two\nthree\n")
        with self.assertRaises(ConnectionResetError):
            self.receive_all(client)
        end = self.server.wait_for_end()
        self.assertEqual(end.detail, "reset:after-messages=2")
        self.server.assert_lines(["one", "two"])

    def test_close_after_bytes(self) -> None:
        self.serve(Behaviour.close(after_bytes=6), reply="ok")
        client = self.connect()
        client.sendall(b"hello\n")
        self.assertEqual(self.receive_all(client), b"ok\n")
        self.server.wait_for_end()
        self.assertEqual(self.struck(), ["close:after-bytes=6"])

    def test_close_at_once(self) -> None:
        self.serve(Behaviour.close())
        self.assertEqual(self.connect().recv(100), b"")

    def test_half_close(self) -> None:
        self.serve(Behaviour.half_close(after_messages=1), reply="ok")
        client = self.connect()
        client.sendall(b"one\n")
        self.assertEqual(self.receive_all(client), b"ok\n")
        client.sendall(b"two\n")
        self.server.wait_for_line("two")
        self.assertEqual(self.server.ends(), [])
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.server.wait_for_end().cause.value, "eof")
        self.assertEqual(self.struck(), ["half-close:after-messages=1"])

    def test_half_close_however_the_messages_come(self) -> None:
        self.serve(Behaviour.half_close(after_messages=2), reply="ok")
        client = self.connect()
        client.sendall(b"one\ntwo\nthree\nfour\n")
        self.assertEqual(self.receive_all(client), b"ok\nok\n")
        client.sendall(b"five\n")
        self.server.wait_for_line("five")
        self.assertEqual(len(self.server.lines()), 5)

    def test_answer_garbage(self) -> None:
        self.serve(Behaviour.answer_garbage(first=1), reply="ok")
        client = self.connect()
        client.sendall(b"one\n")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.receive_all(client), GARBAGE)
        with self.assertRaises(UnicodeDecodeError):
            GARBAGE.decode()
        self.assertEqual(self.struck(), ["answer-garbage:first=1"])

    def test_answer_nothing(self) -> None:
        self.serve(Behaviour.answer_nothing(first=1), reply="ok")
        for expected in (b"", b"ok\n"):
            client = self.connect()
            client.sendall(b"one\n")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(self.receive_all(client), expected)
        self.assertEqual(self.struck(), ["answer-nothing:first=1"])

    def test_answer_late(self) -> None:
        self.serve(Behaviour.answer_late(0.2), reply="ok")
        client = self.connect()
        client.sendall(b"one\n")
        self.assertEqual(client.recv(100), b"ok\n")
        self.assertEqual(self.struck(), ["answer-late:seconds=0.2"])

    def test_not_answered_yet(self) -> None:
        self.serve(Behaviour.answer_late(60, first=1), reply="ok")
        self.assert_silent(self.ask_two())
        self.server.wait_for_line("one")

    def test_answer_slowly(self) -> None:
        self.serve(Behaviour.answer_slowly(0.1, first=1), reply="ok")
        client = self.ask_two()
        self.assertEqual(client.recv(100), b"o")
        self.assert_silent(client)
        self.assertEqual(self.struck(), ["answer-slowly:bytes-per-second=0.1:first=1"])

    def test_refuse(self) -> None:
        self.serve(Behaviour.refuse())
        with self.assertRaises(ConnectionRefusedError):
            self.connect()
        self.assertIn("refusing on 127.0.0.1:", self.server.said())
        with socket.socket() as other, self.assertRaises(OSError):
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", self.server.port))

    def test_refuse_for_a_while(self) -> None:
        self.serve(Behaviour.refuse(0.2))
        while True:
            try:
                client = self.connect()
            except ConnectionRefusedError:
                continue
            break
        client.sendall(b"hello\n")
        self.server.wait_for_line("hello")
        self.server.stop()  # Then all its output is there.
        self.assertRegex(
            self.server.said(), "refusing on (.*)\n(?s:.*)listening on \\1"
        )

    def test_hold_accept_fills_the_queue(self) -> None:
        self.serve(Behaviour.hold_accept(), backlog=1)
        for _ in range(2):
            self.connect().sendall(b"hello\n")
        third = self.enterContext(socket.socket())
        third.setblocking(False)
        self.assertEqual(third.connect_ex(self.server.address), errno.EINPROGRESS)
        state, *_ = third.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        self.assertEqual(state, SYN_SENT)
        self.assertEqual(self.server.peers(), [])
        self.server.stop()
        self.server.assert_lines(["hello", "hello"])
        self.assertEqual(self.struck(), ["hold-accept"])

    def test_hold_accept_on_a_unix_path(self) -> None:
        self.serve(Behaviour.hold_accept(), backlog=1, unix=True)
        for full in (False, False, True):
            client = self.enterContext(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            error = client.connect_ex(self.server.address)
            self.assertEqual(error, errno.EAGAIN if full else 0)

    def test_hold_accept_for_a_while(self) -> None:
        self.serve(Behaviour.hold_accept(0.2), backlog=1, reply="ok")
        for client in [self.connect() for _ in range(3)]:
            client.sendall(b"hello\n")
            self.assertEqual(client.recv(100), b"ok\n")
        self.server.stop()  # Then all its output is there.
        self.assertRegex(
            self.server.said(), "listening on (.*)\n(?s:.*)accepting on \\1"
        )

    def test_the_first_and_then_no_more(self) -> None:
        self.serve(Behaviour.reset(first=2))
        for _ in range(2):
            with self.assertRaises(ConnectionResetError):
                self.connect().recv(1)
        client = self.connect()
        client.sendall(b"hello\n")
        self.server.wait_for_line("hello", peer=3)
        self.assertEqual(self.struck(), ["reset:after-bytes=0:first=2"] * 2)

    def test_only_one(self) -> None:
        self.serve(Behaviour.close(only=2), reply="ok")
        for expected in (b"ok\n", b"", b"ok\n"):
            client = self.connect()
            if expected:
                client.sendall(b"hello\n")
            self.assertEqual(client.recv(100), expected)
        self.assertEqual(self.struck(), ["close:after-bytes=0:only=2"])

    def test_several_at_once(self) -> None:
        self.serve(Behaviour.read_bytewise(), Behaviour.close(after_bytes=3))
        client = self.connect()
        client.sendall(b"abc")
        self.assertEqual(client.recv(1), b"")
        self.server.wait_for_end()
        self.assertEqual(self.server.chunks(), [b"a", b"b", b"c"])
        self.assertEqual(self.struck(), ["read-bytewise", "close:after-bytes=3"])

    def test_two_half_closes_are_one(self) -> None:
        self.serve(
            Behaviour.half_close(after_messages=1),
            Behaviour.half_close(after_messages=2),
        )
        client = self.connect()
        client.sendall(b"1\n")
        self.assertEqual(client.recv(1), b"")
        for line in ("2", "3"):
            client.sendall(f"{line}\n".encode())
            self.server.wait_for_line(line)
        client.close()
        self.assertIs(self.server.wait_for_end().cause, EndCause.EOF)

    def test_close_over_tls_hears_the_clients_end(self) -> None:
        import ssl

        self.serve(Behaviour.close(after_messages=1), tls=True)
        context = ssl.create_default_context(cafile=self.server.ca)
        with context.wrap_socket(self.connect(), server_hostname="localhost") as client:
            client.sendall(b"hello\n")
            self.assertEqual(self.receive_all(client), b"")
            client.unwrap()
            end = self.server.wait_for_end()
        self.assertEqual((end.received_bytes, end.unread_bytes), (6, 0))

    def test_over_tls(self) -> None:
        import ssl

        self.serve(Behaviour.close(after_messages=2), tls=True, reply="ok")
        context = ssl.create_default_context(cafile=self.server.ca)
        with context.wrap_socket(self.connect(), server_hostname="localhost") as client:
            client.sendall(b"one\ntwo\nthree\n")
            self.assertEqual(self.receive_all(client), b"ok\nok\n")
        self.server.wait_for_end()
        self.server.assert_lines(["one", "two"])
