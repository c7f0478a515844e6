"""The state of a TCP connection's ends, as inet_diag tells it; see sock_diag(7).

It tells of every socket of this machine: of the other end, if that is here, and of
what is left of a connection that was closed.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from echolab.sockets.tcp_info import state_name

if TYPE_CHECKING:
    from echolab.addresses import Peer

__all__ = ["CLOSED", "Diagnoser", "Diagnosis"]

CLOSED = "CLOSED"

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLMSG_ERROR = 2
NLM_F_REQUEST = 1
ALL_STATES = 0xFFFFFFFF
NO_COOKIE = 0xFFFFFFFF
TIMERS = {1, 2, 3, 4}
"""Retransmission, keepalive, TIME_WAIT and zero-window probes (tcp(7), ss(8))."""

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI")
_PORTS = struct.Struct("!HH")
_REST = struct.Struct("=III")
_ANSWER = struct.Struct("=BBBB48xIII")
_ERROR = struct.Struct("=i")
MILLIS = 1e3


class Diagnosis(NamedTuple):
    """What is known of one end of a connection.

    Attributes:
        state: its state (RFC 9293); ``CLOSED`` if the kernel knows it no more.
        timer_seconds: when its timer expires; None if none runs.
        unread_bytes: how many bytes have arrived there and are not read.
        unacknowledged_bytes: how many bytes wait there to be sent or acknowledged.
    """

    state: str
    timer_seconds: float | None = None
    unread_bytes: int = 0
    unacknowledged_bytes: int = 0


class Diagnoser:
    """Asks the kernel about the ends of TCP connections (Linux).

    Raises:
        OSError: there is no inet_diag.
    """

    def __init__(self) -> None:
        if not hasattr(socket, "AF_NETLINK"):
            raise OSError(errno.ENOSYS, "no netlink")
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG
        )
        self._socket.setblocking(False)

    def __call__(self, here: Peer, there: Peer) -> Diagnosis | None:
        """Ask about the end that has the address ``here``.

        Args:
            here: the address of that end.
            there: the address of the end that it is connected with.

        Returns:
            What the kernel says; None if it cannot be asked.
        """
        if here.host is None or there.host is None:
            return None
        family = socket.AF_INET6 if here.family == "IPv6" else socket.AF_INET
        try:
            addresses = _packed(here.host) + _packed(there.host)
            body = (
                _REQUEST.pack(family, socket.IPPROTO_TCP, 0, ALL_STATES)
                + _PORTS.pack(here.port or 0, there.port or 0)
                + addresses
                + _REST.pack(0, NO_COOKIE, NO_COOKIE)
            )
            size = _HEADER.size + len(body)
            header = _HEADER.pack(size, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0)
            self._socket.send(header + body)
            answer = self._socket.recv(4096)
        except (OSError, ValueError, struct.error):
            return None
        return _read(answer)

    def close(self) -> None:
        """Ask no more."""
        with suppress(OSError):
            self._socket.close()


def _packed(host: str) -> bytes:
    """Return an address in the 16 bytes of struct inet_diag_sockid."""
    return ipaddress.ip_address(host.partition("%")[0]).packed.ljust(16, b"\0")


def _read(answer: bytes) -> Diagnosis | None:
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    if kind == NLMSG_ERROR:
        [number] = _ERROR.unpack_from(answer, _HEADER.size)
        return Diagnosis(CLOSED) if number == -errno.ENOENT else None
    if kind != SOCK_DIAG_BY_FAMILY:
        return None
    _, state, timer, _, expires, unread, unacknowledged = _ANSWER.unpack_from(
        answer, _HEADER.size
    )
    if state_name(state) == "LISTEN":
        return Diagnosis(CLOSED)  # The kernel found only the socket that listens there.
    seconds = expires / MILLIS if timer in TIMERS else None
    return Diagnosis(state_name(state), seconds, unread, unacknowledged)
