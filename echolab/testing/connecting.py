"""Sockets that are connected, for clients without a reactor."""

from __future__ import annotations

import os
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from echolab.addresses import host_and_port
from echolab.testing.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ConnectedSocket", "address_of", "connected"]

Address: TypeAlias = tuple[str, int] | str
"""A host and a port, or a UNIX path."""

TLS: TypeAlias = bool | str | os.PathLike[str] | ssl.SSLContext
"""Whether to do TLS, and whom to trust: the system's CAs, those in a file, or a
context's."""


def address_of(
    where: str | os.PathLike[str] | tuple[str, int] | Place, port: int | None
) -> Address:
    """Return a pair of host and port, or a UNIX path.

    Raises:
        TypeError: it is neither.
    """
    address = where.address if isinstance(where, Place) else where
    match address, port:
        case (str(), int()):
            return str(address), port
        case ((str(host), int(number)), None):
            return host, number
        case (str() | os.PathLike(), None):
            path = os.fspath(address)
            if path.startswith("/") or not isinstance(address, str):
                return path
    raise TypeError(
        f"connect to a host and a port, or a UNIX path, not {where!r}"
        + ("" if port is None else f", {port!r}")
    )


class ConnectedSocket(NamedTuple):
    """A connected socket.

    Attributes:
        socket: the socket.
        address: the server's address, as the kernel has it.
        broken: why the connection has broken already, if it has.
    """

    socket: socket.socket
    address: Any
    broken: OSError | None


def connected(address: Address, tls: TLS, timeout: float) -> ConnectedSocket:
    """Connect, and do TLS's handshake.

    Args:
        address: where to connect.
        tls: whether to do TLS, and whom to trust.
        timeout: how long to connect at most, in seconds; then as long for TLS.

    Raises:
        OSError: it cannot connect; a note names the address.
    """
    context = _context(tls)
    try:
        plain = _connected(address, timeout)
        return plain._replace(socket=_secured(plain.socket, address, context))
    except OSError as why:
        place = address if isinstance(address, str) else host_and_port(*address)
        why.add_note(f"connect {place}")
        raise


def _connected(address: Address, timeout: float) -> ConnectedSocket:
    """Connect, to the first address of a host that takes the connection."""
    deadline = time.monotonic() + timeout
    last: OSError | None = None
    for family, where in _ways(address):
        broken: OSError | None = None
        connected = socket.socket(family)
        try:
            connected.settimeout(max(0.001, deadline - time.monotonic()))
            connected.connect(where)
        except ConnectionResetError as why:
            broken = why  # It was connected: what the server has sent is there.
        except OSError as why:
            connected.close()
            last = why
            continue
        if family != socket.AF_UNIX:
            # What is sent in pieces arrives in pieces.
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        return ConnectedSocket(connected, where, broken)
    raise last or OSError("no address")


def _ways(address: Address) -> Iterator[tuple[int, Any]]:
    """Yield the families and addresses of a host, or of a path."""
    if isinstance(address, str):
        yield socket.AF_UNIX, address
    else:
        for found in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            yield found[0], found[4]


def _context(tls: TLS) -> ssl.SSLContext | None:
    """Return what does TLS; None for no TLS.

    Raises:
        OSError: the file with the certificates cannot be read; a note names it.
    """
    if tls is False or isinstance(tls, ssl.SSLContext):
        return tls or None
    trusted = None if tls is True else os.fspath(tls)
    try:
        return ssl.create_default_context(cafile=trusted)
    except OSError as why:
        why.add_note(f"read {trusted}")
        raise


def _secured(
    plain: socket.socket, address: Address, context: ssl.SSLContext | None
) -> socket.socket:
    """Return a socket that does TLS, if that is wanted; close it if it cannot."""
    if context is None:
        return plain
    try:
        return context.wrap_socket(
            plain,
            server_hostname=None if isinstance(address, str) else address[0],
            suppress_ragged_eofs=False,
        )
    except BaseException:
        plain.close()
        raise
