"""The client that sends again until all is acknowledged, in memory."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab import ConversationPrinter, EcholabError, ReceiverFactory
from echolab.client.acknowledged import MOST_KEPT_BYTES, AcknowledgedService
from echolab.client.answers import AnswerError, Answers
from echolab.client.resending import Resending
from echolab.client.unacknowledged import Unacknowledged, lines_after
from echolab.command.client_options import ClientOptions
from echolab.server.acknowledging import Acknowledging
from echolab.testing import MemoryTransport
from echolab.testing.memory import CLIENT, SERVER
from tests.support import FakeTransport
from tests.test_acknowledging import Disk
from tests.test_client import Producer

if TYPE_CHECKING:
    from echolab.client.factory import SenderFactory
    from echolab.client.protocol import SenderProtocol


class FakeConnector:
    """Connects to transports that the test holds.

    Attributes:
        talks: the connections so far.
        refuses: whether to refuse the next one.
    """

    def __init__(self) -> None:
        self.talks: list[tuple[SenderProtocol, FakeTransport]] = []
        self.refuses = False

    def __call__(self, *, retry_seconds: float) -> Any:
        return self

    def connect(self, factory: SenderFactory) -> Deferred[SenderProtocol]:
        if self.refuses:
            return fail(
                error.ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
            )
        protocol = factory.buildProtocol(SERVER)
        transport = FakeTransport()
        transport.peerAddr = SERVER
        self.talks.append((protocol, transport))
        protocol.makeConnection(transport)
        return succeed(protocol)

    def stop(self) -> None:
        """Do nothing: it never tries again."""


class ServiceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.connector = FakeConnector()
        self.ends: list[EcholabError | None] = []
        self.reader = Producer()
        self.log = EventLoggingObserver.createWithCleanup(
            cast("Any", self), globalLogPublisher
        )

    def start(
        self, *, named: bool = False, patience: float = 60.0, connector: Any = None
    ) -> AcknowledgedService:
        shown = bytearray()
        service = AcknowledgedService(
            connector or self.connector,
            "lab:8888",
            ConversationPrinter(shown.extend),
            [],
            clock=self.clock,
            done=self.ends.append,
            make_reader=lambda _: self.reader,
            resending=Resending("me", is_named=named),
            patience_seconds=patience,
            timeout_seconds=30.0,
        )
        service.startService()
        self.clock.advance(0)
        return service

    def hear(self, data: bytes) -> None:
        self.connector.talks[-1][0].dataReceived(data)

    def sent(self) -> bytes:
        sent: bytes = self.connector.talks[-1][1].value()
        self.connector.talks[-1][1].clear()
        return sent

    def lose(self) -> None:
        self.connector.talks[-1][0].connectionLost(Failure(error.ConnectionLost()))
        self.clock.advance(0)

    def said(self) -> list[str | None]:
        return [formatEvent(event) for event in self.log]

    def assert_failed(self, why: str) -> None:
        for protocol, _ in self.connector.talks[-1:]:
            if protocol.connected:
                protocol.connectionLost(Failure(error.ConnectionDone()))
        [end] = self.ends
        self.assertEqual(str(end), why)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SendingTests(ServiceCase):
    def test_introduces_itself_and_waits_for_the_answer(self) -> None:
        service = self.start()
        self.assertEqual(self.sent(), b"echolab-client me 1\n")
        self.assertEqual(self.reader.calls, [])
        self.hear(b"0\n")
        self.assertEqual(self.reader.calls, ["resume"])
        service.received(b"one\ntw")
        service.received(b"o\n")
        self.assertEqual(self.sent(), b"one\ntwo\n")

    def test_ends_when_all_is_acknowledged(self) -> None:
        service = self.start()
        self.hear(b"0\n")
        service.received(b"one\ntwo")
        service.ended()
        protocol, transport = self.connector.talks[0]
        self.assertTrue(self.sent().endswith(b"one\ntwo\n"))
        self.hear(b"1\n")
        self.assertFalse(transport.write_ended)
        self.hear(b"2\n")
        self.assertTrue(transport.write_ended)
        protocol.connectionLost(Failure(error.ConnectionDone()))
        self.assertEqual(self.ends, [None])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_sends_again_what_was_not_acknowledged(self) -> None:
        service = self.start()
        self.hear(b"0\n")
        service.received(b"one\ntwo\nthree\n")
        self.hear(b"1\n")
        self.lose()
        service.received(b"four\n")
        self.assertEqual(self.sent(), b"echolab-client me 2\n")
        self.hear(b"0\n")
        self.assertEqual(self.sent(), b"two\nthree\nfour\n")
        self.hear(b"3\n")
        self.hear(b"4\n")
        service.ended()
        self.assertTrue(self.connector.talks[-1][1].write_ended)
        self.assertEqual(len(self.connector.talks), 2)
        self.assertEqual(
            self.said(), ["lab:8888: the connection has ended (reset); going on"]
        )

    def test_the_input_pauses_while_too_much_is_kept(self) -> None:
        service = self.start()
        self.hear(b"0\n")
        line = b"x" * 65535 + b"\n"
        for _ in range(MOST_KEPT_BYTES // len(line) + 1):
            service.received(line)
        self.assertEqual(self.reader.calls, ["resume", "pause"])
        self.hear(b"8\n")
        self.assertEqual(self.reader.calls, ["resume", "pause"])
        self.hear(b"9\n")
        self.assertEqual(self.reader.calls, ["resume", "pause", "resume"])

    def test_run_again_it_leaves_out_what_the_server_has(self) -> None:
        service = self.start(named=True, patience=0.0)
        self.hear(b"3\n")
        self.assertTrue(self.connector.talks[-1][1].write_ended)
        service.received(b"one\ntwo\n")
        self.connector.talks[-1][0].connectionLost(Failure(error.ConnectionDone()))
        self.clock.advance(0)
        self.assertEqual(self.sent(), b"echolab-client me 4\n")
        self.hear(b"3\n")
        service.received(b"three\nfour\n")
        self.assertEqual(self.sent(), b"four\n")
        self.assertEqual(self.said(), ["lab:8888: has 3 lines of client me already"])

    def test_another_input_under_the_same_name_is_an_error(self) -> None:
        service = self.start(named=True)
        self.hear(b"3\n")
        service.received(b"one\ntwo\n")
        service.ended()
        self.assert_failed(
            "send lab:8888: it has 3 lines of client me, the input has fewer"
        )


class FailingTests(ServiceCase):
    def test_a_server_that_does_not_answer(self) -> None:
        self.start()
        self.clock.advance(30)
        self.assert_failed(
            "recv lab:8888: it does not answer the introduction; has it --acknowledge?"
        )

    def test_a_server_that_answers_otherwise(self) -> None:
        for answer, shown in (
            (b"hello\n", "hello"),
            (b"\n", ""),
            (b"-1\n", "-1"),
            (b"1.5\n", "1.5"),
            (b"\x1b[2J\n", "\\\\x1b[2J"),
            (b"9" * 22, "9" * 22),
        ):
            self.setUp()
            self.start()
            self.hear(answer)
            self.assert_failed(
                f"recv lab:8888: it answers '{shown}', which acknowledges nothing"
            )

    def test_wrong_numbers(self) -> None:
        for answers, why in (
            (b"1\n", "it acknowledges 1, but 0 were sent"),
            (b"0\n3\n", "it acknowledges 3, but 2 were sent"),
            (b"0\n2\n1\n", "it acknowledges 1 after 2"),
        ):
            self.setUp()
            service = self.start()
            first, *others = answers.splitlines(keepends=True)
            self.hear(first)
            if others:
                service.received(b"one\ntwo\n")
                self.hear(b"".join(others))
            lost = 2 - (b"2\n" in others) * 2 if others else 0
            lines = f"; not acknowledged: {lost} lines" if lost else ""
            self.assert_failed(f"recv lab:8888: {why}{lines}")

    def test_gives_up_in_time_and_counts(self) -> None:
        service = self.start()
        self.hear(b"0\n")
        service.received(b"one\ntwo\n")
        self.clock.advance(20)
        self.hear(b"1\n")
        self.clock.advance(29)
        self.assertFalse(self.connector.talks[-1][1].aborted)
        self.clock.advance(1)
        self.assertTrue(self.connector.talks[-1][1].aborted)
        self.lose()
        self.hear(b"0\n")
        self.clock.advance(29)
        self.assertEqual(self.ends, [])
        self.clock.advance(1)
        self.assert_failed(
            "send lab:8888: nothing was acknowledged for 1 min; "
            "not acknowledged: 1 line"
        )

    def test_without_patience_the_first_loss_is_the_end(self) -> None:
        service = self.start(patience=0.0)
        self.hear(b"0\n")
        service.received(b"one\n")
        self.lose()
        self.assert_failed(
            "recv lab:8888: the connection has ended (reset); not acknowledged: 1 line"
        )

    def test_refused(self) -> None:
        service = self.start()
        self.hear(b"0\n")
        service.received(b"one\n")
        self.connector.refuses = True
        self.lose()
        self.assert_failed(
            "connect lab:8888: Connection refused; not acknowledged: 1 line"
        )

    def test_a_server_that_hangs_up_at_once_is_not_asked_without_end(self) -> None:
        self.start()
        for _ in range(200):
            if self.ends:
                break
            if self.connector.talks[-1][0].connected:
                self.lose()
            self.clock.advance(0.5)
        self.assertLess(len(self.connector.talks), 15)
        self.assert_failed(
            "recv lab:8888: it does not answer the introduction; has it --acknowledge?"
        )

    def test_a_line_without_end(self) -> None:
        service = self.start()
        self.hear(b"0\n")
        service.received(b"x" * (MOST_KEPT_BYTES + 1))
        self.assert_failed(
            f"read the input: a line is longer than {MOST_KEPT_BYTES} bytes"
        )

    def test_stopped_by_hand(self) -> None:
        service = self.start()
        self.hear(b"0\n")
        service.received(b"one\ntwo\n")
        stopped = service.stopService()
        self.connector.talks[-1][0].connectionLost(Failure(error.ConnectionDone()))
        self.successResultOf(stopped)
        self.assertEqual(self.said(), ["not acknowledged: 2 lines"])
        self.assertEqual(self.ends, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Net:
    """Connects clients in memory to a server that acknowledges.

    Args:
        disk: takes the events.
        clock: tells the time.
    """

    def __init__(self, disk: Disk, clock: Clock) -> None:
        self.disk = disk
        self.clock = clock
        self.ends: list[tuple[MemoryTransport, MemoryTransport]] = []
        self.begin()

    def begin(self) -> None:
        """Begin with a server that knows nobody."""
        self.factory = ReceiverFactory(
            self.disk, clock=self.clock, make_protocol=Acknowledging().make_protocol
        )

    def __call__(self, *, retry_seconds: float) -> Any:
        return self

    def connect(self, factory: SenderFactory) -> Deferred[SenderProtocol]:
        here, there = MemoryTransport(CLIENT, SERVER), MemoryTransport(SERVER, CLIENT)
        here.join(there)
        here.protocol = client = factory.buildProtocol(SERVER)
        there.protocol = server = self.factory.buildProtocol(CLIENT)
        self.ends.append((here, there))
        server.makeConnection(there)
        client.makeConnection(here)
        return succeed(client)

    def stop(self) -> None:
        """Do nothing: it never tries again."""

    def move(self, sizes: tuple[int, int]) -> None:
        """Deliver some bytes in each direction of the last connection."""
        for transport, size in zip(self.ends[-1], sizes, strict=True):
            transport.deliver(size)
        for transport in self.ends[-1]:
            transport.step()

    def cut(self) -> None:
        """Reset the last connection."""
        for transport in self.ends[-1]:
            transport.abortConnection()
        for _ in range(2):
            for transport in self.ends[-1]:
                transport.step()


MOVES = st.lists(
    st.tuples(st.sampled_from("mmmmmfict"), st.integers(1, 90), st.integers(1, 9)),
    max_size=60,
)


class PropertyTests(ServiceCase):
    @given(MOVES)
    def test_whatever_is_cut_each_line_is_printed_once_and_in_order(
        self, moves: list[tuple[str, int, int]]
    ) -> None:
        self.clock = Clock()
        self.ends = []
        disk = Disk()
        net = Net(disk, self.clock)
        service = self.start(connector=net, patience=1e9)
        lines = [b"%d%b\n" % (n, b"-" * (n % 7 * 9)) for n in range(1, 31)]
        left = b"".join(lines)
        everything = [("i", 99, 9)] * 30 + [("m", 999, 99), ("f", 1, 1)] * 40
        for move, size, other in [*moves, *everything]:
            if move == "m" and net.ends:
                net.move((size, other))
            elif move == "f" and disk.flushes:
                disk.flushed()
            elif move == "i" and left and "resume" in self.reader.calls:
                chunk, left = left[:size], left[size:]
                service.received(chunk)
                if not left:
                    service.ended()
            elif move == "c":
                net.cut()
            elif move == "t":
                self.clock.advance(1)
            self.clock.advance(0)
            if move in "im" and left and "resume" not in self.reader.calls:
                net.move((999, 999))
        for _ in range(50):
            self.clock.advance(1)
            net.move((9999, 9999))
            if disk.flushes:
                disk.flushed()
        self.assertEqual(left, b"")
        self.assertEqual([each + b"\n" for each in disk.messages], lines)
        self.assertEqual(self.ends, [None])


class UnacknowledgedTests(SynchronousTestCase):
    @given(st.lists(st.sampled_from([b"a", b"\n", b"bc\nd\n"])), st.data())
    def test_keeps_exactly_what_is_not_acknowledged(
        self, chunks: list[bytes], data: st.DataObject
    ) -> None:
        kept = Unacknowledged()
        done = b"".join(kept.add(chunk) for chunk in chunks) + kept.end()
        lines = done.splitlines(keepends=True)
        self.assertEqual(kept.last, len(lines))
        number = data.draw(st.integers(0, len(lines)))
        self.assertEqual(b"".join(kept.after(number)), b"".join(lines[number:]))
        kept.acknowledge(number)
        self.assertEqual(b"".join(kept.after(number)), b"".join(lines[number:]))
        self.assertEqual(kept.count, len(lines) - number)
        kept.acknowledge(len(lines))
        self.assertEqual(kept.kept_bytes, 0)

    def test_lines_after(self) -> None:
        for number, lines in ((0, b"4\n5\n"), (3, b"4\n5\n"), (4, b"5\n"), (9, b"")):
            self.assertEqual(lines_after(number, b"4\n5\n", 5), lines)

    def test_answers_come_in_pieces(self) -> None:
        answers = Answers()
        self.assertEqual(answers.read(b"1"), [])
        self.assertEqual(answers.read(b"2\n13\n1"), [12, 13])
        with self.assertRaises(AnswerError):
            answers.read(b"x\n")


class OptionTests(SynchronousTestCase):
    def options(self, words: str) -> ClientOptions:
        options = ClientOptions()
        options.parseOptions(["lab", "8888", *words.split()])
        return options

    def test_retries_for_a_minute(self) -> None:
        for words, seconds in (
            ("--acknowledged", 60.0),
            ("--acknowledged --retry 5", 5.0),
            ("--acknowledged --retry 0", 0.0),
            ("", 0.0),
        ):
            self.assertEqual(self.options(words).settings.retry_seconds, seconds)

    def test_what_it_does_not_go_with(self) -> None:
        for words, why in (
            ("--client-id a", "--client-id: there is no --acknowledged"),
            ("--acknowledged --send a", "--acknowledged: not with --send and --expect"),
            ("--acknowledged --replay a", "--acknowledged: not with --replay"),
            ("--acknowledged --behave reset", "--acknowledged: not with --behave"),
            ("--acknowledged --wait 1", "--acknowledged: not with --wait"),
            ("--acknowledged --hex", "--acknowledged: not with --hex"),
            (
                "--acknowledged --client-id a/b",
                "--client-id a/b: must be 1 to 64 letters, digits, - _ and .",
            ),
        ):
            with self.assertRaises(UsageError) as caught:
                self.options(words)
            self.assertEqual(str(caught.exception), why)
