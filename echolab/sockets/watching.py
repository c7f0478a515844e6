"""The kernel's facts about a connection: errors, round trips, credentials.

Twisted tells a protocol that a connection was lost, but not why. When it calls
``connectionLost``, the errno and the socket are gone. So the socket is watched.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
import termios
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.protocols.policies import ProtocolWrapper

from echolab.addresses import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "WatchedSocket",
    "keep_alive",
    "keep_urgent_data",
    "pending_error",
    "prepare_connection",
    "prepare_port",
    "unacknowledged_bytes",
    "watch",
]

# struct tcp_info of <linux/tcp.h>: tcpi_rtt (microseconds), tcpi_total_retrans.
_TCP_INFO = struct.Struct("=68xI28xI")

_HARMLESS = {errno.EAGAIN, errno.EINTR}


class WatchedSocket:
    """A connected socket that remembers how it ended.

    Attributes:
        error: the errno that ended it, or 0.
        sent_bytes: how many bytes the kernel has taken.
        unread_bytes: how many bytes had arrived but were never read.
        unacknowledged_bytes: how many sent bytes the peer's kernel had not
            acknowledged; this side's end (FIN) counts as one byte.
        has_ended: whether this side's end was sent, or waits to be sent.
        rtt_seconds: the kernel's smoothed round-trip time, if known.
        retransmits: how many segments the kernel sent again, if known.
    """

    __slots__ = (
        "_at_end",
        "_socket",
        "error",
        "has_ended",
        "retransmits",
        "rtt_seconds",
        "sent_bytes",
        "unacknowledged_bytes",
        "unread_bytes",
    )

    def __init__(self, watched: socket.socket) -> None:
        self._socket = watched
        self._at_end = False
        self.error = 0
        self.sent_bytes = 0
        self.unread_bytes = 0
        self.unacknowledged_bytes = 0
        self.has_ended = False
        self.rtt_seconds: float | None = None
        self.retransmits: int | None = None

    def __getattr__(self, name: str) -> Any:
        """Pass all other attributes on to the socket."""
        return getattr(self._socket, name)

    def recv(self, size: int) -> bytes:
        """Like the socket's method."""
        try:
            data = self._socket.recv(size)
        except OSError as error:
            self._note(error)
            raise
        if not data:
            self._at_end = True
        return data

    def recvmsg(self, *args: int) -> Any:
        """Like the socket's method."""
        return self._try(self._socket.recvmsg, *args)

    def send(self, data: bytes | memoryview) -> int:
        """Like the socket's method."""
        sent: int = self._try(self._socket.send, data)
        self.sent_bytes += sent
        return sent

    def shutdown(self, how: int) -> None:
        """Like the socket's method."""
        self._socket.shutdown(how)
        self.has_ended = self.has_ended or how != socket.SHUT_RD

    def close(self) -> None:
        """Close the socket, and first ask the kernel for its final facts."""
        watched = self._socket
        try:
            if not self._at_end:
                self.unread_bytes = _ask(watched, termios.FIONREAD)
            if self.sent_bytes:
                self.unacknowledged_bytes = _ask(watched, termios.TIOCOUTQ)
            if self.sent_bytes or not self._at_end:
                pending = watched.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if self.error in (0, errno.EPIPE):  # EPIPE says less.
                    self.error = pending or self.error
            info = watched.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size
            )
            microseconds, self.retransmits = _TCP_INFO.unpack(info)
            self.rtt_seconds = microseconds / 1e6
        except (OSError, AttributeError, struct.error):
            pass  # Not TCP, not Linux, or an old Linux.
        watched.close()

    def credentials(self) -> Credentials | None:
        """Return the peer's credentials, if this is a UNIX socket (Linux)."""
        if self._socket.family != socket.AF_UNIX:
            return None
        try:
            packed = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except (OSError, AttributeError):
            return None
        pid, uid, _ = struct.unpack("iII", packed)
        return Credentials(pid, uid)

    def handed_to(
        self, make: Callable[[socket.socket], WatchedSocket]
    ) -> WatchedSocket:
        """Return another watched socket, made by ``make``, that knows all of this."""
        other = make(self._socket)
        for name in WatchedSocket.__slots__:
            setattr(other, name, getattr(self, name))
        return other

    def _try(self, call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(*args)
        except OSError as error:
            self._note(error)
            raise

    def _note(self, error: OSError) -> None:
        if error.errno not in _HARMLESS:
            self.error = error.errno or 0


def watch(
    transport: Any, make: Callable[[socket.socket], WatchedSocket] | None = None
) -> WatchedSocket | None:
    """Watch the socket of a transport, below all layers.

    Args:
        transport: the transport.
        make: makes the watched socket, if it is not watched already.

    Returns:
        The watched socket; None if there is no socket.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    found = getattr(transport, "socket", None)
    if isinstance(found, WatchedSocket):
        return found
    if not isinstance(found, socket.socket):
        return None
    watched = (make or WatchedSocket)(found)
    transport.socket = watched
    return watched


def watch_calls(
    transport: Any,
    watched: WatchedSocket,
    make: Callable[[socket.socket], WatchedSocket],
) -> WatchedSocket:
    """Watch a socket in another way from now on.

    Args:
        transport: the transport of the socket.
        watched: watches it now.
        make: makes what watches it then; it takes over what is known.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    if getattr(transport, "socket", None) is not watched:
        return watched  # It is closed.
    transport.socket = watched.handed_to(make)
    other: WatchedSocket = transport.socket
    return other


def keep_urgent_data(transport: Any) -> None:
    """Receive an urgent byte (MSG_OOB) in its place among the other bytes.

    By default, the kernel keeps it apart, and loses it when the next one arrives. See
    SO_OOBINLINE in socket(7), and tcp(7).

    Args:
        transport: a connection or a port; without a socket, nothing is done.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    with suppress(AttributeError, OSError):
        transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)


def prepare_port(port: Any, keepalive_seconds: float) -> None:
    """Set options of a listening socket that accepted sockets inherit (tcp(7)).

    Args:
        port: the listening port.
        keepalive_seconds: see `keep_alive`; 0 for never.
    """
    keep_urgent_data(port)
    if keepalive_seconds and (listening := getattr(port, "socket", None)):
        keep_alive(listening, keepalive_seconds)


def prepare_connection(accepted: WatchedSocket, keepalive_seconds: float) -> None:
    """Set the same options of an accepted socket, if it has not inherited them.

    Connections that waited before the options were set do not inherit them. One of
    these is the client for which systemd starts the server.
    """
    with suppress(OSError, AttributeError):
        if accepted.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE):
            return
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    if keepalive_seconds:
        keep_alive(accepted, keepalive_seconds)


def unacknowledged_bytes(transport: Any) -> int:
    """Return how many bytes the peer's kernel has not acknowledged (tcp(7), SIOCOUTQ).

    Returns:
        The number of bytes; 0 also if it is unknown.
    """
    try:
        return _ask(transport.getHandle(), termios.TIOCOUTQ)
    except (OSError, AttributeError, TypeError, ValueError):
        return 0  # Not a socket of the kernel, or it is closed.


def _ask(descriptor: Any, question: int) -> int:
    """Ask the kernel for a number, with ioctl(2)."""
    [number] = struct.unpack("i", fcntl.ioctl(descriptor, question, b"\0" * 4))
    return int(number)


def pending_error(transport: Any) -> int:
    """Return and clear the pending errno of a socket; 0 for none.

    Without reading, there is no other way to learn of it. See SO_ERROR in socket(7).
    """
    try:
        handle = transport.getHandle()
        error: int = handle.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except (OSError, AttributeError):
        return 0  # Not a socket of the kernel, or it is closed.
    if isinstance(handle, WatchedSocket):
        handle.error = handle.error or error
    return error


def keep_alive(watched: WatchedSocket | socket.socket, seconds: float) -> None:
    """Detect dead peers with TCP keepalive.

    After half of ``seconds`` of silence, the kernel probes the peer. Without an answer
    for the other half, the connection is lost with ETIMEDOUT. The same holds for sent
    bytes that are not acknowledged. See tcp(7).
    """
    half = max(1, round(seconds / 2))
    with suppress(OSError, AttributeError):  # Not TCP, or not Linux.
        if watched.family == socket.AF_UNIX:
            return
        set_option = watched.setsockopt
        set_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        set_option(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, half)
        set_option(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, half // 4))
        set_option(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
        set_option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))
