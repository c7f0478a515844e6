"""Listen on UNIX sockets: paths, abstract names, sockets handed over; see unix(7)."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet import unix
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from typing_extensions import override
from zope.interface import implementer

from echolab.sockets.stale_path import alone_in, remove_if_stale

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IProtocolFactory

__all__ = ["HandedUNIXEndpoint", "UNIXEndpoint"]


@implementer(IStreamServerEndpoint)
class UNIXEndpoint:
    """Listen on a UNIX path, or on an abstract name.

    A socket that a dead process left at the path is replaced. A socket in use, or a
    file, is not. The path is removed at the end, unless another process has replaced
    it.

    Args:
        reactor: listens.
        path: the path; ``@name`` for an abstract name.
        mode: the mode of the path; at most 0o777.
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
        return maybeDeferred(
            _listen, self._reactor, protocolFactory, self._path, self._socket
        )

    def _socket(self) -> socket.socket:
        if self._path.startswith("@"):
            return _AbstractSocket(self._path[1:], self._backlog)
        return _PathSocket(self._path, self._mode, self._backlog)


@implementer(IStreamServerEndpoint)
class HandedUNIXEndpoint:
    """Listen on a socket that another program, such as systemd, has made.

    Args:
        reactor: listens.
        fd: the socket's descriptor; it stays open, and its path stays.
    """

    def __init__(self, reactor: Any, fd: int) -> None:
        self._reactor = reactor
        self._fd = fd

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen."""
        name = f"fd {self._fd}"
        return maybeDeferred(
            _listen, self._reactor, protocolFactory, name, self._socket
        )

    def _socket(self) -> socket.socket:
        os.set_inheritable(self._fd, False)
        return _ListeningSocket(fileno=os.dup(self._fd))


def _listen(
    reactor: Any,
    factory: IProtocolFactory,
    name: str,
    make: Callable[[], socket.socket],
) -> IListeningPort:
    port = _Port(reactor, factory, name, make)
    port.startListening()
    return port


class _Port(unix.Port):
    """A port for sockets that listen already.

    Twisted's port would set the mode of the path, also through a link and also for
    systemd's socket; and it would remove the path at the end, even if another process
    has it by then. So this class tells Twisted that the name is abstract.

    Args:
        reactor: reads.
        factory: makes the protocols.
        name: the name in Twisted's log.
        make: makes the socket, each time the port starts to listen.
    """

    def __init__(
        self,
        reactor: Any,
        factory: IProtocolFactory,
        name: str,
        make: Callable[[], socket.socket],
    ) -> None:
        super().__init__(os.fsencode(f"\0{name}"), factory, reactor=reactor)
        self._make = make

    @override
    def createInternetSocket(self) -> socket.socket:
        listening = self._make()
        listening.setblocking(False)
        return listening

    @override
    def stopListening(self, *args: Any, **kwargs: Any) -> Any:
        # Remove the path now, because there may be no other turn of the reactor:
        # the program ends if another endpoint cannot listen.
        if isinstance(self.socket, _PathSocket):
            self.socket.remove_path()
        return super().stopListening(*args, **kwargs)

    @override
    def _logConnectionLostMsg(self) -> None:
        """Log nothing: Twisted would log the NUL as it is."""


class _ListeningSocket(socket.socket):
    """A socket that listens already, and does not change until it is closed."""

    @override
    def bind(self, address: Any, /) -> None:
        """Do nothing: the socket is bound."""

    @override
    def listen(self, backlog: int = 0, /) -> None:
        """Do nothing: the socket listens, and has its backlog."""

    @override
    def shutdown(self, how: int, /) -> None:
        """Do nothing: others may share the socket, and its path is still in use."""


class _AbstractSocket(_ListeningSocket):
    """A socket that listens on an abstract name."""

    def __init__(self, name: str, backlog: int) -> None:
        super().__init__(socket.AF_UNIX)
        try:
            socket.socket.bind(self, os.fsencode(f"\0{name}"))
            socket.socket.listen(self, backlog)
        except OSError:
            self.close()
            raise


class _PathSocket(_ListeningSocket):
    """A socket that listens on a path; when closed it removes the path, if its own."""

    def __init__(self, path: str, mode: int, backlog: int) -> None:
        super().__init__(socket.AF_UNIX)
        self._path = Path(path)
        self._file: tuple[int, int] | None = None
        try:
            with alone_in(self._path.parent) as alone:
                self._make_room(alone=alone)
                # umask sets the mode from the first moment; chmod would follow links.
                before = os.umask(0o777 & ~mode)
                try:
                    socket.socket.bind(self, os.fsencode(path))
                finally:
                    os.umask(before)
                self._file = _identity(self._path)
                socket.socket.listen(self, backlog)
        except OSError:
            self.close()
            raise

    def _make_room(self, *, alone: bool) -> None:
        if self._path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if alone:
            remove_if_stale(self._path)
        elif self._path.exists():
            why = "its folder is locked by another program (flock)"
            raise OSError(errno.EADDRINUSE, why)

    def remove_path(self) -> None:
        """Remove the path, if it is still this socket's."""
        if self._file is not None and self._file == _identity(self._path):
            with suppress(OSError):
                self._path.unlink()

    @override
    def close(self) -> None:
        self.remove_path()
        super().close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None
