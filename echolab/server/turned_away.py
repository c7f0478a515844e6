"""Connections that a factory turns away, over any transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from typing_extensions import override

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

    from echolab.interfaces import IStreamTransport

__all__ = ["ClosingFactory", "TurnedAway", "is_turned_away"]


class TurnedAway(Protocol):
    """A connection that ends at once, without an event.

    ``IProtocolFactory.buildProtocol`` may return None instead, but Twisted's
    ``WrappingFactory``, and so its TLS, does not expect that.
    """

    @override
    def connectionMade(self) -> None:
        transport = cast("IStreamTransport", self.transport)
        if ISSLTransport.providedBy(transport):
            # An orderly end would wait for the handshake.
            transport.abortConnection()
        else:
            transport.loseConnection()


def is_turned_away(protocol: object) -> bool:
    """Whether a protocol ends its connection at once, whatever wraps it."""
    while isinstance(protocol, ProtocolWrapper):
        protocol = protocol.wrappedProtocol
    return isinstance(protocol, TurnedAway)


class ClosingFactory(WrappingFactory):
    """Lets a port close connections at once that the wrapped factory turns away.

    This needs no descriptor and no turn of the reactor. Only for endpoints that give
    the factory directly to Twisted's port.
    """

    noisy = False

    @override
    def buildProtocol(self, addr: IAddress | None) -> Any:
        protocol = self.wrappedFactory.buildProtocol(addr)
        return None if is_turned_away(protocol) else protocol
