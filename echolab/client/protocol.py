"""The sending side: a Protocol that sends and reports, and its Factory."""

from __future__ import annotations

import errno
from itertools import count
from typing import TYPE_CHECKING, cast

from twisted.internet import error
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from typing_extensions import override
from zope.interface import alsoProvides, implementer

from echolab.addresses import Peer
from echolab.client.ending import Ending, Outcome
from echolab.client.line import Line
from echolab.ends import EndCause, broken_by, cause_of, unframed
from echolab.errors import FramingError, reason_of
from echolab.events import Chunk, Connected, Finished, Received
from echolab.framing import ChunkFramer
from echolab.sockets.transports import complete
from echolab.sockets.watching import keep_urgent_data
from echolab.sockets.wrapped import hear
from echolab.timekeeping import TimeOfDay
from echolab.tls.alert import NO_CLOSE_NOTIFY
from echolab.tls.client_answers import TLSAnswers
from echolab.tls.unread import READS_NOTHING, renew

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import (
        IAddress,
        IDelayedCall,
        IProducer,
    )
    from twisted.python.failure import Failure

    from echolab.events import Sink
    from echolab.framing import Framer
    from echolab.interfaces import AnyClock, IStreamTransport, Producer
    from echolab.messages import Messages

__all__ = ["SenderFactory", "SenderProtocol"]

CLOSED = "closed by the server"
READS_NOT = "the server acknowledges nothing"

_CLOSED = {0, errno.ECONNRESET, errno.EPIPE}
"""How a server that has closed answers what is still sent; 0 if that is unknown."""


@implementer(IPushProducer)
class Replies:
    """The replies of one connection, as a producer that can be paused."""

    def __init__(self, protocol: SenderProtocol) -> None:
        self._protocol = protocol
        self.paused = False

    def pauseProducing(self) -> None:
        """Read no replies; the server's silence does not count meanwhile."""
        self.paused = True
        self._protocol.transport.pauseProducing()
        self._protocol.ending.hold()

    def resumeProducing(self) -> None:
        """Read replies again."""
        self.paused = False
        self._protocol.read()
        self._protocol.ending.resume()

    def stopProducing(self) -> None:
        """End the connection, once all that was written is delivered."""
        self._protocol.close()


