"""Connections behind a balancer that speaks the PROXY protocol."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from typing_extensions import override
from zope.interface import directlyProvides, providedBy

from echolab.addresses import Peer
from echolab.ends import EndCause
from echolab.errors import MalformedError
from echolab.server.admission import contains
from echolab.server.protocol import STOPPED_FIRST
from echolab.server.turned_away import TurnedAway
from echolab.sockets.proxy_header import parse_proxy_header
from echolab.sockets.watching import watch
from echolab.sockets.wrapped import pass_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.interfaces import (
        IAddress,
        IProtocolFactory,
        ITransport,
    )
    from twisted.python.failure import Failure

    from echolab.interfaces import AnyFactory, IStreamTransport
    from echolab.server.admission import Network
    from echolab.server.connections import Held
    from echolab.server.reading_clock import ReadingClock
    from echolab.sockets.proxy_header import ProxyHeader
    from echolab.sockets.watching import WatchedSocket

__all__ = ["Arrivals", "ProxyFactory"]


class _Stage(enum.Enum):
    HEADER = enum.auto()
    """Its header has not arrived."""
    LET_IN = enum.auto()
    TURNED_AWAY = enum.auto()
    STOPPED = enum.auto()
    """This side ended it before its header had arrived."""


class _ProxiedProtocol(ProtocolWrapper):
    """Reads the header, then makes and runs the wrapped protocol."""

    factory: ProxyFactory
    transport: IStreamTransport
    wrappedProtocol: Any

    def __init__(self, factory: ProxyFactory) -> None:
        super().__init__(factory, None)  # type: ignore[arg-type]
        self._stage = _Stage.HEADER
        self._head = b""
        self._bytes_last_turn = -1
        self._source: IAddress | None = None
        self._watched: WatchedSocket | None = None
        self._fault = "the peer ended before its PROXY header did"

    @override
    def makeConnection(self, transport: ITransport) -> None:
        directlyProvides(self, providedBy(transport))
        Protocol.makeConnection(self, transport)
        factory = self.factory
        factory.registerProtocol(self)
        reading = factory.connections.reading
        self._late = reading.call_later(factory.header_seconds, self._be_late)
        factory.connections.opened(self)
        if not contains(factory.trusted, getattr(transport.getPeer(), "host", None)):
            self._turn_away("no trusted proxy")

    @override
    def dataReceived(self, data: bytes) -> None:
        if self._stage is _Stage.LET_IN:
            self.wrappedProtocol.dataReceived(data)
        elif self._stage is _Stage.HEADER:
            self._head += data
            try:
                header = parse_proxy_header(self._head)
            except MalformedError as why:
                self._turn_away(str(why))
                return
            if header is not None:
                self._let_in(header)

    def _let_in(self, header: ProxyHeader) -> None:
        self._late.cancel()
        self._stage = _Stage.LET_IN
        self._source = header.source
        rest, self._head = self._head[header.size :], b""
        factory = self.factory
        wrapped = factory.connections.let_in(
            self, factory.wrappedFactory, self.getPeer()
        )
        if wrapped is None:
            wrapped = TurnedAway()
        self.wrappedProtocol = wrapped
        wrapped.makeConnection(self)
        # A wrapper declares the interfaces of its transport as its own. So pass them
        # on only now, and only if the protocol has them.
        pass_on(wrapped, self)
        if rest:
            wrapped.dataReceived(rest)

    @override
    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.unregisterProtocol(self)
        if self._stage is _Stage.LET_IN:
            if self.wrappedProtocol is not None:  # Its factory may have raised.
                self.wrappedProtocol.connectionLost(reason)
            return
        if self._late.active():
            self._late.cancel()
        connections = self.factory.connections
        connections.closed(self, None)
        if self._stage is _Stage.STOPPED:
            unread = self._watched.unread_bytes if self._watched else 0
            connections.unread_bytes += len(self._head) + unread
            self._fault = STOPPED_FIRST
        peer = Peer.of(0, self.transport.getPeer())
        connections.refuse(peer, EndCause.HANDSHAKE, self._fault)

    @override
    def getPeer(self) -> IAddress:
        """Return the address that connected to the balancer."""
        return self._source or self.transport.getPeer()

    def pause(self) -> None:
        """Stop reading until `resume`."""
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        self.look_afresh()
        self.transport.resumeProducing()

    def look_afresh(self) -> None:
        """Let `stop_if_quiet` start again: its next call ends nothing."""
        self._bytes_last_turn = -1

    def stop_if_quiet(self) -> None:
        """End the connection if nothing came since the last call."""
        if len(self._head) == self._bytes_last_turn:
            self.abort()
        self._bytes_last_turn = len(self._head)

    def abort(self) -> None:
        """Abort the connection now."""
        if self._stage is _Stage.HEADER:
            self._stage = _Stage.STOPPED
            self._watched = watch(self.transport)
            self.transport.abortConnection()

    def _be_late(self) -> None:
        if self._stage is _Stage.HEADER:
            self._turn_away("no PROXY header in time")

    def _turn_away(self, fault: str) -> None:
        self._stage, self._fault = _Stage.TURNED_AWAY, fault
        self.transport.abortConnection()


class Arrivals(Interface):
    """Accounts for connections whose header has not arrived.

    The `Connections` of a `ReceiverFactory` provide this.

    Attributes:
        reading: counts the time in which peers can be read.
        unread_bytes: how many bytes had arrived but were never read, at
            connections that this side ended.
    """

    reading: ReadingClock
    unread_bytes: int

    def arrive(self, addr: IAddress | None) -> bool:
        """Count a connection, if there is room."""
        ...

    def opened(self, protocol: Held) -> None:
        """Add a connection, which can be paused from now on."""

    def let_in(self, arrival: Held, factory: IProtocolFactory, addr: IAddress) -> Any:
        """Make the protocol of a connection whose header has arrived."""

    def closed(self, protocol: Held, address: IAddress | None) -> None:
        """Remove a connection that was not let in."""

    def refuse(self, peer: Peer, cause: EndCause, detail: str) -> None:
        """Report that a connection was turned away."""


class ProxyFactory(WrappingFactory):
    """Makes connections behind a balancer look like direct ones.

    A connection counts as soon as it is accepted. When the whole header has arrived
    and is good, ``wrapped.buildProtocol`` makes the protocol; its transport's
    ``getPeer`` returns the address in the header.

    Args:
        wrapped: makes the protocols: the factory of ``connections``, if they have
            one, or a wrapper of it.
        trusted: the networks of the balancers; others are turned away.
        connections: counts and pauses connections whose header has not arrived, and
            reports those that are turned away.
        header_seconds: how long a header may take, without the time in which the
            sink is full.
    """

    noisy = False

    def __init__(
        self,
        wrapped: AnyFactory,
        trusted: Sequence[Network],
        *,
        connections: Arrivals,
        header_seconds: float = 10.0,
    ) -> None:
        super().__init__(wrapped)
        self.trusted = trusted
        self.connections = connections
        self.header_seconds = header_seconds

    @override
    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self.connections.arrive(addr):
            return _ProxiedProtocol(self)
        return TurnedAway()
