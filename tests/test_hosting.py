"""A protocol of the test's own that answers, with echolab around it."""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet import endpoints, reactor
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.basic import FileSender, LineOnlyReceiver
from twisted.trial.unittest import SynchronousTestCase, TestCase
from typing_extensions import override
from zope.interface import implementer

from echolab.testing import LabProcess, ListeningMixin, connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from echolab.testing import Conversation


class Counter(LineOnlyReceiver):
    """Greets, counts lines, and closes at ``quit``."""

    transport: Any
    delimiter = b"\n"
    count = 0
    lost: ClassVar[list[Failure]] = []

    @override
    def connectionMade(self) -> None:
        self.sendLine(b"hello")

    @override
    def lineReceived(self, line: bytes) -> None:
        self.count += 1
        if line == b"quit":
            self.transport.loseConnection()
        elif line == b"abort":
            self.transport.abortConnection()
        elif line == b"boom":
            raise LookupError("boom")
        self.sendLine(b"%d %b" % (self.count, line))

    @override
    def connectionLost(self, reason: Any = None) -> None:
        self.lost.append(reason)


class MemoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(Counter, "lost", [])

    def talk(self, *said: bytes, protocol: Any = Counter, **more: Any) -> Conversation:
        talk = connected(protocol=protocol, **more)
        talk.flush()
        for each in said:
            talk.client.write(each)
            talk.flush()
        return talk

    def test_both_directions_are_in_the_transcript(self) -> None:
        talk = self.talk(b"a\nb", b"\n")
        self.assertEqual(talk.transcript.lines(), [b"a", b"b"])
        self.assertEqual(talk.transcript.sent(), b"hello\n1 a\n2 b\n")
        talk.client.finish()
        talk.flush()
        self.assertEqual(talk.transcript.ends()[0].cause.value, "eof")
        self.assertEqual(len(Counter.lost), 1)

    def test_it_closes(self) -> None:
        talk = self.talk(b"quit\nlate\n")
        [end] = talk.transcript.ends()
        self.assertEqual(
            (end.cause.value, end.detail), ("stopped", "the protocol closes")
        )
        self.assertEqual(talk.transcript.sent(), b"hello\n")

    def test_it_aborts(self) -> None:
        talk = self.talk(b"abort\n")
        self.assertEqual(talk.transcript.ends()[0].cause.value, "stopped")
        self.assertEqual(len(Counter.lost), 1)

    def test_it_raises(self) -> None:
        talk = self.talk()
        talk.client.write(b"boom\n")
        with self.assertRaisesRegex(
            AssertionError, r"(?s)in lineReceived.*LookupError"
        ):
            talk.flush()
        talk.flush()
        self.assertEqual(talk.transcript.ends()[0].cause.value, "error")

    def test_what_it_has_written_before_it_raises_is_sent(self) -> None:
        talk = self.talk()
        talk.client.write(b"a\nboom\n")
        with self.assertRaisesRegex(AssertionError, "LookupError"):
            talk.flush()
        talk.flush()
        self.assertEqual(talk.transcript.sent(), b"hello\n1 a\n")
        self.assertEqual(talk.transcript.ends()[0].cause.value, "error")

    def test_misbehaviour_around_it(self) -> None:
        talk = self.talk(b"a\nb\n", behave="close:after-messages=1")
        self.assertEqual(talk.transcript.lines(), [b"a"])
        talk = self.talk(b"a\n", behave="answer-late:seconds=2")
        self.assertEqual(talk.transcript.sent(), b"")
        talk.advance(2)
        self.assertEqual(talk.transcript.sent(), b"hello\n1 a\n")

    def test_factories_and_functions(self) -> None:
        makers: list[Callable[[], Any] | Factory[Any]] = [
            Factory.forProtocol(Counter),
            lambda: Factory.forProtocol(Counter),
            lambda: Counter(),
        ]
        for maker in makers:
            talk = self.talk(b"a\n", protocol=maker)
            self.assertEqual(talk.transcript.sent(), b"hello\n1 a\n")

    def test_a_factory_that_refuses(self) -> None:
        class Refusing(Factory[Counter]):
            @override
            def buildProtocol(self, addr: object) -> None:
                return None

        talk = self.talk(protocol=Refusing)
        [end] = talk.transcript.ends()
        self.assertEqual(end.detail, "the factory has made no protocol: it refuses")

    def test_half_closes(self) -> None:
        @implementer(IHalfCloseableProtocol)
        class Late(Protocol):
            transport: Any

            def readConnectionLost(self) -> None:
                self.transport.write(b"late")
                self.transport.loseWriteConnection()

            def writeConnectionLost(self) -> None:
                """Wait for nothing."""
                self.transport.loseConnection()

        talk = self.talk(b"a\n", protocol=Late)
        talk.client.finish()
        talk.flush()
        self.assertEqual(talk.transcript.sent(), b"late")
        self.assertEqual(len(talk.transcript.ends()), 1)

    def test_producers(self) -> None:
        class Sending(Protocol):
            transport: Any

            @override
            def connectionMade(self) -> None:
                file = io.BytesIO(b"x" * 1_000_000)
                sent = FileSender().beginFileTransfer(file, self.transport)
                sent.addBoth(lambda _: self.transport.loseConnection())

        talk = connected(protocol=Sending)
        talk.from_client.pauseProducing()
        talk.flush()
        self.assertLess(len(talk.transcript.sent()), 200_000)
        talk.from_client.resumeProducing()
        talk.flush()
        self.assertEqual(len(talk.transcript.sent()), 1_000_000)
        self.assertEqual(len(talk.transcript.ends()), 1)

    def test_a_producer_is_paused_by_slow_answers_and_stopped_at_the_end(self) -> None:
        told: list[str] = []

        class Pushing(Protocol):
            transport: Any

            def connectionMade(self) -> None:
                self.transport.registerProducer(self, True)
                self.resumeProducing()

            def pauseProducing(self) -> None:
                told.append("pause")

            def resumeProducing(self) -> None:
                told.append("resume")
                for _ in range(10):
                    if told[-1] != "pause":
                        self.transport.write(b"x" * 10_000)

            def stopProducing(self) -> None:
                told.append("stop")

        late = "answer-slowly:bytes-per-second=100000"
        talk = self.talk(protocol=Pushing, behave=late)
        self.assertEqual(told, ["resume", "pause"])
        talk.advance(0.5)
        self.assertEqual(told[2], "resume")
        talk.from_client.abortConnection()
        talk.flush()
        self.assertEqual(told[-1], "stop")

    def test_mistakes(self) -> None:
        with self.assertRaisesRegex(TypeError, "protocol and reply: one of them"):
            connected(protocol=Counter, reply="x")
        with self.assertRaisesRegex(TypeError, "protocol and greet: one of them"):
            connected(protocol=Counter, greet="x")
        with self.assertRaisesRegex(TypeError, "a name is python:module:name, not 'x'"):
            connected(protocol="x")
        with self.assertRaisesRegex(
            TypeError, "make .* is no Protocol class and no Fac"
        ):
            connected(protocol="python:tests.test_hosting:make")


