"""Sockets that somebody else has opened and handed over, as systemd does."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.endpoints import AdoptedStreamServerEndpoint

from echolab.sockets.unix_listening import HandedUNIXEndpoint

if TYPE_CHECKING:
    from twisted.internet.interfaces import IStreamServerEndpoint

__all__ = ["handed_over"]


def handed_over(reactor: Any, fd: int) -> IStreamServerEndpoint:
    """Make an endpoint of a socket, by the family it has.

    Twisted believes the family that it is told, and reads peers' addresses as such.

    Args:
        reactor: listens.
        fd: the socket's descriptor.

    Raises:
        ValueError: nobody can be accepted on it; Twisted would try for ever.
    """
    with socket.socket(fileno=os.dup(fd)) as handed:
        listens = handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if handed.type != socket.SOCK_STREAM or not listens:
            raise ValueError("that is not a listening stream socket")
        family = handed.family
    if family == socket.AF_UNIX:
        return HandedUNIXEndpoint(reactor, fd)
    if family not in {socket.AF_INET, socket.AF_INET6}:
        raise ValueError("that is neither a TCP nor a UNIX socket")
    endpoint: IStreamServerEndpoint = AdoptedStreamServerEndpoint(reactor, fd, family)
    return endpoint
