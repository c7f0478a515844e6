"""What the end of a connection asks of its transport, over TCP, TLS and pipes alike."""

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
    """A transport, and what the peer's kernel has acknowledged of what was sent.

    Args:
        connection: what is known of it.

    Attributes:
        over_tls: whether it does TLS.
        is_process: whether it is the pipes of a process, which may go on without.
        full: whether it holds so much that nobody should write.
    """

    def __init__(self, connection: Connection) -> None:
        transport = connection.transport
        self.over_tls = connection.over_tls
        self.is_process = IProcessTransport.providedBy(transport)
        self.full = False
        self._connection = connection
        self._transport = transport
        self._below = below_tls(transport) or transport
        self._watched = connection.watched
        self._last_byte: int | None = None  # of all that was to be sent over TLS

    def end(self, flushed: Callable[[], None]) -> bool:
        """End the sending side behind what was written, where one side can end.

        TLS could (RFC 8446, 6.1), but its peers seldom know that. There it is only
        waited for what was written.

        Args:
            flushed: called when that is with the kernel, unless the protocol is
                told so by ``writeConnectionLost``.

        Returns:
            False where this can only be done by `close`.
        """
        if self.over_tls:
            when_flushed(self._below, flushed)
        elif IHalfCloseableDescriptor.providedBy(self._transport):
            self._transport.loseWriteConnection()
        elif IProcessTransport.providedBy(self._transport):
            self._transport.closeStdin()
            flushed()
        else:
            return False
        return True

    def flushed(self) -> None:
        """All that was to be sent is with the kernel."""
        if self.over_tls and self._watched is not None:
            self._last_byte = self._watched.sent_bytes

    def close(self, flushed: Callable[[], None]) -> None:
        """Close in order; over TLS the peer should agree, and may not.

        Args:
            flushed: called over TLS when the peer has been told.
        """
        if self.over_tls and self._below is not self._transport:
            when_flushed(self._below, flushed)
        self._transport.loseConnection()

    def leave(self) -> None:
        """Close without a word of TLS's. What is with the kernel is still sent."""
        self._below.loseConnection()

    def abort(self) -> None:
        """End the connection now, and a process with it."""
        self._transport.abortConnection()

    @property
    def error(self) -> int:
        """The errno that the socket has ended with; 0 if it is unknown, or none."""
        watched = self._watched
        if watched is None:
            return 0
        if (
            watched.error == errno.EPIPE
            and watched.family == socket.AF_UNIX
            and watched.sent_bytes == self._connection.sent_bytes
        ):
            return 0  # The peer has closed, and has read all: else it had reset.
        return watched.error

    def broken(self) -> int:
        """The errno that the socket has had since it was last asked; 0 for none."""
        return pending_error(self._below)

    def taken_bytes(self) -> int:
        """How many bytes the peer's kernel has acknowledged since the connection."""
        sent = self._watched.sent_bytes if self._watched is not None else 0
        return sent - unacknowledged_bytes(self._below)

    def waiting_bytes(self) -> int:
        """How many bytes are with this side's kernel, and not acknowledged."""
        return unacknowledged_bytes(self._below)

    def undelivered_bytes(self) -> int:
        """How many of those are no mere end of TLS's, nor an answer."""
        waiting = self.waiting_bytes()
        if self._watched is None or self._last_byte is None:
            return waiting
        return max(0, waiting + self._last_byte - self._watched.sent_bytes)

    def was_delivered(self) -> bool:
        """Whether a connection that is lost had delivered all that was to be sent.

        Where nothing is known of its socket, it had.
        """
        if self._watched is None:
            return True
        last = self._last_byte if self.over_tls else self._connection.sent_bytes
        if last is None or self.error:
            return False
        return self._watched.sent_bytes - self._watched.unacknowledged_bytes >= last
