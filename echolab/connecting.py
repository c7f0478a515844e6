"""How a client comes to its connection: at once, or by trying again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from echolab.errors import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.application.internet import ClientService
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IProtocolFactory, IReactorTime

    from echolab.client import SenderFactory, SenderProtocol

__all__ = ["Connector"]

NEVER_SECONDS = 1e9

_log = Logger()


class Connector:
    """Connects once; when a connection is lost, it stays lost.

    A connection counts when it can be used: over TLS, after the handshake.

    Args:
        endpoint: where to connect.
        name: what users know it by.
        clock: tells the time.
        timeout_seconds: how long each try may take.
        retry_seconds: how long to go on trying; 0 to try only once. Between two
            tries it waits half a second, then longer and longer, up to ten, each
            a little more or less, so that many clients do not come at once.

    Attributes:
        timeout_seconds: how long was waited, if it timed out.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        name: str,
        *,
        clock: IReactorTime,
        timeout_seconds: float,
        retry_seconds: float = 0.0,
    ) -> None:
        self._name = name
        self._clock = clock
        self.timeout_seconds = timeout_seconds
        self._retry_seconds = retry_seconds
        self._endpoint = _ReadyEndpoint(endpoint, clock, timeout_seconds)
        self._service: ClientService | None = None
        self._connecting: Deferred[SenderProtocol] | None = None
        self._connected = False

    def connect(self, factory: SenderFactory) -> Deferred[SenderProtocol]:
        """Connect.

        Returns:
            A Deferred that fires with the protocol; or fails with the reason why
            the last try did, once no other is made.
        """
        if not self._retry_seconds:
            self._connecting = self._endpoint.connect(factory)
            return self._connecting
        from twisted.application.internet import ClientService, backoffPolicy

        tries = backoffPolicy(initialDelay=0.5, maxDelay=10.0)
        self._service = ClientService(
            _Observed(self._endpoint, self._failed),
            factory,
            retryPolicy=lambda n: NEVER_SECONDS if self._connected else tries(n),
            clock=self._clock,
        )
        self._last: Failure | None = None
        connecting = cast("Deferred[SenderProtocol]", self._service.whenConnected())
        connecting.addTimeout(self._retry_seconds, self._clock, _timed_out)
        connecting.addCallbacks(self._note, self._give_up)
        self._connecting = connecting
        self._service.startService()
        return connecting

    def stop(self) -> None:
        """Try no more."""
        if self._connecting is not None:
            self._connecting.cancel()
        service, self._service = self._service, None
        if service is not None:
            service.stopService()

    def _note(self, protocol: SenderProtocol) -> SenderProtocol:
        self._connected = True
        return protocol

    def _give_up(self, failure: Failure) -> Failure:
        # To stop is to cancel the try that is under way, which says nothing.
        last = self._last
        self.stop()
        if last is None:
            self.timeout_seconds = self._retry_seconds
        return last or failure

    def _failed(self, failure: Failure) -> None:
        if self._last is None:
            _log.info(
                "connect {name}: {reason}; trying again for {seconds:g} s",
                name=self._name,
                reason=reason_of(failure.value),
                seconds=self._retry_seconds,
            )
        self._last = failure


def _timed_out(_result: object, _seconds: float) -> Failure:
    """Whatever was under way when it was cancelled: this is what it was."""
    return Failure(TimeoutError())


@implementer(IStreamClientEndpoint)
class _ReadyEndpoint:
    """Gives a connection out when it can be used."""

    def __init__(
        self, endpoint: IStreamClientEndpoint, clock: IReactorTime, seconds: float
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._seconds = seconds

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """Connect, and wait for the handshake."""
        found: list[SenderProtocol] = []

        def wait(protocol: SenderProtocol) -> Deferred[SenderProtocol]:
            found.append(protocol)
            # ClientService looks for what it has put around the protocol.
            return protocol.when_ready().addCallback(lambda _: protocol)

        def hang_up(failure: Failure) -> Failure:
            for protocol in found:
                protocol.transport.abortConnection()
            return failure

        connecting: Deferred[Any] = self._endpoint.connect(protocolFactory)
        connecting.addCallback(wait)
        connecting.addTimeout(self._seconds, self._clock, _timed_out)
        return connecting.addErrback(hang_up)


@implementer(IStreamClientEndpoint)
class _Observed:
    """Tells of each try that fails."""

    def __init__(
        self, endpoint: IStreamClientEndpoint, failed: Callable[[Failure], None]
    ) -> None:
        self._endpoint = endpoint
        self._failed = failed

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """Connect."""

        def tell(failure: Failure) -> Failure:
            self._failed(failure)
            return failure

        connecting: Deferred[Any] = self._endpoint.connect(protocolFactory)
        return connecting.addErrback(tell)
