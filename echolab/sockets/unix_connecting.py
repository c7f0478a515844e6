"""Connect to UNIX sockets; see unix(7)."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.address import UNIXAddress
from twisted.internet.error import NoProtocol, getConnectError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from typing_extensions import override
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory

__all__ = ["UNIXClientEndpoint"]


@implementer(IStreamClientEndpoint)
class UNIXClientEndpoint:
    """Connect to a UNIX path, or to an abstract name.

    If the server's queue is full, `connect` fails at once. Twisted's own endpoint
    takes EAGAIN for a connection in progress.

    Args:
        reactor: connects.
        path: the path; ``@name`` for an abstract name.
        connect_ex: calls connect(2), given the socket and the address, and returns the
            errno.
    """

    def __init__(
        self,
        reactor: Any,
        path: str,
        connect_ex: Callable[[socket.socket, bytes], int] = socket.socket.connect_ex,
    ) -> None:
        self._reactor = reactor
        self._path = path
        self._connect_ex = connect_ex

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; or fail with an OSError, or with Twisted's error for it."""
        return deferLater(self._reactor, 0, self._connect, protocolFactory)

    def _connect(self, factory: IProtocolFactory) -> IProtocol:
        abstract = self._path.startswith("@")
        name = f"\0{self._path[1:]}" if abstract else self._path
        with closing(socket.socket(socket.AF_UNIX)) as connected:
            connected.setblocking(False)
            number = self._connect_ex(connected, os.fsencode(name))
            if number == errno.EAGAIN:
                raise BlockingIOError(number, "the queue is full (EAGAIN)")
            if number == errno.ECONNREFUSED and not abstract:
                number = _why_refused(Path(name))
            if number:
                raise getConnectError((number, os.strerror(number)))
            protocol = factory.buildProtocol(UNIXAddress(name))
            if protocol is None:
                raise NoProtocol
            self._reactor.adoptStreamConnection(
                connected.fileno(), socket.AF_UNIX, _Made(protocol)
            )
        return protocol


def _why_refused(path: Path) -> int:
    """Return the errno; a path that refuses may not be a socket."""
    if path.is_dir():
        return errno.EISDIR
    return errno.ECONNREFUSED if path.is_socket() else errno.ENOTSOCK


class _Made(Factory[Protocol]):
    """Give the reactor a protocol that already exists."""

    noisy = False

    def __init__(self, protocol: IProtocol) -> None:
        self._made: Any = protocol

    @override
    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        made: Protocol = self._made
        return made
