"""Connections for Twisted's ClientService.

A ClientService closes a connection with ``loseConnection``, which may lose bytes that
have not arrived. And it does not expect that a connection is lost during its handshake.
So it gets a handle of each usable connection, and the handle ends it in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure
from typing_extensions import override
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall

    from echolab.addresses import Peer
    from echolab.client.protocol import SenderProtocol
    from echolab.interfaces import AnyClock

__all__ = ["KeptConnection", "KeptEndpoint"]


@implementer(IStreamClientEndpoint)
class KeptEndpoint:
    """The endpoint of a ``ClientService``."""

    def __init__(self, name: str, connect: Callable[[Any], Deferred[Any]]) -> None:
        self._name = name
        self._connect = connect

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        """Connect."""
        return self._connect(protocolFactory)

    @override
    def __repr__(self) -> str:
        return self._name


class KeptConnection:
    """One connection, which is the transport of the ``ClientService``'s handle.

    Attributes:
        handle: the handle, once the ``ClientService`` has it.
    """

    def __init__(
        self, protocol: SenderProtocol, peer: Peer, clock: AnyClock, seconds: float
    ) -> None:
        self.protocol = protocol
        self.peer = peer
        self.handle: Any = None
        self._clock = clock
        self._seconds = seconds
        self._late: IDelayedCall | None = None

    @property
    def is_ending(self) -> bool:
        """Whether no more can be written."""
        return self.protocol.ending.has_begun

    def loseConnection(self) -> None:
        """Deliver the written bytes in time, and end; bytes that are late are lost."""
        if self._late is None:
            self._late = self._clock.callLater(self._seconds, self.protocol.stop, 0.0)
            self.protocol.finish()

    def finish(self) -> None:
        """Tell the ``ClientService`` that the connection is over."""
        if self._late is not None and self._late.active():
            self._late.cancel()
        if self.handle is not None:
            self.handle.connectionLost(Failure(ConnectionDone()))
