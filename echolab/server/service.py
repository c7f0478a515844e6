"""The server as a service, for twistd, the command and applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from typing_extensions import override

from echolab.addresses import Peer, format_address
from echolab.counting import count
from echolab.errors import EcholabError
from echolab.events import Misbehaved
from echolab.server.beside import Beside
from echolab.server.endpoints import is_handed, listen_error
from echolab.server.holding import Holding
from echolab.server.listening import ListeningAccount
from echolab.server.refusing import RefusingPort
from echolab.sockets.accept_queue import accept_waiting, turn_away_waiting
from echolab.sockets.tcp_info import accept_queue
from echolab.sockets.watching import prepare_port
from echolab.timekeeping import time_of_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from twisted.application.service import IService
    from twisted.internet.interfaces import (
        IAddress,
        IDelayedCall,
        IStreamServerEndpoint,
    )
    from twisted.python.failure import Failure

    from echolab.behaviour.fault import Fault
    from echolab.interfaces import AnyClock, Done, ServerEndpoint
    from echolab.server.factory import ReceiverFactory
    from echolab.sockets.tcp_info import Queue

__all__ = ["ReceiverService"]

_log = Logger()


class ReceiverService(Service):
    """Listens, and loses no accepted data at its end.

    Args:
        endpoints: where to listen, each with its name for users.
        factory: makes the connections' protocols, only for this service: both end
            together. Its sink is flushed at the end.
        clock: tells the time.
        done: called if an endpoint fails after the start.
        drain_seconds: how long the end may take, to read the data that has
            arrived and to write it to a slow output.
        close_sink: whether to close the factory's sink and its outputs at the
            end: for a sink that was opened only for this service.
        behaviour: what to do wrong with the ports: `Behaviour.hold_accept`; and
            what the endpoints do wrong, to report it: `Behaviour.refuse`. The
            factory does everything else.
    """

    def __init__(
        self,
        endpoints: Sequence[tuple[str, IStreamServerEndpoint | ServerEndpoint]],
        factory: ReceiverFactory,
        *,
        clock: AnyClock,
        done: Done,
        drain_seconds: float = 5.0,
        close_sink: bool = False,
        behaviour: Iterable[Fault] = (),
        beside: Iterable[IService] = (),
    ) -> None:
        self._endpoints = endpoints
        self.factory = factory
        self._clock = clock
        self._done = done
        self.drain_seconds = drain_seconds
        self._close_sink = close_sink
        self._beside = Beside(beside)
        self._holding: Holding | None = None
        self._refusals: list[Fault] = []
        for fault in behaviour:
            if fault.kind == "hold-accept":
                self._holding = Holding(fault, clock=clock, sink=factory.sink)
            elif fault.kind == "refuse":
                self._refusals.append(fault)
        self._is_producer = True  # of the factory's sink
        self._uses_sink = False
        self._starts = 0
        self._listening: list[Deferred[IListeningPort | None]] = []
        self._own_ports: list[IListeningPort] = []
        self._announcing: IDelayedCall | None = None
        self._deadline: float | None = None  # of the stop, if it is expected

    @override
    def privilegedStartService(self) -> None:
        """Listen on every endpoint.

        Raises:
            ListenError: an endpoint cannot listen; then none does.
        """
        super().privilegedStartService()
        self.factory.connections.start_accepting()
        if not self._is_producer:  # Otherwise an earlier stop has not finished.
            self.factory.sink.registerProducer(self.factory.connections, True)
            self._is_producer = True
        try:
            self._beside.start_privileged()
            self._listen()
        except EcholabError:
            self.stop_listening()
            if not self._uses_sink:
                self._leave_sink()
                self._beside.stop()
            raise
        self._uses_sink = True
        self._starts += 1
        if most := self.factory.connections.max_connections:
            _log.info("connections at a time: at most {most}", most=most)
        for each, (_, endpoint) in zip(self._listening, self._endpoints, strict=True):
            each.addCallback(self._prepare, handed=is_handed(endpoint))
        # Scripts may send a signal after this line; signals work when the reactor runs.
        self._announcing = self._clock.callLater(0, self._announce)

    def _listen(self) -> None:
        errors: list[EcholabError | None] = []
        report: Done = errors.append

        def failed(failure: Failure, name: str) -> None:
            if not failure.check(CancelledError):
                report(listen_error(name, failure.value))

        terms = self.factory.connections.terms
        for name, endpoint in self._endpoints:
            began = terms.monotonic()
            listening = endpoint.listen(self.factory)
            if terms.report_calls:
                account = ListeningAccount(terms, began, handed=is_handed(endpoint))
                listening.addCallbacks(account, account.failed)
            self._listening.append(listening.addErrback(failed, name))
        report = self._done
        for why in filter(None, errors):
            raise why

    @override
    def startService(self) -> None:
        """Listen, unless `privilegedStartService` has done so."""
        if not self._listening:
            self.privilegedStartService()
        self._beside.start()
        super().startService()

    def _prepare(
        self, port: IListeningPort | None, *, handed: bool
    ) -> IListeningPort | None:
        prepare_port(port, self.factory.connections.limits.keepalive_seconds)
        if port is not None and not handed:
            self._own_ports.append(port)
        if port is not None and self._holding is not None:
            self._holding.hold(port)
        if isinstance(port, RefusingPort) and self._refusals:
            here = Peer.of(0, port.getHost())
            now = time_of_day(self._clock)()
            self.factory.sink(Misbehaved(here, now, str(self._refusals[0])))
        return port

    def _announce(self) -> None:
        for each in self._listening:
            each.addCallback(_announce)

    def stop_listening(self) -> Deferred[list[None]]:
        """Stop accepting connections; open ones continue.

        Connections in the accept queue are closed, and counted.
        """
        self.factory.connections.stop_accepting()
        self._turn_away_waiting()
        return self._close_ports()

    def expect_stop(self) -> None:
        """Start the time limit of the stop now.

        This may be called in a signal handler, in the middle of a turn of the reactor.
        A long turn then ends early.
        """
        self._deadline = self._clock.seconds() + self.drain_seconds
        self.factory.connections.expect_drain(self._deadline)

    def _close_ports(self) -> Deferred[list[None]]:
        announcing, self._announcing = self._announcing, None
        if announcing is not None and announcing.active():
            announcing.cancel()
        self._own_ports.clear()
        if self._holding is not None:
            self._holding.stop()
        listening, self._listening = self._listening, []
        for each in listening:
            each.cancel()
        return gatherResults(
            [each.addCallback(_close) for each in listening], consumeErrors=True
        )

    def addresses(self) -> list[IAddress]:
        """Return the addresses on which the service listens."""
        ports = [listening.result for listening in self._listening]
        return [port.getHost() for port in ports if IListeningPort.providedBy(port)]

    def accept_queues(self) -> list[tuple[str, Queue]]:
        """Return each listening TCP socket of its own, and its accept queue now."""
        found = []
        for port in filter(None, self._ports()):
            queue = accept_queue(getattr(port, "socket", None))
            if queue is not None:
                found.append((format_address(port.getHost()), queue))
        return found

    def reopen_outputs(self) -> bool:
        """Open the outputs' paths again, after a rotation.

        Returns:
            Whether any output is a file, and was to be opened.
        """
        return self.factory.sink.reopen()

    @override
    def stopService(self) -> Deferred[None]:
        """Stop accepting, read and print what has arrived, then end."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        starts = self._starts
        try:
            await self._drain(starts)
        finally:
            if starts == self._starts:  # Otherwise the outputs are in use again.
                self._uses_sink = False
                try:
                    self._leave_sink()
                    if self._close_sink:
                        self.factory.sink.close()
                finally:
                    await self._beside.stop()

    async def _drain(self, starts: int) -> None:
        now = self._clock.seconds()
        deadline, self._deadline = self._deadline, None
        if deadline is None:
            deadline = now + self.drain_seconds
        self._empty_queues(deadline)
        failed: list[Failure] = []
        # Arriving connections are still let in.
        stopped = self._close_ports().addErrback(failed.append)
        drained = self.factory.connections.drain(max(0.0, deadline - now))
        await stopped
        await drained
        if starts == self._starts:  # Otherwise it is asked about new connections.
            self.factory.connections.terms.stop_asking()
        if unread := self.factory.connections.unread_bytes:
            _log.warn(
                "{bytes} that had arrived were not read", bytes=count(unread, "byte")
            )
        if unsent := self.factory.connections.unsent_bytes:
            # The kernel may hold more, which is lost if the connection was reset.
            _log.warn(
                "at least {bytes} of what was sent did not arrive",
                bytes=count(unsent, "byte"),
            )
        if unanswered := self.factory.connections.unanswered_messages:
            _log.warn(
                "not fully answered: {messages}", messages=count(unanswered, "message")
            )
        seconds = max(0.0, deadline - self._clock.seconds())
        if left := await self.factory.sink.flush(seconds):
            _log.warn(
                "{bytes} of output could not be written", bytes=count(left, "byte")
            )
        for why in failed:
            why.raiseException()

    def _leave_sink(self) -> None:
        if self._is_producer:
            self.factory.sink.unregisterProducer(self.factory.connections)
            self._is_producer = False

    def _empty_queues(self, deadline: float) -> None:
        """Accept all waiting connections: to their peers, they are connected."""
        for port in self._ports():
            accept_waiting(port, lambda: self._clock.seconds() >= deadline)
        self._turn_away_waiting()

    def _ports(self) -> list[IListeningPort | None]:
        """Return the ports whose accept queues belong only to this server."""
        return [
            own.listening if isinstance(own, RefusingPort) else own
            for own in self._own_ports
        ]

    def _turn_away_waiting(self) -> None:
        if turned_away := sum(map(turn_away_waiting, self._ports())):
            _log.warn(
                "closed unread: {connections} that waited to be accepted",
                connections=count(turned_away, "connection"),
            )


def _announce(port: IListeningPort | None) -> IListeningPort | None:
    if port is not None:
        what = "refusing" if isinstance(port, RefusingPort) else "listening"
        address = format_address(port.getHost())
        _log.info("{what} on {address}", what=what, address=address)
    return port


def _close(port: IListeningPort | None) -> Deferred[None] | None:
    return None if port is None else port.stopListening()
