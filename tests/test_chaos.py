"""Connections through a proxy that cuts, stalls, resets and half-closes them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from echolab import EndCause, Finished, Received, ReceiverFactory
from echolab.testing import Transcript
from tests.support import SECONDS

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from echolab import Event

LINES = 300
CLIENTS = 12
FAULTS = {
    "none": EndCause.EOF,
    "half-close": EndCause.EOF,
    "close": EndCause.EOF,
    "reset": EndCause.RESET,
}


class Chaos(Protocol):
    """The way from one client to the server, with one fault somewhere on it."""

    transport: Any

    def __init__(self, proxy: ChaosProxy) -> None:
        self.proxy = proxy
        self.fault = proxy.random.choice(list(FAULTS))
        self.fault_at = proxy.random.randrange(LINES * 20)
        self.waiting = bytearray()
        self.forwarded = bytearray()
        self.ended = False

    def connectionMade(self) -> None:
        self.work = Deferred.fromCoroutine(self.forward())
        self.proxy.work.append(self.work)

    def dataReceived(self, data: bytes) -> None:
        self.waiting += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended = True

    async def forward(self) -> None:
        server: Any = await self.proxy.server.connect(Factory.forProtocol(Protocol))
        port = server.transport.getHost().port
        chance = self.proxy.random
        while self.waiting or not self.ended:
            size = chance.choice([1, 2, 20, 500, 5000])
            if self.fault != "none":
                size = min(size, self.fault_at - len(self.forwarded))
            piece = bytes(self.waiting[:size])
            del self.waiting[: len(piece)]
            self.forwarded += piece
            server.transport.write(piece)
            if self.fault != "none" and len(self.forwarded) >= self.fault_at:
                break
            # Now and then a stall; always a turn of the reactor, so that what
            # was written is a chunk of its own.
            await deferLater(self.proxy.reactor, chance.choice([0, 0, 0, 0.01]))
        self.proxy.ways[port] = self
        if self.fault == "reset":
            server.transport.abortConnection()
        elif self.fault == "half-close":
            server.transport.loseWriteConnection()
        else:
            server.transport.loseConnection()
        self.transport.abortConnection()


class ChaosProxy(Factory[Chaos]):
    noisy = False

    def __init__(self, reactor: Any, port: int, seed: int) -> None:
        self.reactor = reactor
        self.server = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self.random = random.Random(seed)
        self.ways: dict[int, Chaos] = {}
        self.work: list[Deferred[None]] = []

    def buildProtocol(self, addr: IAddress | None) -> Chaos:
        return Chaos(self)


class ChaosTests(TestCase):
    timeout = SECONDS

    async def listen(self, factory: Factory[Any]) -> int:
        from twisted.internet import reactor

        endpoint = TCP4ServerEndpoint(reactor, 0, 1024, "127.0.0.1")
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        where: Any = port.getHost()
        number: int = where.port
        return number

    async def run_chaos(self, seed: int) -> None:
        from twisted.internet import reactor

        events = Transcript()
        all_ended: Deferred[None] = Deferred()

        def sink(event: Event) -> None:
            events(event)
            ends = sum(isinstance(each, Finished) for each in events.events)
            if isinstance(event, Finished) and ends == CLIENTS:
                all_ended.callback(None)

        factory = ReceiverFactory(sink, clock=reactor)
        proxy = ChaosProxy(reactor, await self.listen(factory), seed)
        through = TCP4ClientEndpoint(reactor, "127.0.0.1", await self.listen(proxy))
        sent = {}
        for number in range(CLIENTS):
            client: Any = await through.connect(Factory.forProtocol(Protocol))
            lines = [b"%d says %d" % (number, at) for at in range(LINES)]
            sent[number] = b"\n".join(lines)
            client.transport.write(sent[number])
            client.transport.loseConnection()
        await all_ended
        await gatherResults(proxy.work)
        for end in [each for each in events.events if isinstance(each, Finished)]:
            assert end.peer.port is not None
            way = proxy.ways[end.peer.port]
            batches = [
                event.messages
                for event in events.events
                if isinstance(event, Received) and event.peer == end.peer
            ]
            got = b"".join(batch.raw() for batch in batches)
            where = f"seed {seed}, {way.fault} at {way.fault_at}"
            self.assertIs(end.cause, FAULTS[way.fault], where)
            if way.fault == "reset":  # A reset may destroy bytes on their way.
                self.assertTrue(way.forwarded.startswith(got), where)
            else:
                self.assertEqual(got, way.forwarded, where)
            self.assertEqual(end.received_bytes, len(got), where)

    async def test_what_was_received_is_reported(self) -> None:
        for seed in range(4):
            await self.run_chaos(seed)