class SocketTests(ListeningMixin, TestCase):
    async def test_over_tls(self) -> None:
        server = self.listen(protocol=Counter, tls=True)
        client = await self.connect(server.endpoint)
        client.send("a\nquit\n")
        end = await client.wait_for_end()
        self.assertEqual(end.cause.value, "eof")
        self.assertEqual(client.received(), b"hello\n1 a\n")

    async def test_its_factory_is_started_and_stopped(self) -> None:
        said: list[str] = []

        class Counting(Factory[Counter]):
            protocol = Counter

            @override
            def startFactory(self) -> None:
                said.append("start")

            @override
            def stopFactory(self) -> None:
                said.append("stop")

        server = self.listen(protocol=Counting())
        self.assertEqual(said, ["start"])
        await server.stop()
        self.assertEqual(said, ["start", "stop"])

    async def test_a_peer_that_does_not_read(self) -> None:
        """A producer of the protocol is paused, and resumed."""
        said: list[str] = []

        class Pushing(Protocol):
            transport: Any

            @override
            def connectionMade(self) -> None:
                self.transport.registerProducer(self, True)
                self.transport.write(b"x" * 10_000_000)

            def pauseProducing(self) -> None:
                said.append("pause")

            def resumeProducing(self) -> None:
                said.append("resume")
                self.transport.unregisterProducer()
                self.transport.loseConnection()

        server = self.listen(protocol=Pushing)
        where = endpoints.clientFromString(reactor, server.endpoint)
        client = await self.connect(where)
        await client.wait_for_bytes(10_000_000)
        await client.wait_for_end()
        self.assertEqual(said, ["pause", "resume"])


class ProcessTests(SynchronousTestCase):
    def test_by_its_name(self) -> None:
        with LabProcess(protocol="python:tests.test_hosting:Counter") as server:
            assert isinstance(server.address, tuple)
            with socket.create_connection(server.address, 30) as client:
                client.sendall(b"a\n")
                server.wait_for_line("a", timeout=30)
            server.wait_for_end(timeout=30)
            self.assertEqual(server.sent(), b"hello\n1 a\n")
        with self.assertRaisesRegex(TypeError, "name it: 'python:tests.test_hosting:C"):
            LabProcess(protocol=Counter)


def make() -> Counter:
    """Make a protocol."""
    return Counter()
