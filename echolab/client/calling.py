"""The system calls with which a client connects."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.address import UNIXAddress
from zope.interface import directlyProvides, providedBy

from echolab.addresses import Peer
from echolab.connection.account import called
from echolab.sockets.calling import Call, CallingSocket, made
from echolab.timekeeping import monotonic, time_of_day

if TYPE_CHECKING:
    from echolab.events import Sink

__all__ = ["CallingReactor"]


class CallingReactor:
    """A reactor that reports the calls of each connection that it makes.

    They are reported with the peer number 0 until the connection is made. Whoever owns
    the socket then takes all that follow (`CallingSocket.report_to`).

    Args:
        reactor: connects.
        sink: takes the events `Called`.

    Attributes:
        monotonic: tells CLOCK_MONOTONIC, in seconds.
    """

    def __init__(self, reactor: Any, sink: Sink) -> None:
        self._reactor = reactor
        self._sink = sink
        self.monotonic = monotonic(reactor)
        self._now = time_of_day(reactor)
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        """Pass all other attributes on to the reactor."""
        return getattr(self._reactor, name)

    def report(self, peer: Peer, call: Call) -> None:
        """Report a call for a connection that is not made yet."""
        self._sink(called(call, peer, self._now()))

    def connect_ex(self, connected: socket.socket, address: bytes) -> int:
        """Connect a UNIX socket that was just made; return the errno."""
        peer = Peer.of(0, UNIXAddress(address))
        now = self.monotonic()
        self.report(peer, Call("socket", "", connected.fileno(), "", now, now))
        call, why = made(
            self.monotonic, "connect", "", lambda: connected.connect(address)
        )
        self.report(peer, call)
        return why.errno or 0 if isinstance(why, OSError) else 0

    def connectTCP(  # noqa: N802 - Twisted's name
        self, host: str, port: int, *args: Any, **kwargs: Any
    ) -> Any:
        """Like the reactor's method."""
        began = self.monotonic()
        connector = self._reactor.connectTCP(host, port, *args, **kwargs)
        found = getattr(connector.transport, "socket", None)
        if not isinstance(found, socket.socket):
            return connector
        family = "IPv6" if found.family == socket.AF_INET6 else "IPv4"
        peer = Peer(0, family, host, port)
        first = Call(
            "socket", "", found.fileno(), "", began, self.monotonic(), exact=False
        )
        calling = CallingSocket(found, self.monotonic, first, stamped=True)

        def report(call: Call) -> None:
            self.report(peer, call)
            if (call.name, call.result) == ("connect", 0):
                calling.hold_back()

        calling.report_to(report)
        connector.transport.socket = calling
        return connector
