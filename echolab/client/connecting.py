"""Connect a client, with or without retries."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from echolab.errors import UnverifiedError, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IStreamClientEndpoint

    from echolab.client.protocol import SenderFactory, SenderProtocol
    from echolab.interfaces import AnyClock

__all__ = ["Connector"]

LAST_SECONDS = 0.5
"""The time that the last try has at least."""

_log = Logger()


class Connector:
    """Connect once; do not reconnect when the connection is lost.

    A connection counts when it can be used: over TLS, after the handshake.

    Args:
        endpoint: where to connect.
        name: the name that users see.
        clock: tells the time.
        timeout_seconds: how long each try may take.
        retry_seconds: how long to retry; 0 to try only once. A TLS server that does
            not prove its name ends the retries at once. The pause between two tries
            grows from half a second to ten seconds; it is a little random, so that
            many clients do not connect at the same time.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        name: str,
        *,
        clock: AnyClock,
        timeout_seconds: float,
        retry_seconds: float = 0.0,
    ) -> None:
        self._endpoint = endpoint
        self._name = name
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._retry_seconds = retry_seconds
        self._connecting: Deferred[SenderProtocol] | None = None

    def connect(self, factory: SenderFactory) -> Deferred[SenderProtocol]:
        """Connect.

        Returns:
            A Deferred that fires with the protocol; or fails, after the last try,
            with the reason of that try.
        """
        if self._retry_seconds:
            self._connecting = Deferred.fromCoroutine(self._retry(factory))
        else:
            self._connecting = self._try(factory, self._timeout_seconds)
        return self._connecting

    def stop(self) -> None:
        """Stop trying."""
        if self._connecting is not None:
            self._connecting.cancel()

    async def _retry(self, factory: SenderFactory) -> SenderProtocol:
        # Imported here, because it imports much that only retries need.
        from twisted.application.internet import backoffPolicy

        pause = backoffPolicy(initialDelay=0.5, maxDelay=10.0)
        deadline = self._clock.seconds() + self._retry_seconds
        for number in count():
            left = max(LAST_SECONDS, deadline - self._clock.seconds())
            try:
                protocol: SenderProtocol = await self._try(
                    factory, min(self._timeout_seconds, left)
                )
                return protocol
            except UnverifiedError:
                raise  # A retry would not help, and the user should know at once.
            except Exception as why:
                left = deadline - self._clock.seconds()
                if left <= 0:
                    raise
                if not number:
                    _log.info(
                        "connect {name}: {reason}; trying again for {seconds:g} s",
                        name=self._name,
                        reason=reason_of(why),
                        seconds=self._retry_seconds,
                    )
                await deferLater(self._clock, min(pause(number), left))
        raise AssertionError

    def _try(self, factory: SenderFactory, seconds: float) -> Deferred[Any]:
        """Connect once, and wait for the handshake."""
        found: list[SenderProtocol] = []

        def wait(protocol: SenderProtocol) -> Deferred[SenderProtocol]:
            found.append(protocol)
            return protocol.when_ready()

        def hang_up(failure: Failure) -> Failure:
            for protocol in found:
                protocol.transport.abortConnection()
                if failure.check(error.ConnectionDone, error.ConnectionLost):
                    text = "closed by the server during the TLS handshake"
                    return Failure(ConnectionError(text))
            return failure

        connecting: Deferred[Any] = self._endpoint.connect(factory)
        connecting.addCallback(wait)
        connecting.addTimeout(seconds, self._clock, _timed_out(seconds))
        return connecting.addErrback(hang_up)


def _timed_out(seconds: float) -> Callable[[object, float], Failure]:
    """Return a callback that replaces any result of a cancelled try by a timeout."""
    return lambda _result, _: Failure(TimeoutError(f"timed out after {seconds:.3g} s"))
