"""Admission in front of any factory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from typing_extensions import override

from echolab.addresses import Peer
from echolab.server.turned_away import TurnedAway, is_turned_away
from echolab.sockets.wrapped import pass_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress, IProtocol, ITransport
    from twisted.python.failure import Failure

    from echolab.interfaces import AnyFactory
    from echolab.server.admission import Admission

__all__ = ["AdmittingFactory", "Refuse"]

Refuse: TypeAlias = "Callable[[Peer, str], object]"
"""Called with a peer that is turned away (its number is 0) and the reason."""


class _AdmittedProtocol(ProtocolWrapper):
    """Frees the connection's place when the connection is lost."""

    factory: AdmittingFactory

    def __init__(
        self, factory: AdmittingFactory, wrapped: IProtocol, host: str | None
    ) -> None:
        super().__init__(factory, wrapped)
        self._host = host

    @override
    def makeConnection(self, transport: ITransport) -> None:
        super().makeConnection(transport)
        pass_on(self.wrappedProtocol, self)

    @override
    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.admission.leave(self._host)
        super().connectionLost(reason)


class AdmittingFactory(WrappingFactory[Any]):
    """Adds admission to any factory.

    Connections that are turned away are closed at once, and the wrapped factory makes
    no protocol for them. The wrapped factory may do TLS, or TLS may be in front of this
    factory: a connection that is turned away gets no handshake.

    Args:
        wrapped: makes the protocols of admitted connections.
        admission: decides which connections to admit. Factories with the same
            admission share its places.
        refused: called for each connection that is turned away: perhaps thousands
            of times per second.
    """

    noisy = False

    def __init__(
        self,
        wrapped: AnyFactory,
        admission: Admission,
        *,
        refused: Refuse = lambda _peer, _why: None,
    ) -> None:
        super().__init__(wrapped)
        self.admission = admission
        self._refused = refused

    @override
    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Make a protocol, or one that ends at once if its peer is turned away."""
        host: str | None = getattr(addr, "host", None)
        if why := self.admission.enter(host):
            self._refused(Peer.of(0, addr), why)
            return TurnedAway()
        wrapped = None
        try:
            wrapped = self.wrappedFactory.buildProtocol(addr)
        finally:
            turned_away = wrapped is None or is_turned_away(wrapped)
            if turned_away:
                self.admission.leave(host)
        return TurnedAway() if turned_away else _AdmittedProtocol(self, wrapped, host)
