"""The PROXY protocol in front of any factory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from echolab.server.proxy import ProxyFactory
from echolab.server.reading_clock import ReadingClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.interfaces import IAddress, IProtocolFactory

    from echolab.addresses import Peer
    from echolab.ends import EndCause
    from echolab.interfaces import AnyClock, AnyFactory
    from echolab.server.admission import Network
    from echolab.server.admitting import Refuse
    from echolab.server.connections import Held

__all__ = ["behind_proxy"]


class _Unbounded:
    """Arrivals for a factory without limits."""

    def __init__(self, clock: AnyClock, refused: Refuse) -> None:
        self.reading = ReadingClock(clock)
        self.unread_bytes = 0
        self._refused = refused

    def arrive(self, addr: IAddress | None) -> bool:
        """Accept every connection."""
        return True

    def opened(self, protocol: Held) -> None:
        """Do nothing: nothing is paused."""

    def let_in(self, arrival: Held, factory: IProtocolFactory, addr: IAddress) -> Any:
        """Make the protocol."""
        return factory.buildProtocol(addr)

    def closed(self, protocol: Held, address: IAddress | None) -> None:
        """Do nothing: nothing is counted."""

    def refuse(self, peer: Peer, cause: EndCause, detail: str) -> None:
        """Report that a connection was turned away."""
        self._refused(peer, detail)


def behind_proxy(
    wrapped: AnyFactory,
    trusted: Sequence[Network],
    *,
    clock: AnyClock,
    refused: Refuse = lambda _peer, _why: None,
    header_seconds: float = 10.0,
) -> ProxyFactory:
    """Put the PROXY protocol, versions 1 and 2, in front of any factory.

    A connection begins with a header, in which a balancer names its client. When the
    header has arrived, ``wrapped`` makes a protocol for the client's address. So an
    `echolab.AdmittingFactory` as ``wrapped`` admits clients; one in front of this
    factory admits balancers. If a header has no address (health checks), the address
    is the balancer's.

    Args:
        wrapped: makes the protocols.
        trusted: the networks of the balancers; others are turned away.
        clock: measures how long a header takes.
        refused: called for each connection that is turned away, with the peer that
            connected and the reason.
        header_seconds: how long a header may take.

    Returns:
        The factory to listen with. TLS with the clients belongs into ``wrapped``.
    """
    arrivals = _Unbounded(clock, refused)
    return ProxyFactory(
        wrapped, trusted, connections=arrivals, header_seconds=header_seconds
    )
