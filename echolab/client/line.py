"""What the end of a connection needs of its transport: TCP, UNIX, TLS or pipes."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from twisted.internet.interfaces import (
    IHalfCloseableDescriptor,
    IProcessTransport,
)

from echolab.sockets.flushing import when_flushed
from echolab.sockets.watching import pending_error, unacknowledged_bytes
from echolab.sockets.wrapped import below_tls

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.connection.core import Connection

__all__ = ["Line"]


class Line:
    """A transport, with the bytes that the peer's kernel has acknowledged.

    Args:
        connection: the connection of the transport.

    Attributes:
        over_tls: whether it does TLS.
        is_process: whether it is the pipes of a process, which may outlive them.
        full: whether its buffer is so full that writers should pause.
    """

    def __init__(self, connection: Connection) -> None:
        transport = connection.transport
        self.over_tls = connection.over_tls
        self.is_process = IProcessTransport.providedBy(transport)
        self.full = False
        self._connection = connection
        self._transport = transport
        self._below = below_tls(connection.wire) or connection.wire
        self._watched = connection.watched
        self._last_byte: int | None = None  # the number of bytes before TLS's end

    def end(self, flushed: Callable[[], None]) -> bool:
        """End the sending side after the written bytes, if the transport can.

        TLS could (RFC 8446, 6.1), but few of its peers expect that. So over TLS this
        only waits for the written bytes.

        Args:
            flushed: called when the kernel has taken them, unless the protocol learns
                that by ``writeConnectionLost``.

        Returns:
            False if only `close` can do this.
        """
        if self.over_tls:
            below = self._below
            self._connection.when_sent(lambda: when_flushed(below, flushed))
        elif IHalfCloseableDescriptor.providedBy(self._transport):
            self._transport.loseWriteConnection()
        elif IProcessTransport.providedBy(self._transport):
            self._transport.closeStdin()
            flushed()
        else:
            return False
        return True

    def flushed(self) -> None:
        """Note that the kernel has taken all bytes that were to be sent."""
        if self.over_tls and self._watched is not None:
            self._last_byte = self._watched.sent_bytes

    def close(self, flushed: Callable[[], None]) -> None:
        """Close in order; over TLS the peer should answer, but may not.

        Args:
            flushed: called over TLS when the kernel has taken TLS's end.
        """
        if self.over_tls and self._below is not self._transport:
            when_flushed(self._below, flushed)
        self._transport.loseConnection()

    def leave(self) -> None:
        """Close without TLS's end. The kernel still sends the bytes that it has."""
        self._below.loseConnection()

    def abort(self) -> None:
        """Abort the connection now, and a process with it."""
        self._transport.abortConnection()

    @property
    def error(self) -> int:
        """The errno with which the socket ended; 0 for none or if unknown."""
        watched = self._watched
        if watched is None:
            return 0
        if (
            watched.error == errno.EPIPE
            and watched.family == socket.AF_UNIX
            and watched.sent_bytes == self._connection.sent_bytes
        ):
            return 0  # The peer closed and has read all, or there would be a reset.
        return watched.error

    def broken(self) -> int:
        """Return and clear the socket's pending errno; 0 for none."""
        return pending_error(self._below)

    def taken_bytes(self) -> int:
        """Return how many bytes the peer's kernel has acknowledged in all."""
        sent = self._watched.sent_bytes if self._watched is not None else 0
        return sent - unacknowledged_bytes(self._below)

    def waiting_bytes(self) -> int:
        """Return how many bytes of this side's kernel are not acknowledged."""
        return unacknowledged_bytes(self._below)

    def undelivered_bytes(self) -> int:
        """Return how many of them are data, neither TLS's end nor TLS's answers."""
        waiting = self.waiting_bytes()
        if self._watched is None or self._last_byte is None:
            return waiting
        return max(0, waiting + self._last_byte - self._watched.sent_bytes)

    def was_delivered(self, *, but_for_the_end: bool = False) -> bool:
        """Whether a lost connection had delivered all bytes that were to be sent.

        True if nothing is known about its socket.

        Args:
            but_for_the_end: whether this side's end (FIN) may be on its way.
        """
        if self._watched is None:
            return True
        last = self._last_byte if self.over_tls else self._connection.sent_bytes
        if last is None or self.error:
            return False
        waiting = self._watched.unacknowledged_bytes
        if but_for_the_end and self._watched.has_ended and waiting:
            waiting -= 1  # The end is the last byte.
        return self._watched.sent_bytes - waiting >= last
