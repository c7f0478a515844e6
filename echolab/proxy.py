"""The PROXY protocol, by which a balancer says for whom it connects.

Versions 1 and 2, as in HAProxy's ``proxy-protocol.txt``. `parse` is free of I/O;
`ProxyFactory` puts it in front of any other factory.
"""

from __future__ import annotations

import enum
import socket
from dataclasses import dataclass
from ipaddress import AddressValueError, ip_address
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from typing_extensions import override
from zope.interface import alsoProvides, directlyProvides, providedBy

from echolab.admission import contains
from echolab.errors import MalformedError
from echolab.events import EndCause, Peer
from echolab.kernel import watch
from echolab.turned_away import TurnedAway

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.interfaces import (
        IAddress,
        IProtocolFactory,
        ITransport,
    )
    from twisted.python.failure import Failure

    from echolab.admission import Network
    from echolab.interfaces import IStreamTransport
    from echolab.kernel import WatchedSocket
    from echolab.server import ReceiverFactory

__all__ = ["Header", "ProxyFactory", "parse"]

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1_BYTES = 107
"""The longest header of version 1, with its end."""
V2_BYTES = 4096
"""The longest header of version 2 that is accepted; 232 carry every address."""

_V2_HEAD = 16
_PORTS = 65535


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says.

    Attributes:
        source: who connected to the balancer; None where it does not say (health
            checks, unknown protocols): then it is the balancer itself.
        size: how many bytes the header has.
    """

    source: IPv4Address | IPv6Address | UNIXAddress | None
    size: int


def parse(data: bytes) -> Header | None:
    """Read a header at the start of ``data``.

    Returns:
        The header; None if there is not enough of it yet.

    Raises:
        MalformedError: this is no header.
    """
    if data.startswith(SIGNATURE):
        return _parse_v2(data)
    if data.startswith(b"PROXY"):
        return _parse_v1(data)
    if SIGNATURE.startswith(data) or b"PROXY".startswith(data):
        return None
    raise MalformedError("no PROXY header")


def _parse_v1(data: bytes) -> Header | None:
    line, end, _ = data[:V1_BYTES].partition(b"\r\n")
    if not end:
        if len(data) >= V1_BYTES:
            raise MalformedError("a PROXY header that does not end")
        return None
    size = len(line) + len(end)
    match line.split(b" "):
        case [b"PROXY", b"UNKNOWN", *_]:
            return Header(None, size)
        case [b"PROXY", b"TCP4", source, destination, port, other]:
            host = _host(source, 4)
            _host(destination, 4), _port(other)
            return Header(IPv4Address("TCP", host, _port(port)), size)
        case [b"PROXY", b"TCP6", source, destination, port, other]:
            host = _host(source, 6)
            _host(destination, 6), _port(other)
            return Header(IPv6Address("TCP", host, _port(port)), size)
        case _:
            raise MalformedError("not a PROXY header of version 1")


def _host(text: bytes, version: int) -> str:
    try:
        address = ip_address(text.decode("ascii"))
    except (ValueError, AddressValueError):
        raise MalformedError("no IP address in a PROXY header") from None
    if address.version != version or b"%" in text:
        raise MalformedError("an IP address of another kind in a PROXY header")
    return socket.inet_ntop(
        socket.AF_INET if version == 4 else socket.AF_INET6, address.packed
    )


def _port(text: bytes) -> int:
    # The specification forbids leading zeros, and int() takes more than digits.
    plain = text.isdigit() and (text == b"0" or not text.startswith(b"0"))
    if not plain or len(text) > len("65535") or int(text) > _PORTS:
        raise MalformedError("no port in a PROXY header")
    return int(text)


def _parse_v2(data: bytes) -> Header | None:
    if len(data) < _V2_HEAD:
        return None
    version, command = data[12] >> 4, data[12] & 15
    size = _V2_HEAD + int.from_bytes(data[14:16], "big")
    if version != 2 or command > 1:
        raise MalformedError("a PROXY header of an unknown version or command")
    if size > V2_BYTES:
        raise MalformedError(f"a PROXY header of over {V2_BYTES} bytes")
    if len(data) < size:
        return None
    family, body = data[13], data[_V2_HEAD:size]
    if command == 0 or family == 0:  # LOCAL, or UNSPEC
        return Header(None, size)
    if family == 0x11 and len(body) >= 12:
        host = socket.inet_ntop(socket.AF_INET, body[:4])
        port = int.from_bytes(body[8:10], "big")
        return Header(IPv4Address("TCP", host, port), size)
    if family == 0x21 and len(body) >= 36:
        host = socket.inet_ntop(socket.AF_INET6, body[:16])
        port = int.from_bytes(body[32:34], "big")
        return Header(IPv6Address("TCP", host, port), size)
    if family == 0x31 and len(body) >= 216:
        return Header(UNIXAddress(body[:108].rstrip(b"\0")), size)
    raise MalformedError("a PROXY header of an unknown family")


class _Stage(enum.Enum):
    HEADER = enum.auto()
    """Its header has yet to come."""
    LET_IN = enum.auto()
    TURNED_AWAY = enum.auto()
    STOPPED = enum.auto()
    """This side ended it before its header was there."""


class _ProxiedProtocol(ProtocolWrapper):
    """Reads the header, then makes and runs the protocol behind it."""

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
        reading = factory.receivers.reading
        self._late = reading.call_later(factory.header_seconds, self._be_late)
        factory.receivers.opened(self)
        if not contains(factory.trusted, getattr(transport.getPeer(), "host", None)):
            self._turn_away("no trusted proxy")

    @override
    def dataReceived(self, data: bytes) -> None:
        if self._stage is _Stage.LET_IN:
            self.wrappedProtocol.dataReceived(data)
        elif self._stage is _Stage.HEADER:
            self._head += data
            try:
                header = parse(self._head)
            except MalformedError as why:
                self._turn_away(str(why))
                return
            if header is not None:
                self._let_in(header)

    def _let_in(self, header: Header) -> None:
        self._late.cancel()
        self._stage = _Stage.LET_IN
        self._source = header.source
        rest, self._head = self._head[header.size :], b""
        factory = self.factory
        wrapped = self.wrappedProtocol = factory.receivers.let_in(
            self, factory.wrappedFactory, self.getPeer()
        )
        wrapped.makeConnection(self)
        # A wrapper takes for its own what its transport provides: so this is said
        # only now, and only if it is the protocol that does.
        if IHalfCloseableProtocol.providedBy(wrapped):
            alsoProvides(self, IHalfCloseableProtocol)
        if rest:
            wrapped.dataReceived(rest)

    @override
    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.unregisterProtocol(self)
        if self._stage is _Stage.LET_IN:
            self.wrappedProtocol.connectionLost(reason)
            return
        if self._late.active():
            self._late.cancel()
        receivers = self.factory.receivers
        receivers.closed(self, None)
        if self._stage is _Stage.STOPPED:
            unread = self._watched.unread_bytes if self._watched else 0
            receivers.unread_bytes += len(self._head) + unread
        else:
            peer = Peer.of(0, self.transport.getPeer())
            receivers.refuse(peer, EndCause.HANDSHAKE, self._fault)

    def readConnectionLost(self) -> None:
        """The peer has ended its sending side."""
        self.wrappedProtocol.readConnectionLost()

    def writeConnectionLost(self) -> None:
        """This side has."""
        self.wrappedProtocol.writeConnectionLost()

    @override
    def getPeer(self) -> IAddress:
        """Who connected to the balancer."""
        return self._source or self.transport.getPeer()

    def pause(self) -> None:
        """Read no header until `resume`."""
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        self._bytes_last_turn = -1
        self.transport.resumeProducing()

    def stop_if_quiet(self) -> None:
        """End the connection if nothing came since this was last asked."""
        if len(self._head) == self._bytes_last_turn:
            self.abort()
        self._bytes_last_turn = len(self._head)

    def abort(self) -> None:
        """End the connection now."""
        if self._stage is _Stage.HEADER:
            self._stage = _Stage.STOPPED
            self._watched = watch(self.transport)
            self.transport.abortConnection()

    def _be_late(self) -> None:
        self._turn_away("no PROXY header in time")

    def _turn_away(self, fault: str) -> None:
        self._stage, self._fault = _Stage.TURNED_AWAY, fault
        self.transport.abortConnection()


class ProxyFactory(WrappingFactory):
    """Makes connections behind a balancer look as if they were direct.

    A connection counts from the moment it is accepted. The protocol behind is
    made, by ``wrapped.buildProtocol``, when the header has come whole and is good;
    its transport's ``getPeer`` is what the header says.

    Args:
        wrapped: makes the protocols behind: ``receivers``, or what wraps it.
        trusted: the networks of the balancers; others are turned away.
        receivers: counts and holds back those whose header has yet to come, and
            is told of those who are turned away.
        header_seconds: how long a header may take, not counting the time in which
            the sink is full.
    """

    noisy = False

    def __init__(
        self,
        wrapped: IProtocolFactory,
        trusted: Sequence[Network],
        *,
        receivers: ReceiverFactory,
        header_seconds: float = 10.0,
    ) -> None:
        super().__init__(wrapped)
        self.trusted = trusted
        self.receivers = receivers
        self.header_seconds = header_seconds

    @override
    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self.receivers.arrive(addr):
            return _ProxiedProtocol(self)
        return TurnedAway()
