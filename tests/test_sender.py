"""The client for applications: in memory with a fake clock, and over loopback."""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import MultiService
from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IHalfCloseableProtocol, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from echolab import ConnectError, EndCause, Finished, LineFramer, Received, Sender
from echolab.testing import Behaviour, ListeningMixin, Transcript
from echolab.tls.client import verified_client
from tests.authority import Authority
from tests.support import SECONDS, FakeTransport
from tests.test_client_tls import NAMES, RawServer

if TYPE_CHECKING:
    from echolab import Event, SenderProtocol

HERE = IPv4Address("TCP", "127.0.0.1", 8888)


class Wire(FakeTransport):
    """A connection to the server."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.peerAddr = HERE
        self.protocol = protocol


@implementer(IStreamClientEndpoint)
class Server:
    """An endpoint that connects, fails or hangs."""

    def __init__(self) -> None:
        self.tries = 0
        self.refuses = False
        self.hangs: list[Deferred[Any]] | None = None
        self.transports: list[Wire] = []

    def connect(self, factory: Any) -> Deferred[Any]:
        self.tries += 1
        if self.refuses:
            return fail(error.ConnectionRefusedError())
        if self.hangs is not None:
            hanging: Deferred[Any] = Deferred()
            self.hangs.append(hanging)
            return hanging
        protocol = factory.buildProtocol(HERE)
        transport = Wire(protocol)
        self.transports.append(transport)
        protocol.makeConnection(transport)
        return succeed(protocol)

    @property
    def taken(self) -> bytes:
        taken: bytes = self.transports[-1].value()
        return taken

    def lose(self, why: Exception | None = None) -> None:
        protocol = self.transports[-1].protocol
        protocol.connectionLost(Failure(why or error.ConnectionLost()))

    def end(self) -> None:
        """End in order, like a server that has read the end."""
        protocol = self.transports[-1].protocol
        IHalfCloseableProtocol(protocol).writeConnectionLost()
        IHalfCloseableProtocol(protocol).readConnectionLost()


class SenderCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.server = Server()
        self.transcript = Transcript(clock=self.clock)
        self.sender = self.make()

    def make(self, server: Any = None, **options: Any) -> Sender:
        return Sender(
            server or self.server,
            "127.0.0.1:8888",
            options.pop("sink", self.transcript),
            clock=self.clock,
            retry_policy=lambda _: 2.0,
            **options,
        )

    def stop(self, sender: Sender | None = None) -> Deferred[None]:
        stopping = (sender or self.sender).stopService()
        self.clock.advance(0)
        return stopping

    def assert_fails(self, why: str) -> None:
        with self.assertRaises(ConnectError) as raised:
            self.sender.write(b"x")
        self.assertEqual(str(raised.exception), f"connect 127.0.0.1:8888: {why}")
        self.assertFalse(self.sender.connected)


class ConnectingTests(SenderCase):
    def test_it_says_when_it_is_ready(self) -> None:
        self.server.refuses = True
        self.assert_fails("not started")
        ready = self.sender.when_connected()
        self.sender.startService()
        self.assertNoResult(ready)
        self.assert_fails("Connection was refused by other side.")
        self.server.refuses = False
        self.clock.advance(2)
        protocol = self.successResultOf(ready)
        self.assertTrue(self.sender.connected)
        protocol.write(b"hello ")
        self.sender.write(b"world\n")
        self.assertEqual(self.server.taken, b"hello world\n")
        self.assertIs(self.successResultOf(self.sender.when_connected()), protocol)

    def test_it_fails_as_fast_as_is_asked(self) -> None:
        self.server.refuses = True
        self.sender.startService()
        once = self.sender.when_connected(fail_after_failures=1)
        twice = self.sender.when_connected(fail_after_failures=2)
        self.clock.advance(2)
        self.failureResultOf(once, error.ConnectionRefusedError)
        self.assertNoResult(twice)
        self.clock.advance(2)
        self.failureResultOf(twice, error.ConnectionRefusedError)
        self.assertEqual(self.server.tries, 3)

    def test_whoever_waits_may_do_anything(self) -> None:
        async def use() -> None:
            for _ in range(3):
                with self.assertRaises(error.ConnectionRefusedError):
                    await self.sender.when_connected(fail_after_failures=1)
            self.server.refuses = False
            first = await self.sender.when_connected()
            self.assertIs(await self.sender.when_connected(), first)
            await self.sender.stopService()
            await self.sender.stopService()
            self.sender.startService()
            second = await self.sender.when_connected()
            self.assertIsNot(second, first)
            second.transport.abortConnection()
            await self.sender.stopService()

        self.server.refuses = True
        self.sender.startService()
        used = Deferred.fromCoroutine(use())
        self.clock.pump([2, 2, 2, 2, 0])
        self.server.end()
        self.server.lose(error.ConnectionDone())
        self.clock.pump([0, 0, 0])
        self.server.lose(error.ConnectionAborted())
        self.clock.pump([0, 0])
        self.successResultOf(used)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_wait_that_is_cancelled(self) -> None:
        ready = self.sender.when_connected()
        ready.cancel()
        self.failureResultOf(ready, CancelledError)
        self.sender.startService()
        self.assertTrue(self.sender.connected)

    def test_a_stop_that_is_taken_back(self) -> None:
        self.sender.startService()
        stopped = self.sender.stopService()
        self.sender.startService()
        self.clock.advance(0)
        self.successResultOf(stopped)
        self.assertTrue(self.sender.connected)
        self.assertEqual(self.server.tries, 1)

    def test_a_try_that_hangs_is_given_up(self) -> None:
        self.server.hangs = []
        sender = self.make(timeout_seconds=5)
        sender.startService()
        waiting = sender.when_connected(fail_after_failures=1)
        self.clock.advance(5)
        self.failureResultOf(waiting, TimeoutError)
        self.clock.advance(2)
        self.assertEqual(len(self.server.hangs), 2)

    def test_a_lost_connection_is_made_again(self) -> None:
        self.sender.startService()
        self.server.lose()
        self.assert_fails("the connection was lost (reset)")
        ready = self.sender.when_connected()
        self.assertNoResult(ready)
        self.clock.advance(2)
        self.successResultOf(ready).write(b"again\n")
        self.assertEqual(self.server.taken, b"again\n")
        self.assertEqual([peer.number for peer in self.transcript.peers()], [1, 2])

    def test_a_server_that_ends_is_connected_to_again(self) -> None:
        self.sender.startService()
        protocol = self.server.transports[-1].protocol
        protocol.readConnectionLost()
        self.clock.advance(0.1)
        self.assert_fails("the connection is ending")
        ready = self.sender.when_connected()
        self.assertNoResult(ready)
        protocol.writeConnectionLost()
        self.clock.advance(0)
        self.server.lose(error.ConnectionDone())
        self.assertNoResult(ready)
        self.clock.advance(2)
        self.assertIsNot(self.successResultOf(ready), protocol)

    def test_a_connection_that_is_lost_before_it_is_ready(self) -> None:
        def lose(event: Event) -> None:
            if not isinstance(event, Finished) and self.server.tries == 1:
                self.server.lose()

        sender = self.make(sink=lose)
        sender.startService()
        self.assertFalse(sender.connected)
        self.clock.advance(2)
        self.assertTrue(sender.connected)

    def test_a_sink_that_raises_at_the_end(self) -> None:
        def sink(event: Event) -> None:
            if isinstance(event, Finished):
                raise ZeroDivisionError

        sender = self.make(sink=sink)
        sender.startService()
        self.server.lose()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.clock.advance(2)
        self.assertTrue(sender.connected)


class TLSTests(SenderCase):
    def test_a_connection_counts_after_its_handshake(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        authority = Authority(Path(folder))
        server = RawServer(authority.context(NAMES))
        endpoint = verified_client(
            self.clock, server, "localhost", trust_roots=str(authority.roots)
        )
        sender = self.make(endpoint)
        ready = sender.when_connected()
        sender.startService()
        server.client.connectionLost(Failure(error.ConnectionLost()))
        self.assertNoResult(ready)
        self.assertEqual(self.transcript.events, [])
        self.clock.advance(2)
        server.talk()
        self.successResultOf(ready).write(b"hello")
        self.clock.advance(0)
        server.talk()
        self.assertEqual(server.read, b"hello")


class AnsweringTests(SenderCase):
    """Find the protocol for the peer of an event."""

    def test_a_sink_answers(self) -> None:
        def answer(event: Event) -> None:
            if isinstance(event, Received):
                protocol = sender.protocol(event.peer)
                assert protocol is not None
                for line in event.messages:
                    protocol.write(b"got " + line + b"\n")

        sender = self.make(sink=answer, make_framer=LineFramer)
        sender.startService()
        protocol = self.server.transports[-1].protocol
        protocol.dataReceived(b"a\nb\nc")
        self.assertEqual(self.server.taken, b"got a\ngot b\n")

    def test_a_sink_speaks_first(self) -> None:
        def greet(event: Event) -> None:
            if not isinstance(event, Finished):
                sender.write(b"hello\n")

        sender = self.make(sink=greet)
        sender.startService()
        self.assertEqual(self.server.taken, b"hello\n")

    def test_no_answer_goes_to_the_next_connection(self) -> None:
        self.sender.startService()
        [peer] = self.transcript.peers()
        self.assertIs(
            self.sender.protocol(peer),
            self.successResultOf(self.sender.when_connected()),
        )
        self.server.lose()
        self.assertIsNone(self.sender.protocol(peer))
        self.clock.advance(2)
        self.assertIsNone(self.sender.protocol(peer))
        self.assertIsNotNone(self.sender.protocol(self.transcript.peers()[-1]))


class StoppingTests(SenderCase):
    def test_what_was_written_is_delivered(self) -> None:
        self.sender.startService()
        self.sender.write(b"last words\n")
        stopped = self.stop()
        self.assertNoResult(stopped)
        self.assertTrue(self.server.transports[-1].write_ended)
        self.assertEqual(self.server.taken, b"last words\n")
        self.assert_fails("stopped")
        self.server.end()
        self.assertTrue(self.server.transports[-1].disconnecting)
        self.server.lose(error.ConnectionDone())
        self.successResultOf(stopped)
        self.assertIs(self.transcript.ends()[-1].cause, EndCause.EOF)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.failureResultOf(self.sender.when_connected(), CancelledError)

    def test_a_server_that_takes_nothing_is_left(self) -> None:
        self.sender.startService()
        self.sender.write(b"last words\n")
        stopped = self.stop()
        self.clock.advance(5)
        self.clock.advance(0)
        self.assertTrue(self.server.transports[-1].aborted)
        self.server.lose(error.ConnectionAborted())
        self.successResultOf(stopped)
        self.assertIs(self.transcript.ends()[-1].cause, EndCause.STOPPED)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_server_that_is_silent_and_stays(self) -> None:
        self.sender.startService()
        stopped = self.stop()
        protocol = self.server.transports[-1].protocol
        protocol.writeConnectionLost()
        self.clock.advance(1)
        self.assertTrue(self.server.transports[-1].disconnecting)
        self.server.lose(error.ConnectionDone())
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_while_there_is_no_connection(self) -> None:
        self.server.refuses = True
        self.sender.startService()
        waiting = self.sender.when_connected()
        self.successResultOf(self.stop())
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assert_fails("stopped")

    def test_while_it_connects(self) -> None:
        self.server.hangs = []
        self.sender.startService()
        self.successResultOf(self.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_can_be_started_again(self) -> None:
        self.sender.startService()
        stopped = self.stop()
        self.failureResultOf(self.sender.when_connected(), CancelledError)
        self.sender.startService()
        ready = self.sender.when_connected()
        self.assertNoResult(ready)
        self.server.end()
        self.server.lose(error.ConnectionDone())
        self.successResultOf(stopped)
        self.successResultOf(ready).write(b"again\n")
        self.assertEqual(self.server.taken, b"again\n")


class PoolTests(SenderCase):
    def test_several_side_by_side(self) -> None:
        servers = [Server(), Server()]
        servers[0].refuses = True
        numbers = count(1)
        pool = [self.make(each, numbers=numbers) for each in servers]
        together = MultiService()
        for each in pool:
            each.setServiceParent(together)
        together.startService()
        self.assertEqual([each.connected for each in pool], [False, True])
        next(each for each in pool if each.connected).write(b"hello\n")
        self.assertEqual(servers[1].taken, b"hello\n")
        servers[0].refuses = False
        self.clock.advance(2)
        self.assertEqual([each.connected for each in pool], [True, True])
        one, two = self.transcript.peers()
        self.assertNotEqual(one, two)
        self.assertIsNone(pool[0].protocol(one))
        self.assertIsNotNone(pool[1].protocol(one))
        self.assertIsNotNone(pool[0].protocol(two))


class SocketTests(ListeningMixin, TestCase):
    timeout = SECONDS

    def start(self, endpoint: str, transcript: Transcript) -> Sender:
        from twisted.internet import reactor
        from twisted.internet.endpoints import clientFromString

        sender = Sender(
            clientFromString(reactor, endpoint),
            "lab",
            transcript,
            clock=reactor,
            retry_policy=lambda _: 0.0,
        )
        sender.startService()
        self.addCleanup(sender.stopService)
        return sender

    async def test_a_server_that_breaks_off_is_tried_again(self) -> None:
        server = self.listen(behave=Behaviour.reset(after_messages=1, first=1))
        transcript = Transcript()
        sender = self.start(server.endpoint, transcript)
        first: SenderProtocol = await sender.when_connected()
        first.write(b"lost\n")
        await transcript.wait_for_end()
        second = await sender.when_connected()
        second.write(b"found\n")
        await server.wait_for_line("found")
        await sender.stopService()
        causes = [end.cause for end in transcript.ends()]
        self.assertEqual(causes, [EndCause.RESET, EndCause.EOF])

    async def test_all_is_delivered_at_the_stop(self) -> None:
        server = self.listen()
        sender = self.start(server.endpoint, Transcript())
        await sender.when_connected()
        lines = [b"%d" % number for number in range(50_000)]
        sender.write(b"".join(line + b"\n" for line in lines))
        await sender.stopService()
        await server.wait_for_end()
        server.assert_lines(lines)
