"""The sending side of one connection: a Protocol that sends and reports."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, cast

from twisted.internet import error
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
)
from twisted.internet.protocol import Protocol, connectionDone
from typing_extensions import override
from zope.interface import alsoProvides, implementer

from echolab.client.ending import Ending, Outcome
from echolab.client.line import Line
from echolab.client.replies import Replies
from echolab.connection.core import Connection
from echolab.connection.states import Holder, State, Verdict
from echolab.ends import EndCause, broken_by, end_of
from echolab.events import Connected
from echolab.framing import ChunkFramer
from echolab.sockets.watching import keep_urgent_data
from echolab.sockets.wrapped import hear
from echolab.tls.alert import NO_CLOSE_NOTIFY
from echolab.tls.client_answers import TLSAnswers
from echolab.tls.unread import READS_NOTHING, renew

if TYPE_CHECKING:
    from twisted.internet.interfaces import (
        IDelayedCall,
        IProducer,
    )
    from twisted.python.failure import Failure

    from echolab.client.connections import Connections
    from echolab.framing import Framer
    from echolab.interfaces import IStreamTransport, Producer

__all__ = ["SenderProtocol"]

CLOSED = "closed by the server"
UNDELIVERED = "not all that was sent was acknowledged"
READS_NOT = "the server acknowledges nothing"

_CLOSED = {0, errno.ECONNRESET, errno.EPIPE}
"""Errors of sending to a server that has closed; 0 if the errno is unknown."""


@implementer(IConsumer, IHalfCloseableProtocol, IPushProducer)
class SenderProtocol(Protocol):
    """One connection to a server: sends bytes and reports the replies.

    This is a Twisted consumer: call `write`, or register a producer, which is paused
    while the server reads too slowly. When all is sent, call `finish`: it shuts down
    the sending side, continues to report replies until the server ends too, and then
    closes. (Closing at once, with unread replies, would send a reset, which can
    destroy bytes that the server has not read.)

    Attributes:
        connection: the state of the connection, once it is made.
        replies: a producer, to register with an output that may be slower than the
            server.
    """

    connections: Connections
    connection: Connection
    transport: IStreamTransport

    def __init__(self, framer: Framer | None = None) -> None:
        self._framer = framer or ChunkFramer()
        self._producer: Producer | None = None
        self._stop_timer: IDelayedCall | None = None
        self._answers: TLSAnswers | None = None
        self._waiting: Deferred[SenderProtocol] | None = None

    @override
    def connectionMade(self) -> None:
        self.connected = 1  # Layers of other code may call only this method.
        terms, patience = self.connections.terms, self.connections.patience
        connection = self.make_connection()
        self.connection, self.transport = connection, connection.transport
        keep_urgent_data(self.transport)
        self.line = Line(connection)
        self.ending = Ending(
            self.line,
            clock=terms.clock,
            wait_seconds=(
                patience.tls_wait_seconds
                if self.line.over_tls
                else patience.wait_seconds
            ),
            half_open_seconds=patience.half_open_seconds,
            begin=self._write_no_more,
        )
        self.replies = Replies(connection, self.ending, self.close)
        self.transport.registerProducer(self, True)
        if self.line.over_tls:
            # The class must not declare it: Twisted's endpoints would then hide that
            # it is an IHalfCloseableProtocol too.
            alsoProvides(self, IHandshakeListener)
            self._answers = TLSAnswers(
                self.transport,
                clock=terms.clock,
                pause=lambda: connection.hold(Holder.PEER),
                resume=lambda: connection.release(Holder.PEER),
                give_up=self._give_up,
            )
        hear(self, connection.wire)
        self.connections.opened(self.replies)
        if not self.line.over_tls:
            self.handshakeCompleted()

    def make_connection(self) -> Connection:
        """Return the state of the connection that was made."""
        return Connection(self.connections.terms, self._framer, self.transport)

    def handshakeCompleted(self) -> None:
        """Open the connection: the server has proved its name, or there is no TLS."""
        if self.connection.state is State.ARRIVING:
            self.connection.open(Connected, next(self.connections.terms.numbers))
            if self._waiting is not None:
                self._waiting.callback(self)

    def when_ready(self) -> Deferred[SenderProtocol]:
        """Wait until the connection can be used: over TLS, until the handshake is done.

        Returns:
            A Deferred that fires with this protocol, or fails with the reason given to
            `connectionLost`. Call this only once.
        """
        if self.connection.state is not State.ARRIVING:
            return succeed(self)
        self._waiting = Deferred()
        return self._waiting

    @override
    def dataReceived(self, data: bytes) -> None:
        # A layer of other code may not have reported the handshake. It is done.
        self.handshakeCompleted()
        self.ending.heard()
        self.connection.take(data, self.connections.terms.clock.seconds())
        if self.connection.is_unframed and self.connected:
            self.transport.abortConnection()

    def _give_up(self) -> None:
        self._judge(EndCause.TIMEOUT, READS_NOTHING)
        self.transport.abortConnection()

    def _judge(self, cause: EndCause, detail: str = "") -> None:
        """Set the reason why this side ends the connection, unless one is set."""
        connection = self.connection
        connection.verdict = connection.verdict or Verdict(cause, detail)

    def write(self, data: bytes) -> None:
        """Send bytes, as soon as the server takes them."""
        if not self.connected:
            return
        if not isinstance(data, bytes):
            data = bytes(memoryview(data))  # No text, and no number.
        if not self.ending.has_begun:
            self.ending.wrote()
            self.connection.write(data)
        elif self.ending.server_is_closed:
            self._judge(EndCause.RESET, CLOSED)  # The writer has not ended yet.

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while the server is slow.

        Raises:
            ValueError: the producer is not a push (streaming) producer.
            RuntimeError: there is one already; see `unregisterProducer`.
        """
        if not streaming:
            raise ValueError("only a push producer can be paused by a connection")
        if self._producer is not None:
            raise RuntimeError(f"{self._producer} is registered already")
        self._producer = cast("Producer", producer)
        if self.line.full:
            self._producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """Forget the producer; the bytes that it wrote are still sent."""
        self._producer = None

    def finish(self) -> None:
        """Send the written bytes, then the end, then wait for the server's end."""
        if self.connected:
            self.ending.finish()

    def close(self) -> None:
        """Deliver the written bytes, then close, even if replies still come.

        They are dropped. If the server does not end within a second, it is reset.
        """
        if self.connected:
            self.ending.hear_no_more()
            self.replies.release(Holder.SINK)

    def reset(self, why: str) -> None:
        """Abort the connection now, for a reason in words."""
        self._judge(EndCause.STOPPED, why)
        self.transport.abortConnection()

    def stop(self, seconds: float) -> None:
        """End the connection within ``seconds``, even if the server is stuck."""
        if self._stop_timer is not None or not self.connected:
            return
        self._judge(EndCause.STOPPED)
        self.ending.stop()
        self._stop_timer = self.connections.terms.clock.callLater(
            seconds, self.transport.abortConnection
        )
        # Last, since the connection may be gone when this returns.
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """The kernel has taken all bytes and the end."""
        self.ending.flushed()

    def readConnectionLost(self) -> None:
        """The server will send no more; whether it still reads is unknown."""
        if not self.ending.has_begun:
            self.connection.half_closed()
        self.ending.server_has_ended()

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        reason = reason or connectionDone  # Some layers give None.
        self.connected = 0
        has_begun = self.ending.has_begun
        self.ending.stop()
        if self._stop_timer is not None and self._stop_timer.active():
            self._stop_timer.cancel()
        if self._answers:
            self._answers.stop()
        self.connections.closed(self.replies)
        connection = self.connection
        if connection.peer is None:
            connection.never_opened()
            if self._waiting is not None and not self._waiting.called:
                self._waiting.errback(reason)
            return
        try:
            connection.end_framing()
        finally:
            verdict = connection.verdict or self._verdict(reason, has_begun=has_begun)
            # Over TLS it is not known how many of the bytes are TLS's own.
            known = not self.line.over_tls
            if verdict == Verdict(EndCause.STOPPED) and known:
                delivered = self.line.was_delivered(but_for_the_end=True)
                words = "" if delivered else UNDELIVERED
                verdict = Verdict(EndCause.STOPPED, words)
            connection.verdict = verdict
            connection.finish(reason, unread_bytes=self.unread_bytes())

    def unread_bytes(self) -> int:
        """Return how many bytes had arrived at the end but were never read."""
        watched = self.connection.watched
        return watched.unread_bytes if watched else 0

    def _verdict(self, reason: Failure, *, has_begun: bool) -> Verdict | None:
        """Return why the connection ended, if more is known than Twisted's reason."""
        ending, line = self.ending, self.line
        if ending.outcome is Outcome.STUCK:
            return Verdict(EndCause.TIMEOUT, READS_NOT)
        if not reason.check(error.ConnectionClosed):
            return None  # TLS gives the reason.
        if ending.outcome is Outcome.TAKEN and ending.server_ended:
            return Verdict(EndCause.EOF)
        if ending.outcome is Outcome.TAKEN and not ending.answers:
            # Over TLS, many servers answer the end with a reset or without TLS's end.
            return Verdict(EndCause.STOPPED)
        if line.error or ending.outcome is Outcome.BROKEN:
            if ending.server_ended and line.error in _CLOSED:
                return Verdict(EndCause.RESET, CLOSED)
            return Verdict(broken_by(line.error), errno.errorcode.get(line.error, ""))
        if has_begun and not line.was_delivered():
            return Verdict(EndCause.RESET, CLOSED)
        cause, _ = end_of(reason)
        if cause is not EndCause.RESET:
            return Verdict(cause)
        if line.over_tls:
            return Verdict(EndCause.RESET, NO_CLOSE_NOTIFY)
        # On a UNIX socket, epoll reports both ends at once. Twisted believes that the
        # connection broke.
        return Verdict(EndCause.EOF if ending.server_ended else EndCause.RESET)

    def pauseProducing(self) -> None:
        """Pause the producer: the server reads too slowly."""
        self.line.full = True
        if self._answers:
            self._answers.count()
        if self._producer is not None:
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """Resume the producer: the server has caught up."""
        self.line.full = False
        self.ending.wrote()
        if self._answers:
            renew(self.transport, self)
            self._answers.forget()
        if self._producer is not None:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """Stop the producer: the connection is lost."""
        if self._producer is not None:
            self._producer.stopProducing()

    def _write_no_more(self) -> None:
        if self.connected:
            self.transport.unregisterProducer()
            if self._answers:
                self._answers.count()
