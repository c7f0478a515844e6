"""UNIX sockets to listen on: named, abstract, or handed over; see unix(7)."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from typing_extensions import override
from zope.interface import implementer

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IProtocolFactory

__all__ = ["KeptEndpoint", "UNIXEndpoint"]


@implementer(IStreamServerEndpoint)
class UNIXEndpoint:
    """Listens on a UNIX path, or on an abstract name.

    A socket that a dead process left at the path is replaced; one that somebody
    listens on, or a file, is not. The path is gone at the end, unless by then it
    is somebody else's.

    Args:
        reactor: listens.
        path: the path; ``@name`` for an abstract name.
        mode: of the path.
        backlog: how many connections may wait to be accepted.
    """

    def __init__(
        self, reactor: Any, path: str, *, mode: int = 0o600, backlog: int = 1024
    ) -> None:
        self._reactor = reactor
        self._path = path
        self._mode = mode
        self._backlog = backlog

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen; or fail with CannotListenError."""
        path = os.fsencode(self._path)
        abstract = path.startswith(b"@")
        if abstract:
            path = b"\0" + path[1:]
        else:
            _remove_if_stale(path)
        # Until the mode is set nobody else is to connect.
        before = os.umask(0o177)
        try:
            port = self._reactor.listenUNIX(
                path, protocolFactory, backlog=self._backlog, mode=self._mode
            )
            return succeed(port if abstract else _PathPort(port, path))
        except (CannotListenError, OSError) as error:
            return fail(error)
        finally:
            os.umask(before)


def _remove_if_stale(path: bytes) -> None:
    """Remove a socket that nobody listens on any more."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            probe.setblocking(False)
            if probe.connect_ex(path) == errno.ECONNREFUSED:
                Path(os.fsdecode(path)).unlink()


@implementer(IListeningPort)
class _KeptPort:
    """A listening port whose path is not to be removed at its end.

    Twisted would; so the socket is only closed.
    """

    def __init__(self, port: Any) -> None:
        self._port = port

    def startListening(self) -> None:
        """Listen, once more."""
        self._port.startListening()

    def stopListening(self) -> Deferred[None] | None:
        """Accept nothing more."""
        self._port.stopReading()
        self._port.socket.close()
        return None

    def getHost(self) -> IAddress:
        """Where it listens."""
        host: IAddress = self._port.getHost()
        return host


class _PathPort(_KeptPort):
    """A listening port that removes its path, if it is still its own."""

    def __init__(self, port: Any, path: bytes) -> None:
        super().__init__(port)
        self._path = path
        self._inode = os.lstat(path).st_ino

    @override
    def stopListening(self) -> Deferred[None] | None:
        """Accept nothing more; remove the path."""
        with suppress(OSError):
            if os.lstat(self._path).st_ino == self._inode:
                stopped: Deferred[None] | None = self._port.stopListening()
                return stopped
        return super().stopListening()


@implementer(IStreamServerEndpoint)
class KeptEndpoint:
    """An endpoint whose sockets are another's, as systemd's: they stay.

    Args:
        endpoint: listens.
    """

    def __init__(self, endpoint: IStreamServerEndpoint) -> None:
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen."""
        listening: Deferred[IListeningPort] = self._endpoint.listen(protocolFactory)
        return listening.addCallback(_KeptPort)
