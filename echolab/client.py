"""The sending side: a Protocol that sends and reports, and its Factory."""

from __future__ import annotations

import enum
from itertools import count
from typing import TYPE_CHECKING, cast

from twisted.internet import error
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableDescriptor,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IProcessTransport,
    IPushProducer,
    ISSLTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from typing_extensions import override
from zope.interface import alsoProvides, implementer

from echolab.delivery import Delivery, Outcome
from echolab.errors import FramingError, reason_of
from echolab.events import (
    Chunk,
    Connected,
    EndCause,
    Finished,
    Peer,
    Received,
    cause_of,
    unframed,
)
from echolab.flushing import when_flushed
from echolab.framing import ChunkFramer
from echolab.kernel import keep_urgent_data, unacknowledged_bytes
from echolab.timekeeping import TimeOfDay
from echolab.tls_answers import TLSAnswers
from echolab.transports import complete
from echolab.unread_tls import READS_NOTHING, renew
from echolab.wrapped import below_tls, hear

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
LINGER_SECONDS = 1.0
"""How long a server may at least take to acknowledge the last bytes, and over TLS to
answer this side's end."""


class _Phase(enum.Enum):
    """How far the end of a connection has come."""

    SENDING = enum.auto()
    """It is not ending: what is written is sent."""
    FLUSHING = enum.auto()
    """Nothing more is taken; what was is still being sent."""
    WAITING = enum.auto()
    """All is sent; the server may have something to say."""
    CONFIRMING = enum.auto()
    """All is over; whether the server took everything is not known yet."""
    CLOSING = enum.auto()
    """It is being closed."""
    LINGERING = enum.auto()
    """All is with the kernel, TLS's end too, which the server should answer."""


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

    def resumeProducing(self) -> None:
        """Read replies again."""
        self.paused = False
        self._protocol.read()
        self._protocol.heard()

    def stopProducing(self) -> None:
        """End the connection."""
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
        self._paused = False
        self._phase = _Phase.SENDING
        self._stopped = False
        self._server_ended = False
        self._received_bytes = 0
        self._quiet_timer: IDelayedCall | None = None
        self._stop_timer: IDelayedCall | None = None
        self._answers: TLSAnswers | None = None
        self._cause: EndCause | None = None  # where it is known better than Twisted
        self._detail = ""
        self._delivery: Delivery | None = None
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
        self.transport.registerProducer(self, True)
        self._over_tls = ISSLTransport.providedBy(self.transport)
        if self._over_tls:
            # Not said of the class: Twisted's endpoints would then forget that it
            # is an IHalfCloseableProtocol too.
            alsoProvides(self, IHandshakeListener)
            self._answers = TLSAnswers(
                self.transport, clock=clock, resume=self.read, give_up=self._give_up
            )
        hear(self)
        if not self._over_tls:
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
        self.heard()
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
        self._broken(EndCause.TIMEOUT, READS_NOTHING)
        self.transport.abortConnection()

    def _broken(self, cause: EndCause, detail: str) -> None:
        self._cause, self._detail = cause, detail

    def heard(self) -> None:
        """Note that the server is not silent."""
        if self._phase is _Phase.WAITING:
            factory = self.factory
            self._wait_for_silence(
                factory.tls_wait_seconds if self._over_tls else factory.wait_seconds
            )
        elif self._phase is _Phase.LINGERING:
            self._wait_for_silence(LINGER_SECONDS)

    def write(self, data: bytes) -> None:
        """Send bytes, as soon as the server takes them."""
        if self._phase is not _Phase.SENDING or not self.connected:
            return
        if self._server_ended:
            self._wait_for_silence(self.factory.half_open_seconds)
        self.transport.write(data)

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
        if self._paused:
            self._producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """Forget the producer; what it wrote is still sent."""
        self._producer = None

    def finish(self) -> None:
        """Send what was written, then say that this was all, then wait."""
        if self._phase is not _Phase.SENDING or not self.connected:
            return
        self._send_no_more()
        if self._over_tls and not self._server_ended:
            # The server cannot be told; it may still have something to say.
            self._phase = _Phase.WAITING
            self.heard()
        elif self._can_half_close():
            self.transport.loseWriteConnection()
        elif IProcessTransport.providedBy(self.transport):
            self._phase = _Phase.WAITING
            self.transport.closeStdin()
            self.heard()
        else:
            self.close()

    def close(self) -> None:
        """Close when all is flushed; a TLS server need not agree (RFC 8446, 6.1)."""
        if self._phase in (_Phase.CLOSING, _Phase.LINGERING):
            return
        self._send_no_more()
        self._phase = _Phase.CLOSING
        if self._over_tls and (below := below_tls(self.transport)):
            when_flushed(below, self._linger)
        self.transport.loseConnection()

    def stop(self, seconds: float) -> None:
        """End the connection, within ``seconds`` even if the server is stuck."""
        if not self.connected:
            return
        self._stopped = True
        self._send_no_more()
        self._phase = _Phase.CLOSING
        self._cancel_timers()
        self._stop_timer = self.factory.clock.callLater(
            seconds, self.transport.abortConnection
        )
        # Last, since the connection may be gone when this returns.
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """All is with the kernel, and the server has been told so."""
        if self._phase is not _Phase.FLUSHING:
            return
        if self._server_ended:
            self._confirm()
        else:
            self._phase = _Phase.WAITING
            self.heard()

    def readConnectionLost(self) -> None:
        """The server will send no more; perhaps it still reads, perhaps not."""
        self._server_ended = True
        if self._phase is _Phase.SENDING:
            self._wait_for_silence(self.factory.half_open_seconds)
        elif self._phase is _Phase.WAITING:
            self._confirm()

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        reason = reason or connectionDone  # Some layers tell none.
        self.connected = 0
        self._cancel_timers()
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
            self._finish(reason)

    def _finish(self, reason: Failure) -> None:
        """Say that the connection is over, and why."""
        ended = self.factory.clock.seconds()
        cause = self._cause or self._unframed
        self.factory.sink(
            Finished(
                self._peer,
                self._time_of_day(ended),
                cause or cause_of(reason, stopped=self._stopped),
                received_bytes=self._received_bytes,
                seconds=ended - self._began,
                detail=self._detail or _tls_reason(reason),
            )
        )

    def pauseProducing(self) -> None:
        """The server reads too slowly: let nobody write."""
        self._paused = True
        if self._answers:
            self._answers.count()
        if self._producer is not None:
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """The server has caught up."""
        self._paused = False
        if self._answers:
            renew(self.transport, self)
            self._answers.forget()
        if self._producer is not None:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is gone: there is no one to write to."""
        if self._producer is not None:
            self._producer.stopProducing()

    def _can_half_close(self) -> bool:
        # TLS has no half-close, though Twisted's TLS transport passes for the
        # TCP transport it wraps.
        return (
            IHalfCloseableDescriptor.providedBy(self.transport) and not self._over_tls
        )

    def _wait_for_silence(self, seconds: float | None) -> None:
        """Close when nothing has happened for ``seconds`` (None: never)."""
        if seconds is None or not self.connected:
            return
        if self._quiet_timer is None:
            self._quiet_timer = self.factory.clock.callLater(seconds, self._silence)
        else:
            self._quiet_timer.reset(seconds)

    def _silence(self) -> None:
        self._quiet_timer = None
        if self._phase is _Phase.FLUSHING:
            return  # `writeConnectionLost` comes when all is with the kernel.
        if self._phase is not _Phase.SENDING and self.replies.paused:
            return  # Nobody listens; `heard` begins anew.
        if self._phase is _Phase.LINGERING:
            if unacknowledged_bytes(below := below_tls(self.transport)):
                self.heard()  # It is slow, not silent.
            elif below is not None:
                below.loseConnection()
            return
        if self._paused and self._phase is _Phase.SENDING:
            # Bytes are waiting: a server that is gone answers them with a reset.
            self._wait_for_silence(self.factory.half_open_seconds)
            return
        if self._phase is _Phase.SENDING and self._can_half_close():
            # What was written last may be on its way to a server that has closed.
            self._send_no_more()
            self.transport.loseWriteConnection()
            return
        self._stopped = self._phase is not _Phase.SENDING
        if self._phase is _Phase.WAITING and unacknowledged_bytes(self.transport):
            self._confirm()
        else:
            self.close()

    def _confirm(self) -> None:
        """Close once the server's kernel has taken all; a closed server resets."""
        self._cancel_timers()
        self._phase = _Phase.CONFIRMING
        seconds = self.factory.wait_seconds
        self._delivery = Delivery(
            self.transport,
            clock=self.factory.clock,
            # Even who waits for no reply waits for an acknowledgement's way back.
            seconds=None if seconds is None else max(seconds, LINGER_SECONDS),
            call=self._confirmed,
        )
        self._delivery.start()

    def _confirmed(self, outcome: Outcome) -> None:
        if outcome is Outcome.RESET:
            self._broken(EndCause.RESET, CLOSED)
        elif outcome is Outcome.STUCK:
            self._broken(EndCause.TIMEOUT, "the server reads nothing")
        self.close()

    def _linger(self) -> None:
        """Leave a TLS server that does not answer the end, though all is sent."""
        self._phase = _Phase.LINGERING
        self.heard()

    def _now(self) -> float:
        return self._time_of_day(self.factory.clock.seconds())

    def _send_no_more(self) -> None:
        if self._phase is _Phase.SENDING:
            self._phase = _Phase.FLUSHING
            self.transport.unregisterProducer()
            if self._answers:
                self._answers.count()

    def _cancel_timers(self) -> None:
        for timer in (self._quiet_timer, self._stop_timer):
            if timer is not None and timer.active():
                timer.cancel()
        self._quiet_timer = self._stop_timer = None
        if self._delivery is not None:
            self._delivery.stop()
            self._delivery = None


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
