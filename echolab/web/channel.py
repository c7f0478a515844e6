"""HTTP of the page: one request a connection, in little memory and time.

twisted.web bounds how long a line, how many and how large the headers may be. It
accepts bodies of any length into temporary files, answers pipelined requests one after
the other though nobody reads the answers, waits after each byte of a request anew, and
for ever for a browser that does not read. So here a connection has one request without
a body, which must have come within some seconds; what follows it is not read; and an
answer that nobody reads is dropped. If all places are taken, a new connection gets the
place of the one that has waited longest without a whole request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.internet.interfaces import ISystemHandle
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.web.http import HTTPChannel, Request
from typing_extensions import override

from echolab.server.turned_away import TurnedAway
from echolab.sockets.watching import keep_alive
from echolab.web.answers import PATIENCE_SECONDS, error
from echolab.web.gate import HEADERS
from echolab.web.request import PageRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from twisted.internet.interfaces import IAddress, IDelayedCall
    from twisted.python.failure import Failure

    from echolab.interfaces import AnyClock, IStreamTransport

__all__ = ["Channel", "ChannelFactory"]

REQUEST_SECONDS = 15
"""After so long a connection must have asked, and again have read the last bytes."""
MOST_CONNECTIONS = 100
MOST_HEADERS = 100
MOST_SURPLUS_BYTES = 64 << 10
"""So many bytes may follow a request."""
TLS_HANDSHAKE = 0x16


class Channel(HTTPChannel):
    """One connection of a browser."""

    factory: ChannelFactory
    transport: IStreamTransport

    def __init__(self, clock: AnyClock) -> None:
        super().__init__()
        self.requestFactory = PageRequest
        self.maxHeaders = MOST_HEADERS
        self.timeOut = REQUEST_SECONDS
        self._clock = clock
        self._has_begun = False
        self._surplus_bytes = 0

    @override
    def connectionMade(self) -> None:
        super().connectionMade()
        self.factory.begun(self)
        system = ISystemHandle(self.transport, None)
        if system is not None:  # The kernel notices a browser that is gone.
            keep_alive(cast("socket", system.getHandle()), PATIENCE_SECONDS)

    @override
    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.ended(self)
        super().connectionLost(reason)

    @override
    def dataReceived(self, data: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            if data[0] == TLS_HANDSHAKE:  # It has no line, and would be waited for.
                self._respondToBadRequestAndDisconnect()
                return
        super().dataReceived(data)

    @override
    def callLater(self, period: float, func: Callable[[], object]) -> IDelayedCall:
        return self._clock.callLater(period, func)

    @override
    def resetTimeout(self) -> None:
        """Do not wait longer for a request that comes byte by byte."""

    @override
    def timeoutConnection(self) -> None:
        self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        self.transport.abortConnection()

    @override
    def lineLengthExceeded(self, line: bytes) -> None:
        self._respondToBadRequestAndDisconnect()

    @override
    def headerReceived(self, line: bytes) -> bool:
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # Python reads no number of thousands of digits.
            self._respondToBadRequestAndDisconnect()
            return False

    @override
    def allHeadersReceived(self) -> None:
        self.factory.asked(self)
        request = self.requests[-1]
        request.has_body = self.length != 0  # None if it comes in chunks.
        request.requestHeaders.removeHeader(b"Expect")
        self.length = 0
        super().allHeadersReceived()

    @override
    def checkPersistence(self, request: Request, version: bytes) -> bool:
        request.setHeader(b"Connection", b"close")
        return False

    @override
    def rawDataReceived(self, data: bytes) -> None:
        """Ignore what follows the request, while that is answered."""
        self._surplus_bytes += len(data)
        if self._surplus_bytes > MOST_SURPLUS_BYTES:
            self.abort()

    @override
    def requestDone(self, request: Request) -> None:
        self.setTimeout(REQUEST_SECONDS)  # for the last bytes to be read
        super().requestDone(request)

    @override
    def _respondToBadRequestAndDisconnect(self) -> None:
        """Answer what is no request, with the headers that all answers have."""
        answer = error(400, html=False)
        headers = (
            *HEADERS,
            ("Content-Type", answer.kind),
            ("Content-Length", str(len(answer.body))),
            ("Connection", "close"),
        )
        lines = [f"{name}: {value}\r\n" for name, value in headers]
        head = f"HTTP/1.1 400 Bad Request\r\n{''.join(lines)}\r\n"
        self.transport.write(head.encode() + answer.body)
        self.loseConnection()


class ChannelFactory(ServerFactory[Any]):
    """Makes the connections of browsers, so many at a time.

    Args:
        answer: answers a request.
        clock: measures how long they take.

    Attributes:
        channels: the open ones.
    """

    noisy = False

    def __init__(
        self, answer: Callable[[PageRequest], None], *, clock: AnyClock
    ) -> None:
        self.answer = answer
        self.channels: set[Channel] = set()
        self._asking: dict[Channel, None] = {}  # the one that began first is first
        self._clock = clock

    @override
    def buildProtocol(self, addr: IAddress | None) -> Channel | TurnedAway:
        if len(self.channels) >= MOST_CONNECTIONS:
            if not self._asking:
                return TurnedAway()
            oldest = next(iter(self._asking))
            self.ended(oldest)
            oldest.abort()
        channel = Channel(self._clock)
        channel.factory = self
        return channel

    def begun(self, channel: Channel) -> None:
        """Note that a connection has begun."""
        self.channels.add(channel)
        self._asking[channel] = None

    def asked(self, channel: Channel) -> None:
        """Note that a connection has a whole request."""
        self._asking.pop(channel, None)

    def ended(self, channel: Channel) -> None:
        """Note that a connection has ended."""
        self.channels.discard(channel)
        self._asking.pop(channel, None)

    def log(self, request: Request) -> None:
        """Keep no log of requests: their addresses may have the token."""

    def close(self) -> None:
        """End all connections at once."""
        for channel in [*self.channels]:
            channel.abort()
