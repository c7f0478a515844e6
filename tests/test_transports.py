"""Transports without some methods of TCP's: processes, other layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import ProcessEndpoint
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from echolab import (
    Accepted,
    Connected,
    EndCause,
    Event,
    Finished,
    Received,
    ReceiverFactory,
    SenderFactory,
)
from tests.support import SECONDS, FakeTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab import SenderProtocol


@implementer(IConsumer)
class Layer:
    """A layer over a transport, like autobahn's WebSocket: much is missing."""

    def __init__(self, transport: FakeTransport) -> None:
        self.transport = transport

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def loseConnection(self) -> None:
        self.transport.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        self.transport.unregisterProducer()

    def getPeer(self) -> Any:
        raise NotImplementedError


class LayerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[Event] = []
        self.clock = Clock()
        self.below = FakeTransport()

    def over_a_layer(self, factory: Any) -> Any:
        """Connect as such a layer does, with only two of the calls."""
        protocol = factory.buildProtocol(None)
        protocol.transport = Layer(self.below)
        protocol.connectionMade()
        return protocol

    def test_receiver(self) -> None:
        factory = ReceiverFactory(self.events.append, clock=self.clock)
        protocol = self.over_a_layer(factory)
        protocol.dataReceived(b"hello\n")
        factory.pauseProducing()
        self.assertEqual(self.below.producerState, "paused")
        factory.resumeProducing()
        self.assertEqual(self.below.producerState, "producing")
        factory.stopProducing()
        self.assertTrue(self.below.disconnecting)
        protocol.connectionLost(None)
        kinds = [type(event) for event in self.events]
        self.assertEqual(kinds, [Accepted, Received, Finished])
        self.assertEqual(str(self.events[0].peer), "unknown")

    def test_sender(self) -> None:
        factory = SenderFactory(self.events.append, clock=self.clock)
        protocol = self.over_a_layer(factory)
        protocol.write(b"hello\n")
        self.assertEqual(self.below.value(), b"hello\n")
        protocol.dataReceived(b"reply")
        protocol.finish()
        self.assertTrue(self.below.disconnecting)
        protocol.connectionLost(None)
        [_, _, end] = self.events
        assert isinstance(end, Finished)
        self.assertEqual((end.cause, end.received_bytes), (EndCause.EOF, 5))

    def test_sender_that_is_stopped(self) -> None:
        factory = SenderFactory(self.events.append, clock=self.clock)
        self.over_a_layer(factory).stop(1.0)
        self.clock.advance(1.0)
        self.assertTrue(self.below.disconnecting)


class ProcessTests(TestCase):
    timeout = SECONDS

    async def test_a_process_is_a_peer_too(self) -> None:
        ended: Deferred[None] = Deferred()
        events: list[Event] = []

        def sink(event: Event) -> None:
            events.append(event)
            if isinstance(event, Finished):
                ended.callback(None)

        # The clock is a fake one: nothing here may depend on time.
        factory = SenderFactory(sink, clock=Clock())
        endpoint = ProcessEndpoint(reactor, b"/bin/cat", [b"cat"])
        protocol: Any = await endpoint.connect(factory)
        await protocol.when_ready()
        protocol.write(b"to cat and back")
        protocol.finish()
        await ended
        kinds = [type(event) for event in events]
        self.assertEqual(kinds, [Connected, Received, Finished])
        assert isinstance(events[1], Received)
        self.assertEqual(events[1].messages.raw(), b"to cat and back")

    async def test_a_process_that_does_not_end_is_killed(self) -> None:
        ends: list[Callable[[SenderProtocol], None]] = [
            lambda protocol: protocol.stop(1.0),
            lambda protocol: protocol.finish(),
            lambda protocol: protocol.close(),
        ]
        for end in ends:
            finished = await self.endless_process(end)
            self.assertIs(finished.cause, EndCause.STOPPED)

    async def endless_process(self, end: Callable[[SenderProtocol], None]) -> Finished:
        ended: Deferred[Finished] = Deferred()

        def sink(event: Event) -> None:
            if isinstance(event, Finished):
                ended.callback(event)

        clock = Clock()
        factory = SenderFactory(sink, clock=clock, wait_seconds=1)
        endpoint = ProcessEndpoint(reactor, b"/bin/sleep", [b"sleep", b"1000"])
        protocol: Any = await endpoint.connect(factory)
        end(protocol)
        clock.pump([1.0] * 3)
        finished = await ended
        protocol.transport.abortConnection()  # It is gone, which is not an error.
        return finished


class NumberTests(SynchronousTestCase):
    def test_each_connection_of_a_factory_has_its_own(self) -> None:
        events: list[Event] = []
        factory = SenderFactory(events.append, clock=Clock())
        for _ in range(2):
            factory.buildProtocol(None).makeConnection(FakeTransport())
        one, two = (event.peer for event in events)
        self.assertEqual((one.number, two.number), (1, 2))
        self.assertNotEqual(one, two)
