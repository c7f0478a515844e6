"""Sockets that another program, such as systemd, has opened and handed over."""

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
    """Return an endpoint for a socket, according to its real family.

    Twisted trusts the family in the endpoint string, and reads peers' addresses as
    such.

    Args:
        reactor: listens.
        fd: the socket's descriptor.

    Raises:
        ValueError: the socket cannot accept connections; Twisted would try for ever.
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
