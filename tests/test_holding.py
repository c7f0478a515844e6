"""Ports that leave connections in the accept queue: with a fake clock, real sockets."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.tcp import Port
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from echolab import Behaviour, Misbehaved, Peer, ReceiverFactory, ReceiverService
from echolab.server.endpoints import server_endpoints
from echolab.server.settings import ServerSettings
from echolab.testing import Transcript
from tests.support import FakeReactor

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort, IProtocolFactory


class HereEndpoint:
    """An endpoint whose port has a real socket and the fake reactor."""

    def __init__(self, reactor: FakeReactor) -> None:
        self.reactor = reactor

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        self.port = Port(0, factory, 1, "127.0.0.1", reactor=self.reactor)
        self.port.startListening()
        return succeed(self.port)


class HoldingTests(TestCase):
    def setUp(self) -> None:
        self.reactor: Any = FakeReactor()
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.transcript = Transcript()
        self.clients: list[socket.socket] = []

    def serve(self, *endpoints: Any, behaviour: Behaviour) -> ReceiverService:
        service = ReceiverService(
            [(f"endpoint {n}", each) for n, each in enumerate(endpoints)],
            ReceiverFactory(self.transcript, clock=self.reactor),
            clock=self.reactor,
            done=self.fail,
            behaviour=behaviour,
        )
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    def stop(self, service: ReceiverService) -> None:
        for client in self.clients:
            client.close()
        if service.running:
            stopped = service.stopService()
            while not stopped.called:
                self.reactor.turn()
                self.reactor.advance(0.01)
            self.successResultOf(stopped)

    def tcp(self, *, behaviour: Behaviour) -> ReceiverService:
        """Listen; connect as many clients as the queue takes."""
        endpoint = HereEndpoint(self.reactor)
        service = self.serve(endpoint, behaviour=behaviour)
        self.address = endpoint.port.getHost()
        for _ in range(2):
            self.clients.append(
                socket.create_connection((self.address.host, self.address.port))
            )
        return service

    def turn(self, seconds: float) -> int:
        """Let the time pass; return how many connections are accepted then."""
        self.reactor.advance(seconds)
        self.reactor.turn()
        return len(self.transcript.peers())

    def said(self) -> list[str | None]:
        return [formatEvent(event) for event in self.log]

    def test_nobody_is_accepted_until_the_time_has_passed(self) -> None:
        self.tcp(behaviour=Behaviour.hold_accept(3))
        self.assertEqual(self.turn(2.9), 0)
        self.assertEqual(self.turn(0.1), 2)
        where = f"127.0.0.1:{self.address.port}"
        self.assertEqual(self.said()[-1], f"accepting on {where}")

    def test_the_port_is_said_to_misbehave(self) -> None:
        self.tcp(behaviour=Behaviour.hold_accept(3))
        peer = Peer(0, "IPv4", "127.0.0.1", self.address.port)
        event = Misbehaved(peer, 0.0, "hold-accept:seconds=3")
        self.assertEqual(self.transcript.events, [event])
        self.assertEqual(self.transcript.peers(), [])
        self.assertEqual(
            self.transcript.render(), "peer 0 misbehaved hold-accept:seconds=3\n"
        )

    def test_for_ever(self) -> None:
        self.tcp(behaviour=Behaviour.hold_accept())
        self.assertEqual(self.turn(1e6), 0)

    def test_the_last_one_counts(self) -> None:
        self.tcp(behaviour=Behaviour.hold_accept(1) + Behaviour.hold_accept(9))
        self.assertEqual(self.turn(8.9), 0)
        self.assertEqual(self.turn(0.1), 2)

    def test_at_the_end_those_who_wait_are_accepted(self) -> None:
        for seconds in (None, 60.0):
            self.setUp()
            service = self.tcp(behaviour=Behaviour.hold_accept(seconds))
            for client in self.clients:
                client.sendall(b"hello\n")
            self.stop(service)
            self.assertEqual(self.transcript.lines(), [b"hello", b"hello"])
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_held_again_after_a_restart(self) -> None:
        service = self.tcp(behaviour=Behaviour.hold_accept(3))
        self.assertEqual(self.turn(3), 2)
        self.stop(service)
        service.startService()
        misbehaved = [e for e in self.transcript.events if isinstance(e, Misbehaved)]
        self.assertEqual(len(misbehaved), 2)

    def test_unix(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = str(Path(folder, "lab.sock"))
        settings = ServerSettings(listen=(f"unix:{path}:backlog=1",))
        [(_, endpoint)] = server_endpoints(self.reactor, settings)
        self.serve(endpoint, behaviour=Behaviour.hold_accept(3))
        for number in range(3):
            client = socket.socket(socket.AF_UNIX)
            self.clients.append(client)
            client.setblocking(False)
            if number < 2:
                client.connect(path)
            else:
                self.assertRaises(BlockingIOError, client.connect, path)
        self.assertEqual(self.turn(2.9), 0)
        self.assertEqual(self.turn(0.1), 2)

    def test_a_port_that_cannot_be_held_is_named(self) -> None:
        self.serve(
            TCP4ServerEndpoint(self.reactor, 8888),
            behaviour=Behaviour.hold_accept(3),
        )
        self.assertIn(
            "hold-accept:seconds=3: not possible on 0.0.0.0:8888", self.said()
        )
