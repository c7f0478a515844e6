"""One accepted connection: chunks in, events out."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.internet.interfaces import IHandshakeListener, ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from typing_extensions import override
from zope.interface import implementer

from echolab.addresses import Peer
from echolab.ends import ORDERLY, EndCause, cause_of, unframed
from echolab.errors import FramingError, reason_of
from echolab.events import Accepted, Chunk, Finished, Mistaken, Received
from echolab.messages import ENDED
from echolab.sockets.transports import complete
from echolab.sockets.watching import prepare_connection, watch
from echolab.sockets.wrapped import hear
from echolab.timekeeping import TimeOfDay
from echolab.tls.alert import begins_tls
from echolab.tls.certificate_name import verified_name
from echolab.tls.unread import READS_NOTHING, UnreadTLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import IAddress, IDelayedCall
    from twisted.python.failure import Failure

    from echolab.framing import Framer
    from echolab.interfaces import IStreamTransport
    from echolab.messages import Messages
    from echolab.server.connections import Connections
    from echolab.server.reading_clock import Wait

__all__ = ["LINGER_SECONDS", "ReceiverProtocol"]

_UNFRAMED = {EndCause.MALFORMED, EndCause.OVERLONG}
"""Ends after which nothing can be made of what still comes."""

STOPPED_FIRST = "the server stopped before it was done"

FIRST_BYTES_SECONDS = 0.5
"""How long after its handshake a TLS client's first bytes may be on their way."""

SHOWING_SECONDS = 0.5
"""How long after the end of a drain unfinished messages may still be shown."""

LINGER_SECONDS = 2.0
"""How long a peer may take to let a connection end that this side has ended."""