@implementer(IConsumer, IHalfCloseableProtocol, IPushProducer)
class SenderProtocol(Protocol):
    """One connection to a server: sends what it is given, reports the replies.

    A Twisted consumer: `write` to it, or register a producer that does, and the
    producer is paused while the server reads too slowly. When all is sent, call
    `finish`: it shuts the sending side down, goes on reporting replies until
    the server ends too, and then closes. (To close at once, with replies
    unread, would send a reset that can destroy what the server has not read.)

    Attributes:
        replies: to be registered with an output that may be slower than the
            server.
    """

    factory: SenderFactory
    transport: IStreamTransport

    def __init__(self, framer: Framer | None = None) -> None:
        self._framer = framer or ChunkFramer()
        self._unframed: EndCause | None = None
        self.replies = Replies(self)
        self._producer: Producer | None = None
        self._stopped = False
        self._received_bytes = 0
        self._stop_timer: IDelayedCall | None = None
        self._answers: TLSAnswers | None = None
        self._given_up = False
        self._unsent = False
        self._ready = False
        self._waiting: Deferred[SenderProtocol] | None = None

    @override
    def connectionMade(self) -> None:
        self.connected = 1  # Layers of others may call this without more ado.
        self.transport = complete(self.transport)
        clock = self.factory.clock
        self._began = clock.seconds()
        self._time_of_day = TimeOfDay(clock)
        keep_urgent_data(self.transport)
        self.line = Line(self.transport)
        factory = self.factory
        self.ending = Ending(
            self.line,
            clock=clock,
            wait_seconds=(
                factory.tls_wait_seconds if self.line.over_tls else factory.wait_seconds
            ),
            half_open_seconds=factory.half_open_seconds,
            begin=self._write_no_more,
        )
        self.transport.registerProducer(self, True)
        if self.line.over_tls:
            # Not said of the class: Twisted's endpoints would then forget that it
            # is an IHalfCloseableProtocol too.
            alsoProvides(self, IHandshakeListener)
            self._answers = TLSAnswers(
                self.transport, clock=clock, resume=self.read, give_up=self._give_up
            )
        hear(self)
        if not self.line.over_tls:
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """The server is who it says it is; or there is no TLS to tell."""
        if self._ready:
            return
        self._ready = True
        self._peer = Peer.of(
            next(self.factory.numbers),
            self.transport.getPeer(),
            self.transport.getHost(),
        )
        self.factory.sink(Connected(self._peer, self._now()))
        if self._waiting is not None:
            self._waiting.callback(self)

    def when_ready(self) -> Deferred[SenderProtocol]:
        """Wait until the connection can be used: over TLS, for the handshake.

        Returns:
            A Deferred that fires with this protocol, or fails with what
            `connectionLost` is told. It can be waited for once.
        """
        if self._ready:
            return succeed(self)
        self._waiting = Deferred()
        return self._waiting

    @override
    def dataReceived(self, data: bytes) -> None:
        if not self._ready:
            # A layer of others' has not told of the handshake. It is over.
            self.handshakeCompleted()
        self._received_bytes += len(data)
        self.ending.heard()
        if self.factory.report_chunks:
            self.factory.sink(Chunk(self._peer, self._now(), data))
        if self._unframed is None:
            self._report(self._framer.feed, data)

    def _report(self, frame: Callable[..., Iterable[Messages]], *chunk: bytes) -> None:
        try:
            for messages in frame(*chunk):
                if messages:
                    self.factory.sink(Received(self._peer, self._now(), messages))
        except FramingError as why:
            self._unframed = unframed(why)
            if self.connected:
                self.transport.abortConnection()

    def read(self) -> None:
        """Read replies, unless somebody else wants none to be read."""
        if not (self.replies.paused or (self._answers and self._answers.paused)):
            self.transport.resumeProducing()

    def _give_up(self) -> None:
        self._given_up = True
        self.transport.abortConnection()

    def write(self, data: bytes) -> None:
        """Send bytes, as soon as the server takes them."""
        if not self.connected:
            return
        if not self.ending.has_begun:
            self.ending.wrote()
            self.line.write(data)
        elif self.ending.server_is_closed:
            self._unsent = True  # Whoever writes it has not ended.

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Let ``producer`` write here, paused while the server is slow.

        Raises:
            ValueError: the producer is no push (streaming) producer.
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
        """Forget the producer; what it wrote is still sent."""
        self._producer = None

    def finish(self) -> None:
        """Send what was written, then say that this was all, then wait."""
        if self.connected:
            self.ending.finish()

    def close(self) -> None:
        """Send what was written; when it is delivered, close, whatever still comes."""
        if self.connected:
            self.ending.hear_no_more()

    def stop(self, seconds: float) -> None:
        """End the connection, within ``seconds`` even if the server is stuck."""
        if self._stopped or not self.connected:
            return
        self._stopped = True
        self.ending.stop()
        self._stop_timer = self.factory.clock.callLater(
            seconds, self.transport.abortConnection
        )
        # Last, since the connection may be gone when this returns.
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """All is with the kernel, and the server has been told so."""
        self.ending.flushed()

    def readConnectionLost(self) -> None:
        """The server will send no more; perhaps it still reads, perhaps not."""
        self.ending.server_has_ended()

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        reason = reason or connectionDone  # Some layers tell none.
        self.connected = 0
        has_begun = self.ending.has_begun
        self.ending.stop()
        if self._stop_timer is not None and self._stop_timer.active():
            self._stop_timer.cancel()
        if self._answers:
            self._answers.stop()
        if not self._ready:
            if self._waiting is not None and not self._waiting.called:
                self._waiting.errback(reason)
            return
        try:
            if self._unframed is None:
                self._report(self._framer.end)
        finally:
            self._finish(*self._cause(reason, has_begun=has_begun))

    def _cause(self, reason: Failure, *, has_begun: bool) -> tuple[EndCause, str]:
        """Why the connection is over, and in which words if not in order."""
        ending, line = self.ending, self.line
        if self._given_up:
            return EndCause.TIMEOUT, READS_NOTHING
        if self._unframed is not None:
            return self._unframed, ""
        if self._stopped:
            return EndCause.STOPPED, ""
        if self._unsent:
            return EndCause.RESET, CLOSED
        if ending.outcome is Outcome.STUCK:
            return EndCause.TIMEOUT, READS_NOT
        words = _tls_reason(reason)
        if words:
            return cause_of(reason, stopped=False), words
        if ending.outcome is Outcome.TAKEN and ending.server_ended:
            return EndCause.EOF, ""
        if ending.outcome is Outcome.TAKEN and not ending.answers:
            # Over TLS, many a server answers the end with no end of TLS's, or a reset.
            return EndCause.STOPPED, ""
        if line.error or ending.outcome is Outcome.BROKEN:
            if ending.server_ended and line.error in _CLOSED:
                return EndCause.RESET, CLOSED
            return broken_by(line.error), errno.errorcode.get(line.error, "")
        if has_begun and not line.was_delivered():
            return EndCause.RESET, CLOSED
        cause = cause_of(reason, stopped=False)
        if cause is not EndCause.RESET:
            return cause, ""
        if line.over_tls:
            return EndCause.RESET, NO_CLOSE_NOTIFY
        # Of a UNIX socket, epoll tells both ends at once, which Twisted takes for a
        # connection that broke.
        return (EndCause.EOF if ending.server_ended else EndCause.RESET), ""

    def _finish(self, cause: EndCause, detail: str) -> None:
        """Say that the connection is over, and why."""
        ended = self.factory.clock.seconds()
        self.factory.sink(
            Finished(
                self._peer,
                self._time_of_day(ended),
                cause,
                received_bytes=self._received_bytes,
                seconds=ended - self._began,
                detail=detail,
            )
        )

    def pauseProducing(self) -> None:
        """The server reads too slowly: let nobody write."""
        self.line.full = True
        if self._answers:
            self._answers.count()
        if self._producer is not None:
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """The server has caught up."""
        self.line.full = False
        if self._answers:
            renew(self.transport, self)
            self._answers.forget()
        if self._producer is not None:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is gone: there is no one to write to."""
        if self._producer is not None:
            self._producer.stopProducing()

    def _now(self) -> float:
        return self._time_of_day(self.factory.clock.seconds())

    def _write_no_more(self) -> None:
        if self.connected:
            self.transport.unregisterProducer()
            if self._answers:
                self._answers.count()


def _tls_reason(reason: Failure) -> str:
    """Why TLS ended the connection, in OpenSSL's words; empty if it did not."""
    return "" if reason.check(error.ConnectionClosed) else reason_of(reason.value)


