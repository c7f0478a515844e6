"""Connect a client, with or without retries."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from echolab.client.ready import connect_ready
from echolab.errors import UnverifiedError, reason_of
from echolab.quantities import span

if TYPE_CHECKING:
    from twisted.internet.interfaces import IStreamClientEndpoint
    from twisted.internet.protocol import Factory, Protocol

    from echolab.interfaces import AnyClock, AnyFactory

__all__ = ["Connector"]

LAST_SECONDS = 0.5
"""The time that the last try has at least."""

_AProtocol = TypeVar("_AProtocol", bound="Protocol")

_log = Logger()


class Connector:
    """Connect any factory once; do not reconnect when the connection is lost.

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
        self._connecting: Deferred[Any] | None = None

    def connect(self, factory: Factory[_AProtocol]) -> Deferred[_AProtocol]:
        """Connect.

        Args:
            factory: makes a protocol for each try.

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

    async def _retry(self, factory: AnyFactory) -> Any:
        # Imported here, because it imports much that only retries need.
        from twisted.application.internet import backoffPolicy

        pause = backoffPolicy(initialDelay=0.5, maxDelay=10.0)
        deadline = self._clock.seconds() + self._retry_seconds
        for number in count():
            left = max(LAST_SECONDS, deadline - self._clock.seconds())
            try:
                return await self._try(factory, min(self._timeout_seconds, left))
            except UnverifiedError:
                raise  # A retry would not help, and the user should know at once.
            except Exception as why:
                left = deadline - self._clock.seconds()
                if left <= 0:
                    raise
                if not number:
                    _log.info(
                        "connect {name}: {reason}; trying again for {span}",
                        name=self._name,
                        reason=reason_of(why),
                        span=span(self._retry_seconds),
                    )
                await deferLater(self._clock, min(pause(number), left))
        raise AssertionError

    def _try(self, factory: AnyFactory, seconds: float) -> Deferred[Any]:
        return connect_ready(
            self._endpoint, factory, clock=self._clock, seconds=seconds
        )
