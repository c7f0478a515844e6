"""A client for applications, which reconnects to its server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.application.internet import ClientService
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from typing_extensions import override

from echolab.client.factory import SenderFactory
from echolab.client.kept import KeptConnection, KeptEndpoint
from echolab.client.ready import connect_ready
from echolab.errors import ConnectError, reason_of
from echolab.events import Connected, Finished
from echolab.framing import ChunkFramer
from echolab.sinks.tee import tee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
    from twisted.python.failure import Failure

    from echolab.addresses import Peer
    from echolab.client.protocol import SenderProtocol
    from echolab.events import Event, Sink
    from echolab.framing import Framer
    from echolab.interfaces import AnyClock

__all__ = ["Sender"]

_log = Logger()


class Sender(Service):
    """Sends to one server, and reconnects when a connection is lost.

    It is Twisted's ``ClientService`` around `SenderProtocol` s. Several can run side by
    side, as a pool: `connected` tells which of them can write now.

    Bytes that are not delivered when a connection breaks are lost, and not sent on the
    next connection; the end cause in `Finished` tells.

    Args:
        endpoint: where to connect.
        name: the server's name for users: ``127.0.0.1:8888``.
        sink: takes the events of all its connections, as for a `SenderFactory`.
        clock: measures spans of time (``reactor``, or a test's ``Clock``).
        retry_policy: how many seconds to wait before a try, given the number of tries
            that failed in a row; None for Twisted's ``backoffPolicy()``.
        timeout_seconds: how long each try may take, with its TLS handshake.
        stop_seconds: how long `stopService` may take to deliver the written bytes.
        wait_seconds: how long the server may then be silent without ending.
        half_open_seconds: see `SenderFactory`; when a server that has ended its side
            counts as closed, the sender reconnects.
        make_framer: makes the framer of a connection's replies.
        numbers: the numbers of the peers. Senders that share a sink share one
            ``itertools.count(1)``, so that no two peers are equal.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        name: str,
        sink: Sink,
        *,
        clock: AnyClock,
        retry_policy: Callable[[int], float] | None = None,
        timeout_seconds: float = 30.0,
        stop_seconds: float = 5.0,
        wait_seconds: float = 1.0,
        half_open_seconds: float | None = 0.1,
        make_framer: Callable[[], Framer] = ChunkFramer,
        numbers: Iterator[int] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._name = name
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._stop_seconds = stop_seconds
        self._factory = _Factory(
            tee(self._begin, sink, self._end),
            clock=clock,
            wait_seconds=wait_seconds,
            tls_wait_seconds=wait_seconds,
            half_open_seconds=half_open_seconds,
            make_framer=make_framer,
        )
        if numbers is not None:
            self._factory.connections.terms.numbers = cast("Any", numbers)
        self._connection: KeptConnection | None = None
        self._waiting: dict[Deferred[SenderProtocol], int | None] = {}
        self._why = "not started"  # why there is no connection
        self._failing = False
        self._has_stopped = False
        self._service = ClientService(
            KeptEndpoint(name, self._connect),
            cast("Any", Factory.forProtocol(Protocol)),
            retryPolicy=retry_policy,
            clock=cast("Any", clock),
        )

    @property
    def connected(self) -> bool:
        """Whether `write` can be called now."""
        return self._connection is not None and not self._connection.is_ending

    def when_connected(
        self, fail_after_failures: int | None = None
    ) -> Deferred[SenderProtocol]:
        """Wait for a usable connection.

        Args:
            fail_after_failures: how many tries may fail; 1 to wait for one try only,
                None to wait as long as the service runs.

        Returns:
            A Deferred that fires with the connection's protocol, at once if there is
            one. It fails with the reason of the last failed try, or with a
            ``CancelledError`` when the service stops.
        """
        connection = self._connection
        if connection is not None and not connection.is_ending:
            return succeed(connection.protocol)
        if self._has_stopped:
            return fail(CancelledError())
        ready: Deferred[SenderProtocol] = Deferred(self._forget)
        self._waiting[ready] = fail_after_failures
        return ready

    def write(self, data: bytes) -> None:
        """Send bytes on the present connection.

        They wait in memory while the server is slow. To be paused then, register a
        producer with the protocol from `when_connected`.

        Raises:
            ConnectError: there is no connection; the bytes are not kept for the next.
        """
        if self._connection is None or self._connection.is_ending:
            raise ConnectError("connect", self._name, self._why)
        self._connection.protocol.write(data)

    def protocol(self, peer: Peer) -> SenderProtocol | None:
        """Return the protocol of the connection to ``peer``, the peer of an event.

        Returns:
            None if that connection has ended, even if there is a new one.
        """
        connection = self._connection
        if connection is None or connection.peer != peer:
            return None
        return connection.protocol

    @override
    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        self._has_stopped = False
        self._why = "not connected yet"
        if not self._service.running:
            self._service.startService()

    @override
    def stopService(self) -> Deferred[None]:
        """Deliver the written bytes within ``stop_seconds``, and end.

        The server is told that this was all (the end of the stream). Its replies are
        taken until it ends too, or is silent for ``wait_seconds``.
        """
        super().stopService()
        self._has_stopped = True
        self._why = "stopped"
        for ready in self._take_waiting():
            ready.errback(CancelledError())
        # A ClientService cannot be stopped from a function that it calls.
        stopped: Deferred[Any] = deferLater(cast("Any", self._clock), 0)
        return stopped.addCallback(self._stop)

    def _stop(self, _: object) -> Deferred[None]:
        if self.running:  # It was started again.
            return succeed(None)
        return self._service.stopService()

    def _connect(self, kept: Factory[Protocol]) -> Deferred[Any]:
        """Connect for the ``ClientService``, which only gets a handle.

        A connection that is lost during its handshake would confuse it.
        """
        connecting = connect_ready(
            self._endpoint,
            self._factory,
            clock=self._clock,
            seconds=self._timeout_seconds,
        )
        connecting.addCallback(self._hand_over, kept)
        return connecting.addErrback(self._failed)

    def _hand_over(self, protocol: SenderProtocol, kept: Factory[Protocol]) -> Any:
        connection = self._connection
        if connection is None or connection.protocol is not protocol:
            raise ConnectionError("closed at once")
        self._failing = False
        for ready in self._take_waiting():
            ready.callback(protocol)
        if connection is not self._connection:
            raise ConnectionError("closed at once")
        handle: Any = kept.buildProtocol(protocol.transport.getPeer())
        handle.makeConnection(connection)
        connection.handle = handle
        return handle

    def _failed(self, failure: Failure) -> Failure:
        if self.running:
            self._why = reason_of(failure.value)
            if not self._failing:
                self._failing = True
                _log.info(
                    "connect {name}: {reason}; trying again",
                    name=self._name,
                    reason=self._why,
                )
        for ready, tries in tuple(self._waiting.items()):
            if tries is not None:
                self._waiting[ready] = tries - 1
                if tries <= 1:
                    del self._waiting[ready]
                    ready.errback(failure)
        return failure

    def _forget(self, ready: Deferred[SenderProtocol]) -> None:
        self._waiting.pop(ready, None)

    def _take_waiting(self) -> list[Deferred[SenderProtocol]]:
        waiting, self._waiting = self._waiting, {}
        return [*waiting]

    def _begin(self, event: Event) -> None:
        """Note a new connection, before the sink gets the event."""
        if isinstance(event, Connected):
            assert self._factory.made is not None
            self._connection = KeptConnection(
                self._factory.made, event.peer, self._clock, self._stop_seconds
            )
            self._why = "the connection is ending"

    def _end(self, event: Event) -> None:
        """Note the end of the connection, after the sink got the event."""
        connection = self._connection
        if (
            isinstance(event, Finished)
            and connection is not None
            and connection.peer == event.peer
        ):
            self._connection = None
            if self.running:
                self._why = f"the connection was lost ({event.cause.value})"
            connection.finish()


class _Factory(SenderFactory):
    """Remembers its last protocol, whose `Connected` comes next."""

    made: SenderProtocol | None = None

    @override
    def buildProtocol(self, addr: IAddress | None) -> SenderProtocol:
        self.made = super().buildProtocol(addr)
        return self.made
