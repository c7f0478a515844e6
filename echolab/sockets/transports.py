"""Complete transports that lack methods of TCP's.

A process (Twisted's ``ProcessEndpoint``) has no addresses, and is killed instead of
aborted. A layer such as autobahn's WebSocket cannot even be killed.
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
    """Return a transport with all methods that our protocols use.

    Returns:
        The transport itself if it is complete, as those of TCP, TLS and UNIX sockets.
    """
    if hasattr(transport, "abortConnection"):
        return transport
    return _Completed(transport)


class _Completed:
    """A transport with the methods that it lacks."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        directlyProvides(self, providedBy(transport))

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the transport."""
        return getattr(self._transport, name)

    def getPeer(self) -> IAddress | None:
        """Return the peer's address; None if there is none."""
        return self._address("getPeer")

    def getHost(self) -> IAddress | None:
        """Return the transport's own address; None if there is none."""
        return self._address("getHost")

    def abortConnection(self) -> None:
        """Kill a process; close any other connection, as ``loseConnection`` does."""
        if IProcessTransport.providedBy(self._transport):
            with suppress(ProcessExitedAlready):
                self._transport.signalProcess("KILL")
        self._transport.loseConnection()

    def pauseProducing(self) -> None:
        """Stop reading; if the layer cannot, use the layer below."""
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