@implementer(IHandshakeListener)
class ReceiverProtocol(Protocol):
    """One accepted connection: chunks in, events out, nothing sent back.

    Made by a `ReceiverFactory`. Its connections have sink, clock and limits in common.
    """

    connections: Connections
    transport: IStreamTransport
    remote: IAddress | None = None

    def __init__(self, framer: Framer) -> None:
        self._framer = framer
        self._peer: Peer | None = None
        self._received_bytes = 0
        self._late_bytes = 0
        self._messages = 0
        self._unterminated_bytes = 0
        self._ended: EndCause | None = None
        self._detail = ""
        self._bytes_last_turn = -1
        self._partial_due: IDelayedCall | None = None
        self._due: IDelayedCall | Wait | None = None
        self._framing_is_over = False
        self._full = False
        self._unread_tls: UnreadTLS | None = None

    @override
    def connectionMade(self) -> None:
        self.connected = 1  # Layers of others may call this without more ado.
        self.transport = transport = complete(self.transport)
        connections = self.connections
        self._began = self._heard = connections.clock.seconds()
        self._time_of_day = TimeOfDay(connections.clock)
        self._watched = watch(transport)
        if self._watched:
            prepare_connection(self._watched, connections.limits.keepalive_seconds)
        hear(self)
        connections.opened(self)
        self.begin()

    def begin(self) -> None:
        """Accept; over TLS, once the handshake is done."""
        if not ISSLTransport.providedBy(self.transport):
            self.accept()
            return
        self.bound_tls()
        if seconds := self.connections.limits.handshake_seconds:
            reading = self.connections.reading
            self._due = reading.call_later(seconds, self._handshake_late)

    def bound_tls(self) -> None:
        """Bound what TLS holds for a peer that does not read."""
        self._unread_tls = UnreadTLS(
            self.transport,
            clock=self.connections.clock,
            seconds=self.connections.limits.handshake_seconds,
            sent_bytes=self._sent_bytes,
            pause=self._fill,
            resume=self._empty,
            give_up=self._give_up,
        )
        self._unread_tls.start()

    def _sent_bytes(self) -> int:
        return self._watched.sent_bytes if self._watched else 0

    def _fill(self) -> None:
        self._full = True
        self.pause()

    def _empty(self) -> None:
        self._full = False
        if not self.connections.paused:
            self.resume()

    def _give_up(self) -> None:
        self._ended, self._detail = EndCause.TIMEOUT, READS_NOTHING
        self.transport.abortConnection()

    def handshakeCompleted(self) -> None:
        """TLS is there, and the client's certificate is known to be good."""
        if self._peer is None and self._ended is None:
            self._heard = self.connections.clock.seconds()
            self._cancel_due()
            try:
                name = verified_name(self.transport)
            except ValueError as why:
                self._fail_handshake(str(why))
            else:
                self.accept(name)

    def _handshake_late(self) -> None:
        self._due = None
        self._fail_handshake("no TLS handshake in time")

    def _fail_handshake(self, why: str) -> None:
        self._ended, self._detail = EndCause.HANDSHAKE, why
        self.transport.abortConnection()

    def accept(self, name: str | None = None) -> None:
        """Say that somebody is there, of that name if a certificate gave one."""
        connections = self.connections
        self._peer = Peer.of(
            next(connections.numbers),
            self.remote or self.transport.getPeer(),
            self.transport.getHost(),
            credentials=self._watched.credentials() if self._watched else None,
            name=name,
        )
        self._end_if_idle_in(connections.limits.idle_seconds)
        connections.sink(Accepted(self._peer, self.now()))

    @override
    def dataReceived(self, data: bytes) -> None:
        if self.connections.is_late():
            self._late_bytes += len(data)
            self.abort()
        elif self._ended not in _UNFRAMED:
            if not self._received_bytes and not self._begins_with(data):
                return
            self._received_bytes += len(data)
            self._heard = self.connections.clock.seconds()
            now = self._time_of_day(self._heard)
            if self.connections.report_chunks and self._peer is not None:
                self.connections.sink(Chunk(self._peer, now, data))
            self._report(now, self._framer.feed, data)
            if self._partial_due is None and self._framer.buffered_bytes:
                self._show_partial_in(self.connections.limits.partial_seconds)

    def _begins_with(self, data: bytes) -> bool:
        """Look at the first bytes; return whether the peer is accepted."""
        # A layer of others' may not have told of the handshake. It is over.
        self.handshakeCompleted()
        if self._peer is None:
            return False
        if begins_tls(data) and not ISSLTransport.providedBy(self.transport):
            # A client begins TLS where there is none.
            self.connections.sink(Mistaken(self._peer, self.now(), "TLS"))
        return True

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        reason = reason or connectionDone  # Some layers tell none.
        self.connected = 0
        self._cancel_due()
        if self._partial_due is not None:
            self._partial_due.cancel()
        if self._unread_tls is not None:
            self._unread_tls.stopProducing()
        connections = self.connections
        ended = connections.clock.seconds()
        now = self._time_of_day(ended)
        connections.closed(self, self.remote)
        if self._peer is None:
            why = self._detail or _tls_reason(reason)
            if self._ended is EndCause.STOPPED:
                connections.unread_bytes += self.unread_bytes()
                why = STOPPED_FIRST if ISSLTransport.providedBy(self.transport) else ""
            if why:
                connections.refuse(Peer.of(0, self.remote), EndCause.HANDSHAKE, why)
            return
        try:
            self.finish_framing(now)
        finally:
            self._finish(now, ended - self._began, reason)

    def _finish(self, now: float, seconds: float, reason: Failure) -> None:
        """Say that the connection is over, and why."""
        assert self._peer is not None
        connections = self.connections
        watched = self._watched
        number = watched.error if watched else 0
        stopped = self._ended is EndCause.STOPPED
        cause = self._ended or cause_of(reason, stopped=stopped, error_number=number)
        detail = self._detail
        if not detail and cause not in ORDERLY:
            known = reason.check(error.ConnectionLost, error.ConnectionDone)
            detail = errno.errorcode.get(number, "") if known else _tls_reason(reason)
        unread_bytes = self.unread_bytes()
        if cause is EndCause.STOPPED:
            connections.unread_bytes += unread_bytes
        connections.sink(
            Finished(
                self._peer,
                now,
                cause,
                received_bytes=self._received_bytes,
                messages=self._messages if connections.count_messages else None,
                unterminated_bytes=self._unterminated_bytes,
                unread_bytes=unread_bytes,
                seconds=seconds,
                detail=detail,
                rtt_seconds=watched.rtt_seconds if watched else None,
                retransmits=watched.retransmits if watched else None,
            )
        )

    def is_late(self) -> bool:
        """Whether the server has had its time to end, so that nothing more is read."""
        return self.connections.is_late()

    def now(self) -> float:
        """Return the time of day, for an event of this connection."""
        return self._time_of_day(self.connections.clock.seconds())

    def unread_bytes(self) -> int:
        """How many bytes had arrived at the end, and were not read."""
        return self._late_bytes + (self._watched.unread_bytes if self._watched else 0)

    def pause(self) -> None:
        """Read nothing until `resume`."""
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again; what came meanwhile has yet to be looked for."""
        self.look_afresh()
        self._heard = self.connections.clock.seconds()
        if not self._full:
            self.transport.resumeProducing()

    def look_afresh(self) -> None:
        """Have `stop_if_quiet` forget what it saw when it was last asked."""
        self._bytes_last_turn = -1

    def stop_if_quiet(self) -> None:
        """End the connection if nothing came since this was last asked.

        Over TLS, something may yet come: the client had to wait for the handshake.
        """
        quiet = self._received_bytes == self._bytes_last_turn
        # One that is not read, since it does not take its replies, may have sent more.
        held = self._full or self._begins_tls()
        if quiet and self._ended is None and not held:
            self.end(EndCause.STOPPED)
        self._bytes_last_turn = self._received_bytes

    def _begins_tls(self) -> bool:
        """Whether TLS has still to bring its first bytes, and has had little time."""
        if self._received_bytes or not ISSLTransport.providedBy(self.transport):
            return False
        since = self.connections.clock.seconds() - self._heard
        return self._peer is None or since < FIRST_BYTES_SECONDS

    def end(self, cause: EndCause, detail: str = "") -> None:
        """End the connection, in order if the peer plays along."""
        self._ended, self._detail = cause, detail
        if not self.connected:
            return  # The last message was the cause; there is nothing left to end.
        self._cancel_due()
        if self._unread_tls is not None:
            self._unread_tls.stop()
        self._due = self.connections.reading.call_later(
            LINGER_SECONDS, self.transport.abortConnection
        )
        self.transport.loseConnection()

    def abort(self) -> None:
        """End the connection now, whatever is on its way."""
        self._ended = self._ended or EndCause.STOPPED
        self.transport.abortConnection()

    def finish_framing(self, now: float) -> None:
        """Give out the last message, once, if the peer has not ended it."""
        if self._framing_is_over or self._ended in _UNFRAMED:
            return
        self._framing_is_over = True
        if self.connections.is_late(by=SHOWING_SECONDS):
            # They were read, and nobody will see them.
            self._late_bytes += self._framer.buffered_bytes
            self._received_bytes -= self._framer.buffered_bytes
        else:
            self._report(now, self._framer.end)

    def _report(
        self, now: float, frame: Callable[..., Iterable[Messages]], *chunk: bytes
    ) -> None:
        try:
            for messages in frame(*chunk):
                if messages:
                    self.take(messages, now)
        except FramingError as why:
            self.end(unframed(why), str(why))

    def take(self, messages: Messages, now: float) -> None:
        """Report messages, and count them."""
        assert self._peer is not None
        self.connections.sink(Received(self._peer, now, messages))
        self.count(messages)

    def count(self, messages: Messages) -> None:
        """Take note of what was received."""
        if messages.mark not in ENDED:
            self._unterminated_bytes += len(messages.raw())
            return
        self._unterminated_bytes = 0
        if self.connections.count_messages:
            self._messages += len(messages)

    def _show_partial_in(self, seconds: float) -> None:
        if seconds:
            clock = self.connections.clock
            self._partial_due = clock.callLater(seconds, self._show_partial)

    def _show_partial(self) -> None:
        """Show what there is of a message whose peer has fallen silent."""
        self._partial_due = None
        if not self._framer.buffered_bytes or self._ended is not None:
            return
        connections = self.connections
        now = connections.clock.seconds()
        patience = connections.limits.partial_seconds
        silent = now - self._heard
        if silent < patience:
            self._show_partial_in(patience - silent)
        elif not connections.partials_wanted():
            self._show_partial_in(patience)
        else:
            self._report(self._time_of_day(now), self._framer.take)

    def _end_if_idle_in(self, seconds: float) -> None:
        if seconds:
            self._due = self.connections.clock.callLater(seconds, self._end_if_idle)

    def _end_if_idle(self) -> None:
        """End the connection, unless something came, or could not come."""
        self._due = None
        connections = self.connections
        patience = connections.limits.idle_seconds
        silent = connections.clock.seconds() - self._heard
        if connections.paused:
            self._end_if_idle_in(patience)
        elif silent < patience:
            self._end_if_idle_in(patience - silent)
        else:
            self.end(EndCause.IDLE, f"nothing came for {patience:g} s")

    def _cancel_due(self) -> None:
        due, self._due = self._due, None
        if due is not None and due.active():
            due.cancel()


def _tls_reason(reason: Failure) -> str:
    """Say why TLS failed."""
    if reason.check(error.ConnectionDone, error.ConnectionLost):
        return "the client ended"
    return reason_of(reason.value)
