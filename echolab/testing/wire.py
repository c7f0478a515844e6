"""A socket without a reactor, and the events of its connection."""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import threading
import time
from contextlib import contextmanager, suppress
from errno import errorcode
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from echolab.connection.core import Connection
from echolab.connection.states import State, Verdict
from echolab.connection.terms import Terms
from echolab.ends import EndCause, broken_by
from echolab.errors import reason_of
from echolab.events import Connected
from echolab.tls.alert import NO_CLOSE_NOTIFY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.interfaces import IAddress

    from echolab.events import Sink
    from echolab.framing import Framer
    from echolab.testing.connecting import ConnectedSocket


__all__ = ["Wire"]

PIECE_BYTES = 16384
"""How much is sent at once: what fits into a record of TLS (RFC 8446, 5.1)."""


class Wire:
    """A connected socket that does not block, and the events of its connection.

    One thread reads (`receive`, `take`, `close`), any other sends. `write`, `take`,
    `finish`, `stop` and `close` report events or depend on them: call only one of them
    at a time.

    Args:
        connected: the socket.
        framer: makes messages of received bytes.
        sink: takes the events.
    """

    def __init__(self, connected: ConnectedSocket, framer: Framer, sink: Sink) -> None:
        self._io = threading.Lock()  # OpenSSL does not read and write at once.
        self._waiting = threading.Lock()  # to send: the socket must not be closed
        self._is_closing = False
        self._broken = connected.broken
        connected.socket.setblocking(False)
        self._fd = connected.socket.fileno()
        self._transport = _Transport(connected)
        clock: Any = _Clock()
        transport: Any = self._transport
        terms = Terms(
            sink,
            clock=clock,
            count_messages=True,
            report_chunks=True,
            report_sent=True,
        )
        self._connection = Connection(terms, framer, transport)
        self._connection.open(Connected, 1)

    def wait(self, events: int, seconds: float | None = None) -> None:
        """Wait until the socket is ready (POLLIN, POLLOUT), or has ended."""
        poll = select.poll()
        poll.register(self._fd, events)
        poll.poll(None if seconds is None else 1000 * seconds)

    def wait_to_send(self, seconds: float) -> None:
        """Wait until the socket takes bytes, or has ended, or is to be closed."""
        with self._waiting:
            if not self._is_closing:
                self.wait(select.POLLOUT, seconds)

    def write(self, data: bytes) -> None:
        """Report bytes as sent, before any answer to them can come; see `send`."""
        self._connection.write(data)

    def send(self) -> int:
        """Send what the kernel takes; return how many bytes are left.

        Raises:
            OSError: the connection has broken, or is closed.
        """
        unsent = self._transport.unsent
        with self._io:
            try:
                while unsent:
                    del unsent[: self._socket.send(bytes(unsent[:PIECE_BYTES]))]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except OSError as why:
                self._broken = self._broken or why
                raise
        return len(unsent)

    def receive(self) -> bytes | None:
        """Read; return None if there is nothing yet, b"" after the end."""
        with self._io:
            if self._connection.over_tls and self._connection.verdict is not None:
                return b""  # After both ends of TLS, what comes is no data.
            try:
                data: bytes = self._socket.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None
            except OSError as why:
                self._broken = self._broken or why
                return b""
        return data

    def take(self, data: bytes) -> bool:
        """Report what `receive` returned; return whether the connection goes on."""
        with self._judging():
            self._connection.take(data, time.monotonic())
        return bool(data) and self._connection.verdict is None

    def finish(self) -> None:
        """Shut down the sending side; over TLS, which has no half-close, do nothing."""
        if not self._connection.over_tls:
            with self._io, suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def stop(self) -> None:
        """End the connection; `receive` then returns, so that `close` can follow."""
        self._connection.verdict = Verdict(EndCause.STOPPED)
        with self._io:
            if self._connection.over_tls:
                with suppress(OSError, ValueError):
                    self._socket.unwrap()  # Send close_notify; do not wait for theirs.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket, and report the end."""
        connection = self._connection
        verdict = connection.verdict
        with self._judging():
            connection.end_framing()
        connection.verdict = verdict or connection.verdict or _verdict(self._broken)
        with self._io:
            if connection.is_unframed:  # What the server still sends is not wanted.
                no_linger = struct.pack("ii", 1, 0)
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
            self._is_closing = True
            if self._waiting.locked():  # A close alone does not wake that thread.
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
        with self._waiting, self._io:
            self._socket.close()
        # Over TLS it is not known how many of the bytes are TLS's own.
        unread_bytes = 0 if connection.over_tls else self._socket.unread_bytes
        connection.finish(Failure(ConnectionDone()), unread_bytes=unread_bytes)

    @property
    def _socket(self) -> Any:
        return self._transport.socket

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """End the connection with an error of a framing, as Twisted does."""
        try:
            yield
        except Exception as why:
            self._connection.state = State.UNFRAMED
            self._connection.verdict = Verdict(EndCause.ERROR, reason_of(why))


class _Clock:
    """What of a clock a connection needs."""

    seconds = staticmethod(time.monotonic)


class _Transport:
    """What of a transport a connection needs.

    Attributes:
        socket: the socket, which the connection watches.
        unsent: the bytes that were written, and not sent yet.
    """

    def __init__(self, connected: ConnectedSocket) -> None:
        self.socket = connected.socket
        self.unsent = bytearray()
        self.write = self.unsent.extend
        self._address = connected.address
        if isinstance(connected.socket, ssl.SSLSocket):
            directlyProvides(self, ISSLTransport)

    def getPeer(self) -> IAddress:
        """Return the server's address."""
        if isinstance(self._address, str):
            return UNIXAddress(os.fsencode(self._address))
        host, port, *_ = self._address
        return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)

    def getHost(self) -> IAddress | None:
        """Return None: no event tells this side's address."""
        return None

    def abortConnection(self) -> None:
        """Not called: the wire closes the socket."""


def _verdict(why: OSError | None) -> Verdict:
    """Return why the connection ended; None for the end of the stream."""
    match why:
        case None | ssl.SSLZeroReturnError():
            return Verdict(EndCause.EOF)
        case ssl.SSLEOFError():
            return Verdict(EndCause.RESET, NO_CLOSE_NOTIFY)
        case ssl.SSLError():
            return Verdict(EndCause.ERROR, reason_of(why))
        case _:
            number = why.errno or 0
            return Verdict(broken_by(number), errorcode.get(number, ""))
