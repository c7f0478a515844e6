"""Transports of others, completed: not all have what TCP's have.

A process has no addresses (Twisted's ``ProcessEndpoint``) and is killed where a
connection is aborted; a layer such as autobahn's WebSocket cannot even be that.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from zope.interface import directlyProvides, providedBy

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

__all__ = ["complete"]


def complete(transport: Any) -> Any:
    """Return a transport with all that our protocols use of it.

    Returns:
        The transport itself if it lacks nothing, as TCP, TLS and UNIX sockets do.
    """
    if hasattr(transport, "abortConnection"):
        return transport
    return _Completed(transport)


class _Completed:
    """A transport and what it lacks."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        directlyProvides(self, providedBy(transport))

    def __getattr__(self, name: str) -> Any:
        """All that it has."""
        return getattr(self._transport, name)

    def getPeer(self) -> IAddress | None:
        """Its peer's address; None if it has none."""
        return self._address("getPeer")

    def getHost(self) -> IAddress | None:
        """Its own address; None if it has none."""
        return self._address("getHost")

    def abortConnection(self) -> None:
        """End the connection; a process is killed, else there is no harder way."""
        if IProcessTransport.providedBy(self._transport):
            with suppress(ProcessExitedAlready):
                self._transport.signalProcess("KILL")
        self._transport.loseConnection()

    def pauseProducing(self) -> None:
        """Read nothing more; a layer that cannot stop has the one below do so."""
        self._reader().pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        self._reader().resumeProducing()

    def _address(self, ask: str) -> IAddress | None:
        try:
            address: IAddress = getattr(self._transport, ask)()
        except (AttributeError, NotImplementedError):
            return None
        return address

    def _reader(self) -> Any:
        reader = self._transport
        while not hasattr(reader, "pauseProducing"):
            reader = reader.transport
        return reader