class SenderFactory(Factory[SenderProtocol]):
    """Makes `SenderProtocol` s.

    Args:
        sink: takes the events: Connected, Received (the replies, as they came),
            Finished.
        clock: measures spans of time (``reactor``, or a test's ``Clock``). The time
            of day of the events is the system's; a ``Clock`` tells that too.
        wait_seconds: how long after `SenderProtocol.finish` a server that does
            not end may be silent before this side closes; None for ever. As long
            may one that has ended acknowledge nothing of what is still sent.
        tls_wait_seconds: the same over TLS, where the server is not told of the
            end of what is sent before it is the end of all.
        half_open_seconds: what it means that the server ends its sending side
            before `SenderProtocol.finish`. That may be all of it (it closed, and
            one more write would be answered by a reset) or half (it still
            reads); TCP does not tell. Closed, once nothing was written for so
            many seconds. None: half, always.
        make_framer: makes the framer of a connection's replies, which come as
            they are if none is given.
        report_chunks: whether the sink is told what each read returned, by an
            event `Chunk` before the replies it completes.
    """

    noisy = False

    def __init__(
        self,
        sink: Sink,
        *,
        clock: AnyClock,
        wait_seconds: float | None = 5.0,
        tls_wait_seconds: float | None = 1.0,
        half_open_seconds: float | None = 1.0,
        make_framer: Callable[[], Framer] = ChunkFramer,
        report_chunks: bool = False,
    ) -> None:
        self.sink = sink
        self.report_chunks = report_chunks
        self.numbers = count(1)
        self.make_framer = make_framer
        self.clock = clock
        self.wait_seconds = wait_seconds
        self.tls_wait_seconds = tls_wait_seconds
        self.half_open_seconds = half_open_seconds

    @override
    def buildProtocol(self, addr: IAddress | None) -> SenderProtocol:
        protocol = SenderProtocol(self.make_framer())
        protocol.factory = self
        return protocol
