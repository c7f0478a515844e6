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
    """The arrivals at a factory that knows nothing of them."""

    def __init__(self, clock: AnyClock, refused: Refuse) -> None:
        self.reading = ReadingClock(clock)
        self.unread_bytes = 0
        self._refused = refused

    def arrive(self, addr: IAddress | None) -> bool:  # noqa: ARG002
        """Take every connection."""
        return True

    def opened(self, protocol: Held) -> None:
        """Hold nothing back."""

    def let_in(self, arrival: Held, factory: IProtocolFactory, addr: IAddress) -> Any:  # noqa: ARG002
        """Make the protocol."""
        return factory.buildProtocol(addr)

    def closed(self, protocol: Held, address: IAddress | None) -> None:
        """Nothing was counted."""

    def refuse(self, peer: Peer, cause: EndCause, detail: str) -> None:  # noqa: ARG002
        """Report it."""
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

    A connection begins with a header, in which a balancer says for whom it connects.
    When that has come, ``wrapped`` makes a protocol for the address in it; so an
    `echolab.AdmittingFactory` there admits clients, and one in front of this factory
    balancers. Where a header names nobody (health checks), the address is the
    balancer's.

    Args:
        wrapped: makes the protocols.
        trusted: the networks of the balancers; others are turned away.
        clock: measures the time that a header takes.
        refused: called for each connection that is turned away, with the peer that
            had connected and the reason.
        header_seconds: how long a header may take.

    Returns:
        The factory to listen with; TLS, if it is for the clients, is in ``wrapped``.
    """
    arrivals = _Unbounded(clock, refused)
    return ProxyFactory(
        wrapped, trusted, connections=arrivals, header_seconds=header_seconds
    )
