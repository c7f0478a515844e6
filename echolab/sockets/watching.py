"""What the kernel knows of a connection: errors, round trips, credentials.

Twisted tells a protocol that a connection was lost, not why; the errno, and all
that can be asked of a socket, is gone when ``connectionLost`` is called. So the
socket is watched.
"""

from __future__ import annotations

import errno
import fcntl
import resource
import socket
import struct
import sys
import termios
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.protocols.policies import ProtocolWrapper

from echolab.addresses import Credentials
from echolab.errors import EcholabError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "WatchedSocket",
    "keep_alive",
    "keep_urgent_data",
    "open_files_left",
    "pending_error",
    "prepare_connection",
    "prepare_port",
    "raise_open_files_limit",
    "unacknowledged_bytes",
    "watch",
]

# struct tcp_info of <linux/tcp.h>: tcpi_rtt (microseconds), tcpi_total_retrans.
_TCP_INFO = struct.Struct("=68xI28xI")

LEAST_FILES = 8
"""What a reactor takes, and a listening socket, its reserve and a connection."""

_HARMLESS = {errno.EAGAIN, errno.EINTR}


class WatchedSocket:
    """A connected socket that remembers how it ended.

    Attributes:
        error: the errno that ended it, or 0.
        sent_bytes: how many bytes the kernel has taken.
        unread_bytes: how many bytes had arrived and were not read.
        unacknowledged_bytes: how many had been sent, and the peer's kernel had not
            acknowledged them; its own end (FIN) counts as one.
        rtt_seconds: the kernel's smoothed round-trip time, if it has one.
        retransmits: how many segments it had to send again, if it knows.
    """

    __slots__ = (
        "_at_end",
        "_socket",
        "error",
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
        self.rtt_seconds: float | None = None
        self.retransmits: int | None = None

    def __getattr__(self, name: str) -> Any:
        """All else that a socket has."""
        return getattr(self._socket, name)

    def recv(self, size: int) -> bytes:
        """As the socket's."""
        try:
            data = self._socket.recv(size)
        except OSError as error:
            self._note(error)
            raise
        if not data:
            self._at_end = True
        return data

    def recvmsg(self, *args: int) -> Any:
        """As the socket's."""
        return self._try(self._socket.recvmsg, *args)

    def send(self, data: bytes | memoryview) -> int:
        """As the socket's."""
        sent: int = self._try(self._socket.send, data)
        self.sent_bytes += sent
        return sent

    def close(self) -> None:
        """Close the socket, and note what can be asked of it only now."""
        watched = self._socket
        try:
            if not self._at_end:
                self.unread_bytes = _ask(watched, termios.FIONREAD)
            if self.sent_bytes:
                self.unacknowledged_bytes = _ask(watched, termios.TIOCOUTQ)
            if self.sent_bytes or not self._at_end:
                pending = watched.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if self.error in (0, errno.EPIPE):  # That says less.
                    self.error = pending or self.error
            info = watched.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size
            )
            microseconds, self.retransmits = _TCP_INFO.unpack(info)
            self.rtt_seconds = microseconds / 1e6
        except (OSError, AttributeError, struct.error):
            pass  # Not TCP; not Linux; an old one.
        watched.close()

    def credentials(self) -> Credentials | None:
        """Who is at the other end, if it is a UNIX socket (Linux)."""
        if self._socket.family != socket.AF_UNIX:
            return None
        try:
            packed = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except (OSError, AttributeError):
            return None
        pid, uid, _ = struct.unpack("iII", packed)
        return Credentials(pid, uid)

    def _try(self, call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(*args)
        except OSError as error:
            self._note(error)
            raise

    def _note(self, error: OSError) -> None:
        if error.errno not in _HARMLESS:
            self.error = error.errno or 0


def watch(transport: Any) -> WatchedSocket | None:
    """Watch the socket under a transport, and under the layers between.

    Returns:
        What is watched; None where there is no socket.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    if not isinstance(getattr(transport, "socket", None), socket.socket):
        return None
    watched = WatchedSocket(transport.socket)
    transport.socket = watched
    return watched


def keep_urgent_data(transport: Any) -> None:
    """Receive an urgent byte (MSG_OOB) where it was sent, among the others.

    The kernel would lay it aside, and forget it at the next. See SO_OOBINLINE in
    socket(7), and tcp(7).

    Args:
        transport: a connection, or a port; nothing is done where it has no socket.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    with suppress(AttributeError, OSError):
        transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)


def prepare_port(port: Any, keepalive_seconds: float) -> None:
    """Set the options of a listening socket that accepted ones inherit (tcp(7)).

    Args:
        port: the listening port.
        keepalive_seconds: see `keep_alive`; 0 for never.
    """
    keep_urgent_data(port)
    if keepalive_seconds and (listening := getattr(port, "socket", None)):
        keep_alive(listening, keepalive_seconds)


def prepare_connection(accepted: WatchedSocket, keepalive_seconds: float) -> None:
    """Set the same options of an accepted socket, if it has not inherited them.

    Who waited to be accepted before they were set does not: the client that has
    systemd start the server is one of these.
    """
    with suppress(OSError, AttributeError):
        if accepted.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE):
            return
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    if keepalive_seconds:
        keep_alive(accepted, keepalive_seconds)


def unacknowledged_bytes(transport: Any) -> int:
    """How many bytes the peer's kernel has not acknowledged (tcp(7), SIOCOUTQ).

    Returns:
        0 too where that is not known.
    """
    try:
        return _ask(transport.getHandle(), termios.TIOCOUTQ)
    except (OSError, AttributeError, TypeError, ValueError):
        return 0  # No socket of the kernel's, or none any more.


def _ask(descriptor: Any, question: int) -> int:
    """Ask for a number, by ioctl(2)."""
    [number] = struct.unpack("i", fcntl.ioctl(descriptor, question, b"\0" * 4))
    return int(number)


def pending_error(transport: Any) -> int:
    """The errno that a socket has had since this was last asked; 0 for none.

    Who reads no more is not told of it otherwise. See SO_ERROR in socket(7).
    """
    try:
        handle = transport.getHandle()
        error: int = handle.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except (OSError, AttributeError):
        return 0  # No socket of the kernel's, or none any more.
    if isinstance(handle, WatchedSocket):
        handle.error = handle.error or error
    return error


def open_files_left() -> int:
    """How many descriptors this process may still open."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return sys.maxsize
    try:
        used = len(list(Path("/proc/self/fd").iterdir()))
    except OSError:
        used = 0  # Not Linux: unknown, and few.
    return most - used


def raise_open_files_limit() -> None:
    """Allow as many open files as the system lets this process allow itself.

    Raises:
        EcholabError: so few that a reactor and a connection do not fit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if open_files_left() < LEAST_FILES:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        reason = f"only {most} files may be open; raise the limit with ulimit -n"
        raise EcholabError("getrlimit", "RLIMIT_NOFILE", reason)


def keep_alive(watched: WatchedSocket | socket.socket, seconds: float) -> None:
    """Detect a peer that has vanished, though it says nothing.

    After half of ``seconds`` of silence it is probed, and when it has answered
    nothing for the other half, the connection is lost by ETIMEDOUT. That holds
    for what is sent to it too. See tcp(7).
    """
    half = max(1, round(seconds / 2))
    with suppress(OSError, AttributeError):  # Not TCP; not Linux.
        if watched.family == socket.AF_UNIX:
            return
        set_option = watched.setsockopt
        set_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        set_option(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, half)
        set_option(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, half // 4))
        set_option(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
        set_option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))
