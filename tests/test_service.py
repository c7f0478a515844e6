"""The services, in memory and over loopback in one reactor."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

from twisted.application.service import MultiService, Service
from twisted.internet import endpoints, error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IPullProducer, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import EventLoggingObserver
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from echolab import (
    ConversationPrinter,
    EcholabError,
    Event,
    FileOutput,
    IOutput,
    ListenError,
    Printer,
    Received,
    ReceiverFactory,
    ReceiverService,
    SenderService,
    tee,
)
from echolab.client.connecting import Connector
from echolab.testing import Transcript
from tests.support import SECONDS, FakeReactor
from tests.test_client import Producer
from tests.test_sharing import Sluice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.application.service import IService
    from twisted.internet.address import IPv4Address
    from twisted.internet.interfaces import IProducer, IProtocolFactory


@implementer(IOutput)
class Held:
    """An output that writes nothing; the test ends its flush."""

    def __init__(self) -> None:
        self.flushing: float | None = None
        self.closed = False

    def write(self, data: bytes) -> None: ...

    def registerProducer(self, producer: IProducer, streaming: bool) -> None: ...

    def unregisterProducer(self, producer: IProducer | None = None) -> None: ...

    def flush(self, seconds: float | None) -> Deferred[int]:
        self.flushing = seconds
        self.flushed: Deferred[int] = Deferred()
        return self.flushed

    def reopen(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


class LateEndpoint:
    """An endpoint that takes its time to listen."""

    def listen(self, factory: IProtocolFactory) -> Deferred[Any]:
        self.listening: Deferred[Any] = Deferred()
        return self.listening


class Companion(Service):
    """A service that notes what is asked of it."""

    def __init__(self, noted: list[str], why: EcholabError | None = None) -> None:
        self.noted = noted
        self.why = why

    def privilegedStartService(self) -> None:
        self.noted.append("privileged")
        if self.why is not None:
            raise self.why

    def startService(self) -> None:
        super().startService()
        self.noted.append("start")

    def stopService(self) -> None:
        super().stopService()
        self.noted.append("stop")


class ReceiverServiceTests(TestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.done: list[EcholabError | None] = []
        self.factory = ReceiverFactory(Transcript(), clock=self.reactor)

    def service(
        self,
        *where: tuple[str, Any],
        outputs: Any = (),
        close_sink: bool = False,
        beside: Sequence[IService] = (),
    ) -> ReceiverService:
        if outputs:
            sink = tee(*map(Printer, outputs))
            self.factory = ReceiverFactory(sink, clock=self.reactor)
        return ReceiverService(
            where,
            self.factory,
            clock=self.reactor,
            done=self.done.append,
            close_sink=close_sink,
            beside=beside,
        )

    def tcp(self, port: int) -> tuple[str, endpoints.TCP4ServerEndpoint]:
        return f"tcp:{port}", endpoints.TCP4ServerEndpoint(self.reactor, port)

    def said(self) -> list[str | None]:
        return [formatEvent(event) for event in self.log]

    def test_says_where_it_listens(self) -> None:
        service = self.service(self.tcp(8888), self.tcp(8889))
        service.privilegedStartService()
        service.startService()
        self.assertEqual(len(self.reactor.tcpServers), 2)
        self.assertEqual(self.said(), [])  # Signals are not handled yet.
        self.reactor.advance(0)
        self.assertEqual(
            self.said(), ["listening on 0.0.0.0:8888", "listening on 0.0.0.0:8889"]
        )

    def test_stopped_before_the_reactor_runs(self) -> None:
        service = self.service(self.tcp(8888))
        service.startService()
        self.assertEqual(self.said(), [])
        service.stopService()
        self.reactor.advance(10)
        self.assertNotIn("listening on 0.0.0.0:8888", self.said())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_start_alone_listens_too(self) -> None:
        self.service(self.tcp(8888)).startService()
        self.assertEqual(len(self.reactor.tcpServers), 1)

    def test_address_in_use(self) -> None:
        class InUse:
            def listen(self, factory: IProtocolFactory) -> Deferred[Any]:
                in_use = OSError(98, "Address already in use")
                return fail(error.CannotListenError("", 1, in_use))

        service = self.service(self.tcp(8888), ("0.0.0.0:1", InUse()))
        with self.assertRaisesRegex(
            ListenError, "^bind 0.0.0.0:1: Address already in use$"
        ):
            service.startService()
        self.assertEqual(self.done, [])

    def test_endpoint_that_fails_later(self) -> None:
        late = LateEndpoint()
        self.service(("late:", late)).startService()
        late.listening.errback(ValueError("no"))
        self.assertEqual([str(why) for why in self.done], ["bind late:: no"])

    def test_stopped_before_it_listens(self) -> None:
        service = self.service(("late:", LateEndpoint()))
        service.startService()
        self.successResultOf(service.stopService())
        self.assertEqual(self.done, [])

    def test_says_what_could_not_be_printed(self) -> None:
        output = Held()
        service = self.service(outputs=[output])
        service.startService()
        stopped = service.stopService()
        self.assertNoResult(stopped)
        self.assertEqual(output.flushing, 5)
        output.flushed.callback(17)
        self.successResultOf(stopped)
        self.assertFalse(output.closed, "whoever opened an output closes it")
        self.assertEqual(self.said(), ["17 bytes of output could not be written"])

    def test_says_what_could_not_be_sent(self) -> None:
        service = self.service()
        service.startService()
        self.factory.connections.unsent_bytes = 17
        self.factory.connections.unanswered_messages = 1
        self.successResultOf(service.stopService())
        self.assertEqual(
            self.said(),
            [
                "at least 17 bytes of what was sent did not arrive",
                "not fully answered: 1 message",
            ],
        )

    def test_closes_outputs_that_are_its_own(self) -> None:
        output = Held()
        service = self.service(outputs=[output], close_sink=True)
        service.startService()
        stopped = service.stopService()
        output.flushed.callback(0)
        self.successResultOf(stopped)
        self.assertTrue(output.closed)

    def test_its_end_does_all_even_if_something_fails(self) -> None:
        class Stuck(LateEndpoint):
            def stopListening(self) -> None:
                raise OSError("odd")

        noted: list[str] = []
        output, late = Held(), Stuck()
        service = self.service(
            ("late:", late),
            outputs=[output],
            close_sink=True,
            beside=[Companion(noted)],
        )
        service.startService()
        late.listening.callback(late)
        stopped = service.stopService()
        output.flushed.callback(0)
        self.assertTrue(output.closed)
        self.assertEqual(noted[-1], "stop")
        self.failureResultOf(stopped)

    def test_services_beside_it_start_before_it_and_stop_after_it(self) -> None:
        noted: list[str] = []

        class Noting:
            def listen(self, factory: IProtocolFactory) -> Deferred[Any]:
                noted.append("listen")
                return Deferred()

        output = Held()
        service = self.service(
            ("noting:", Noting()), outputs=[output], beside=[Companion(noted)]
        )
        service.privilegedStartService()
        self.assertEqual(noted, ["privileged", "listen"])
        service.startService()
        self.assertEqual(noted[2:], ["start"])
        stopped = service.stopService()
        self.assertEqual(noted[3:], [], "the output is not written")
        output.flushed.callback(0)
        self.successResultOf(stopped)
        self.assertEqual(noted[3:], ["stop"])

    def test_services_beside_it_go_on_if_it_starts_again(self) -> None:
        noted: list[str] = []
        output = Held()
        service = self.service(outputs=[output], beside=[Companion(noted)])
        service.startService()
        stopped = service.stopService()
        service.startService()
        output.flushed.callback(0)
        self.successResultOf(stopped)
        self.assertEqual(noted, ["privileged", "start"])
        stopped = service.stopService()
        output.flushed.callback(0)
        self.successResultOf(stopped)
        service.startService()
        self.assertEqual(noted[2:], ["stop", "privileged", "start"])

    def test_a_service_beside_it_that_cannot_start(self) -> None:
        noted: list[str] = []
        why = ListenError("bind", "127.0.0.1:8889", "Address already in use")
        beside = [Companion(noted), Companion(noted, why)]
        service = self.service(self.tcp(8888), beside=beside)
        with self.assertRaises(ListenError):
            service.startService()
        self.assertEqual(self.reactor.tcpServers, [])
        self.assertEqual(noted[:2], ["privileged", "privileged"])
        self.assertEqual({*noted[2:]}, {"stop"})

    def test_services_beside_it_stop_if_it_cannot_listen(self) -> None:
        class Taken:
            def listen(self, factory: IProtocolFactory) -> Deferred[Any]:
                return fail(ValueError("no"))

        noted: list[str] = []
        service = self.service(("taken:", Taken()), beside=[Companion(noted)])
        with self.assertRaises(ListenError):
            service.startService()
        self.assertEqual(noted, ["privileged", "stop"])

    def test_outputs_pause_the_factory_while_it_runs(self) -> None:
        outputs = Sluice(self.reactor), Sluice(self.reactor)
        service = self.service(outputs=outputs)
        service.privilegedStartService()
        service.startService()
        for output in outputs:
            output.write(b"x")
        outputs[0].let_through()
        self.assertTrue(self.factory.connections.paused)
        outputs[1].let_through()
        self.assertFalse(self.factory.connections.paused)
        outputs[0].write(b"x")
        stopped = service.stopService()
        self.reactor.advance(5)
        self.successResultOf(stopped)
        self.assertFalse(self.factory.connections.paused, "nobody would resume it")

    def test_outputs_pause_it_still_when_an_older_stop_is_over(self) -> None:
        output = Sluice(self.reactor)
        service = self.service(outputs=[output])
        service.startService()
        output.write(b"x")
        first = service.stopService()
        self.reactor.advance(1)
        service.startService()
        self.reactor.advance(4)
        self.successResultOf(first)
        self.assertTrue(self.factory.connections.paused)
        second = service.stopService()
        self.reactor.advance(1)
        service.startService()
        third = service.stopService()
        self.reactor.advance(4)
        self.successResultOf(second)
        self.assertTrue(self.factory.connections.paused)
        self.reactor.advance(1)
        self.successResultOf(third)
        self.assertFalse(self.factory.connections.paused, "nobody would resume it")

    def test_start_that_fails_before_an_older_stop_is_over(self) -> None:
        output = Sluice(self.reactor)
        listening: list[Deferred[Any]] = [
            Deferred(),
            fail(error.CannotListenError("", 1, OSError(98, "In use"))),
        ]

        class Once:
            def listen(self, factory: IProtocolFactory) -> Deferred[Any]:
                return listening.pop(0)

        service = self.service(("once:", Once()), outputs=[output])
        service.startService()
        output.write(b"x")
        stopped = service.stopService()
        with self.assertRaises(ListenError):
            service.startService()
        self.assertFalse(service.running)
        self.assertTrue(self.factory.connections.paused)
        self.reactor.advance(5)
        self.successResultOf(stopped)
        self.assertFalse(self.factory.connections.paused, "nobody would resume it")

    def test_own_outputs_stay_open_when_it_is_started_again(self) -> None:
        output = Held()
        service = self.service(outputs=[output], close_sink=True)
        service.startService()
        stopped, flushed = service.stopService(), output.flushed
        service.startService()
        flushed.callback(0)
        self.successResultOf(stopped)
        self.assertFalse(output.closed)
        stopped = service.stopService()
        output.flushed.callback(0)
        self.successResultOf(stopped)
        self.assertTrue(output.closed)

    def test_the_kernel_is_asked_on_when_it_is_started_again(self) -> None:
        service = self.service()
        service.startService()
        connections = self.factory.connections
        open_one = mock.Mock()
        connections.opened(open_one)
        with mock.patch.object(connections.terms, "stop_asking") as stop_asking:
            stopped = service.stopService()
            service.startService()
            self.reactor.advance(1)
            self.successResultOf(stopped)
            stop_asking.assert_not_called()
            connections.closed(open_one, None)
            self.successResultOf(service.stopService())
            stop_asking.assert_called_once_with()

    def test_start_that_fails_leaves_the_outputs(self) -> None:
        class InUse:
            def listen(self, factory: IProtocolFactory) -> Deferred[Any]:
                return fail(error.CannotListenError("", 1, OSError(98, "In use")))

        output = Sluice(self.reactor)
        service = self.service(("0.0.0.0:1", InUse()), outputs=[output])
        with self.assertRaises(ListenError):
            service.startService()
        output.write(b"x")
        self.assertFalse(self.factory.connections.paused)


class ApplicationTests(TestCase):
    """Two services that print to one file, as in a .tac, over loopback."""

    timeout = SECONDS

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, "out")
        self.output = FileOutput(str(self.path), clock=reactor)
        self.addCleanup(self.output.close)
        self.application = MultiService()
        self.one, self.two = self.receiver(), self.receiver()
        self.application.startService()
        self.addCleanup(self.application.stopService)

    def receiver(self) -> ReceiverService:
        endpoint = endpoints.TCP4ServerEndpoint(self.reactor, 0, interface="127.0.0.1")
        service = ReceiverService(
            [("tcp:0", endpoint)],
            ReceiverFactory(Printer(self.output), clock=self.reactor),
            clock=self.reactor,
            done=self.fail,
        )
        service.setServiceParent(self.application)
        return service

    async def print(self, service: ReceiverService, line: bytes) -> None:
        """Send a line to a service, and wait until it is in the file."""
        [where] = service.addresses()
        port = cast("IPv4Address", where).port
        endpoint = endpoints.TCP4ClientEndpoint(self.reactor, "127.0.0.1", port)
        client = await endpoints.connectProtocol(endpoint, Protocol())
        assert client.transport is not None
        client.transport.write(line + b"\n")
        while b"recv data: " + line + b"\n" not in self.path.read_bytes():
            await deferLater(self.reactor, 0.001)
        client.transport.loseConnection()

    async def test_one_stops_and_the_other_goes_on(self) -> None:
        await self.print(self.one, b"to one")
        await self.one.stopService()
        await self.print(self.two, b"to two")

    async def test_stopped_and_started_again(self) -> None:
        await self.print(self.one, b"before")
        await self.application.stopService()
        self.application.startService()
        await self.print(self.one, b"after")
        await self.print(self.two, b"in the other too")

    async def test_started_again_before_it_has_stopped(self) -> None:
        await self.print(self.one, b"before")
        stopped = self.one.stopService()
        self.one.startService()
        await self.print(self.one, b"after")
        await stopped
        await self.print(self.one, b"and still")

    async def test_peer_that_fills_the_output_keeps_nobody_waiting(self) -> None:
        @implementer(IPullProducer)
        class Flood(Protocol):
            transport: Any

            def connectionMade(self) -> None:
                self.transport.registerProducer(self, False)

            def resumeProducing(self) -> None:
                self.transport.write(b"x\n" * 32768)

            def stopProducing(self) -> None: ...

        def fill(event: Event) -> None:
            printer(event)
            if isinstance(event, Received) and event.messages.raw()[:1] == b"x":
                self.output.pause()
                self.reactor.callLater(0, self.output.write_buffer)

        terms: Any = self.one.factory.connections.terms
        printer, terms.sink = terms.sink, fill
        [where] = self.one.addresses()
        endpoint = endpoints.clientFromString(
            self.reactor, f"tcp:127.0.0.1:{cast('IPv4Address', where).port}"
        )
        floods = [await endpoints.connectProtocol(endpoint, Flood()) for _ in range(2)]
        for number in range(5):
            await self.print(self.one, b"line %d" % number)
        for flood in floods:
            flood.transport.abortConnection()

    async def test_both_are_paused(self) -> None:
        both = [each.factory.connections for each in (self.one, self.two)]
        self.output.pause()
        self.assertEqual([each.paused for each in both], [True, True])
        self.output.write_buffer()
        self.assertEqual([each.paused for each in both], [False, False])


class SenderServiceTests(TestCase):
    """Against real servers of all kinds, over loopback."""

    timeout = SECONDS

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor
        self.screen = b""
        self.ends: list[EcholabError | None] = []
        self.ended: Deferred[EcholabError | None] = Deferred()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def write(self, data: bytes) -> None:
        self.screen += data

    def start(
        self, output: IOutput | None = None, clock: Clock | None = None, **more: Any
    ) -> SenderService:
        class Screen(Held):
            def flush(self, seconds: float | None) -> Deferred[int]:
                return succeed(0)

        def done(why: EcholabError | None) -> None:
            self.ends.append(why)
            if not self.ended.called:
                self.ended.callback(why)

        self.reader = Producer()
        service = SenderService(
            Connector(
                endpoints.TCP4ClientEndpoint(self.reactor, "127.0.0.1", self.port),
                "server:1",
                clock=self.reactor,
                timeout_seconds=SECONDS,
            ),
            "server:1",
            ConversationPrinter(self.write),
            [output or Screen()],
            clock=clock or self.reactor,
            done=done,
            make_reader=lambda service: self.reader,
            **more,
        )
        self.addCleanup(service.stopService)
        service.startService()
        return service

    async def accept(self) -> socket.socket:
        connection, _ = await deferToThread(self.listener.accept)
        self.addCleanup(connection.close)
        connection.settimeout(SECONDS)
        while "resume" not in self.reader.calls:
            await deferLater(self.reactor, 0)
        return connection

    async def read(self, server: socket.socket, size: int) -> bytes:
        data = await deferToThread(server.recv, size)
        # The test goes on, and may end, in a turn that no thread has caused.
        await deferLater(self.reactor, 0)
        return data

    async def test_all_sent_and_in_order(self) -> None:
        service = self.start()
        server = await self.accept()
        service.received(b"hello\n")
        service.ended()
        self.assertEqual(await self.read(server, 100), b"hello\n")
        server.send(b"reply")
        server.close()
        self.assertIsNone(await self.ended)
        self.assertEqual(self.screen, b"reply\nfinish.\n")

    async def test_leaves_a_shared_output_as_it_was(self) -> None:
        output = Sluice(self.reactor)
        output.open = True
        service = self.start(output)
        server = await self.accept()
        await service.stopService()
        server.close()
        output.write(b"others go on")
        output.open = False
        other = Producer()
        output.registerProducer(other, True)
        output.unregisterProducer()  # It is the only one.
        self.assertEqual(output.taken, b"others go on")

    async def test_closed_by_the_server(self) -> None:
        self.start(half_open_seconds=0)
        (await self.accept()).close()
        self.assertEqual(str(await self.ended), "recv server:1: closed by the server")
        self.assertEqual(self.screen, b"")

    async def test_reset(self) -> None:
        self.start()
        server = await self.accept()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.close()
        self.assertEqual(
            str(await self.ended), "recv server:1: Connection reset by peer"
        )

    async def test_says_once_that_it_waits_for_a_server_that_reads_nothing(
        self,
    ) -> None:
        clock = Clock()
        service = self.start(clock=clock)
        server = await self.accept()
        with capturedLogs() as logs:
            self.assertEqual(clock.getDelayedCalls(), [])  # Nothing is sent.
            service.received(b"taken\n")
            while clock.getDelayedCalls():
                await deferLater(self.reactor, 0)
                clock.advance(5)
            self.assertEqual(logs, [])  # All taken: a silent server is not stuck.
            service.received(bytes(1 << 24))
            service.ended()
            while not logs:
                await deferLater(self.reactor, 0)
                clock.advance(5)
            clock.pump([5] * 3)
            [said] = map(formatEvent, logs)
        self.assertEqual(
            said, "send server:1: the server has taken nothing for 5 seconds"
        )
        self.assertEqual(self.ends, [])
        while await self.read(server, 1 << 20):
            pass
        server.close()
        self.assertIsNone(await self.ended)
        self.assertEqual(clock.getDelayedCalls(), [])

    async def test_refused(self) -> None:
        self.listener.close()
        self.start()
        self.assertEqual(str(await self.ended), "connect server:1: Connection refused")

    async def test_output_that_goes_away_early_and_late(self) -> None:
        service = self.start()
        server = await self.accept()
        service.output_lost(None)
        self.assertEqual(str(self.ends.pop()), "write stdout: Broken pipe")
        service.received(b"hello\n")
        service.ended()
        service.output_lost(None)
        self.assertEqual(await self.read(server, 100), b"hello\n")
        while not self.ends:
            await deferLater(self.reactor, 0)
        self.assertEqual(self.ends, [None])

    async def test_output_that_goes_away_before_all_is_acknowledged(self) -> None:
        service = self.start(wait_seconds=0.1)
        server = await self.accept()
        service.received(bytes(1 << 22))
        service.ended()
        service.output_lost(None)
        self.assertEqual(self.ends, [])
        received = 0
        while data := await self.read(server, 1 << 16):
            received += len(data)
        self.assertEqual(received, 1 << 22)
        self.assertIsNone(await self.ended)

    async def test_output_that_goes_away_while_the_server_closes_unread(self) -> None:
        service = self.start()
        server = await self.accept()
        service.received(bytes(1 << 22))
        service.ended()
        service.output_lost(None)
        server.close()
        self.assertIn("recv server:1: ", str(await self.ended))


class TimeoutTests(SynchronousTestCase):
    def test_connection_that_never_comes(self) -> None:
        reactor = FakeReactor()
        done: list[EcholabError | None] = []

        @implementer(IStreamClientEndpoint)
        class Nowhere:
            def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
                return Deferred()

        service = SenderService(
            Connector(Nowhere(), "nowhere:1", clock=reactor, timeout_seconds=2.5),
            "nowhere:1",
            ConversationPrinter(lambda data: None),
            [Held()],
            clock=reactor,
            done=done.append,
            make_reader=lambda service: Producer(),
        )
        service.startService()
        reactor.advance(2.5)
        self.assertEqual(
            [str(why) for why in done], ["connect nowhere:1: timed out after 2.5 s"]
        )
