"""A port that is bound and refuses all connections, for a time or for ever."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from zope.interface import implementer

from echolab.addresses import format_address

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall, IProtocolFactory

    from echolab.interfaces import IReactor

__all__ = ["RefusingEndpoint", "RefusingPort"]

_log = Logger()


@implementer(IStreamServerEndpoint)
class RefusingEndpoint:
    """Binds a TCP port without listening, so that the kernel refuses connections.

    No other process can take the port in this time, so it is certain to be closed.

    Args:
        reactor: measures the time, and listens in the end.
        interface: IP address.
        port: TCP port; 0 takes a free one.
        backlog: how many connections may wait when the port listens.
        seconds: how long to refuse; None for ever.
    """

    def __init__(
        self,
        reactor: IReactor,
        interface: str,
        port: int,
        backlog: int,
        seconds: float | None,
    ) -> None:
        self._reactor = reactor
        self._address = interface, port
        self._backlog = backlog
        self._seconds = seconds

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Take the port.

        Returns:
            A Deferred that fires at once with a `RefusingPort`, or fails with a
            CannotListenError.
        """
        return maybeDeferred(self._take, protocolFactory)

    def _take(self, factory: IProtocolFactory) -> IListeningPort:
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        taken = socket.socket(family, socket.SOCK_STREAM)
        try:
            if family == socket.AF_INET6:
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Without SO_REUSEADDR: two sockets with it could both be bound.
            taken.bind((host, port))
        except OSError as error:
            taken.close()
            raise CannotListenError(host, port, error) from None
        return RefusingPort(self._reactor, taken, factory, self._backlog, self._seconds)


@implementer(IListeningPort)
class RefusingPort:
    """A port that is bound but does not listen; see listen(2).

    Attributes:
        listening: the port that listens in the end; None before that.
    """

    def __init__(
        self,
        reactor: IReactor,
        taken: socket.socket,
        factory: IProtocolFactory,
        backlog: int,
        seconds: float | None,
    ) -> None:
        self._reactor = reactor
        self._socket = taken
        self._factory = factory
        self._backlog = backlog
        self.listening: IListeningPort | None = None
        self._due: IDelayedCall | None = None
        if seconds is not None:
            self._due = reactor.callLater(seconds, self.startListening)

    def startListening(self) -> None:
        """Start listening."""
        self._due = None
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.listen(self._backlog)
        self._socket.setblocking(False)
        self.listening = self._reactor.adoptStreamPort(
            self._socket.fileno(),
            self._socket.family,
            cast("Any", self._factory),  # Twisted's annotation is too narrow.
        )
        self._socket.close()
        address = format_address(self.listening.getHost())
        _log.info("listening on {address}", address=address)

    def stopListening(self) -> Deferred[None]:
        """Free the port."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self.listening is not None:
            return self.listening.stopListening() or succeed(None)
        self._socket.close()
        return succeed(None)

    def getHost(self) -> IPv4Address | IPv6Address:
        """Return the address of the port."""
        kind = IPv6Address if self._socket.family == socket.AF_INET6 else IPv4Address
        host, port = self._socket.getsockname()[:2]
        return kind("TCP", host, port)
