"""One accepted connection: chunks in, events out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from typing_extensions import override
from zope.interface import implementer

from echolab.addresses import Peer
from echolab.connection.core import Connection
from echolab.connection.states import Holder, State, Verdict
from echolab.ends import EndCause
from echolab.errors import reason_of
from echolab.events import Accepted, Mistaken
from echolab.quantities import span
from echolab.server.partial import Partial
from echolab.server.read_size import FULL_BYTES, read_much
from echolab.sockets.watching import prepare_connection
from echolab.sockets.wrapped import hear
from echolab.tls.alert import begins_tls
from echolab.tls.certificate_name import verified_name
from echolab.tls.unread import READS_NOTHING, UnreadTLS

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IDelayedCall
    from twisted.python.failure import Failure

    from echolab.framing import Framer
    from echolab.interfaces import IStreamTransport
    from echolab.server.connections import Connections
    from echolab.server.reading_clock import Wait

__all__ = ["LINGER_SECONDS", "ReceiverProtocol"]

STOPPED_FIRST = "the server stopped before it was done"

FIRST_BYTES_SECONDS = 0.5
"""How long the first bytes of a TLS client may take after its handshake."""

SHOWING_SECONDS = 0.5
"""How long after the end of a drain unfinished messages may still be shown."""

LINGER_SECONDS = 2.0
"""How long a peer may take to end a connection that this side has ended."""


@implementer(IHandshakeListener)
class ReceiverProtocol(Protocol):
    """One accepted connection: chunks in, events out; it sends nothing.

    Made by a `ReceiverFactory`, whose connections share sink, clock and limits.

    Attributes:
        connection: the state of the connection, once it is made.
        remote: the peer's address, if that is not the transport's peer.
        number: the number of the connection, if it got one before it was accepted.
    """

    connections: Connections
    connection: Connection
    transport: IStreamTransport
    remote: IAddress | None = None
    number: int | None = None
    _was_owed = False  # at the last look whether the peer is idle
    _taken: int | None = None  # how many bytes it had taken then, if it did not read

    def __init__(self, framer: Framer) -> None:
        self._framer = framer
        self._late_bytes = 0
        self._bytes_last_turn = -1
        self._partial: Partial | None = None
        self._due: IDelayedCall | Wait | None = None
        self._unread_tls: UnreadTLS | None = None

    @override
    def connectionMade(self) -> None:
        self.connected = 1  # Layers of other code may call only this method.
        connections = self.connections
        connection = self.make_connection()
        connection.released = self.go_on
        self.connection, self.transport = connection, connection.transport
        if connection.watched is not None:
            prepare_connection(connection.watched, connections.limits.keepalive_seconds)
        hear(self, connection.wire)
        connections.opened(self)
        self.arrive()

    def make_connection(self) -> Connection:
        """Return the state of the connection that was made."""
        return Connection(self.connections.terms, self._framer, self.transport)

    def arrive(self) -> None:
        """Begin at once."""
        self.begin()

    def begin(self) -> None:
        """Accept; over TLS, once the handshake is done."""
        if not self.connection.over_tls:
            self.accept()
            return
        self.bound_tls()
        if seconds := self.connections.limits.handshake_seconds:
            reading = self.connections.reading
            self._due = reading.call_later(seconds, self._handshake_late)

    def bound_tls(self) -> None:
        """Limit the bytes that TLS holds for a peer that does not read."""
        self._unread_tls = UnreadTLS(
            self.transport,
            clock=self.connections.clock,
            seconds=self.connections.limits.handshake_seconds,
            sent_bytes=self.taken_bytes,
            pause=lambda: self.connection.hold(Holder.PEER),
            resume=lambda: self.connection.release(Holder.PEER),
            give_up=self.give_up,
        )
        self._unread_tls.start()

    def taken_bytes(self) -> int:
        """Return how many bytes the kernel has taken."""
        watched = self.connection.watched
        return watched.sent_bytes if watched else 0

    def give_up(self) -> None:
        """Abort the connection: its peer reads nothing that TLS sends it."""
        self._abort(EndCause.TIMEOUT, READS_NOTHING)

    def _abort(self, cause: EndCause, why: str) -> None:
        self.connection.verdict = Verdict(cause, why)
        self.transport.abortConnection()

    def handshakeCompleted(self) -> None:
        """Accept: the TLS handshake is done, and the client's certificate is good."""
        connection = self.connection
        if connection.state is State.ARRIVING and connection.verdict is None:
            connection.heard = self.connections.clock.seconds()
            self._cancel_due()
            try:
                name = verified_name(self.transport)
            except ValueError as why:
                self._abort(EndCause.HANDSHAKE, str(why))
            else:
                self.accept(name)

    def _handshake_late(self) -> None:
        self._due = None
        self._abort(EndCause.HANDSHAKE, "no TLS handshake in time")

    def accept(self, name: str | None = None) -> None:
        """Report the peer, with the name in its certificate if it has one."""
        connections = self.connections
        number = self.number or next(connections.terms.numbers)
        if seconds := connections.limits.idle_seconds:
            self._due = connections.clock.callLater(seconds, self._end_if_idle)
        self.connection.open(Accepted, number, self.remote, name)

    @override
    def dataReceived(self, data: bytes) -> None:
        self.take(data)

    def take(self, data: bytes) -> None:
        """Take the bytes of a read."""
        connections, connection = self.connections, self.connection
        if connections.is_late():
            self._late_bytes += len(data)
            self.abort()
            return
        if connection.is_unframed:
            return
        if not connection.received_bytes and not self._begins_with(data):
            return
        if len(data) == FULL_BYTES:
            terms, count = connections.terms, connections.count
            read_much(self.transport, self._framer, terms, count)
        connection.heard = now = connections.clock.seconds()
        connection.take(data, now)
        if connection.is_unframed:
            self._end_unframed()
        elif connection.framer.buffered_bytes:
            if self._partial is None:
                self._partial = Partial(connections, connection, self._end_unframed)
            self._partial.expect()

    def _begins_with(self, data: bytes) -> bool:
        """Check the first bytes; return whether the peer is accepted."""
        # A layer of other code may not have reported the handshake. It is done.
        self.handshakeCompleted()
        connection = self.connection
        if connection.peer is None:
            return False
        if not connection.over_tls and begins_tls(data):
            # The client begins TLS, but this server does not.
            mistaken = Mistaken(connection.peer, connection.now(), "TLS")
            self.connections.terms.sink(mistaken)
        return True

    def _end_unframed(self) -> None:
        """End a connection whose bytes no longer fit the framing."""
        if self.connection.verdict is not None:
            self.end(*self.connection.verdict)

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        reason = reason or connectionDone  # Some layers give None.
        self.connected = 0
        self._cancel_due()
        if self._partial is not None:
            self._partial.stop()
            self._partial = None
        if self._unread_tls is not None:
            self._unread_tls.stopProducing()
        connections, connection = self.connections, self.connection
        connections.closed(self, self.remote)
        if connection.peer is None:
            self._never_accepted(reason)
            return
        try:
            self.end_framing()
        finally:
            unread_bytes = self.unread_bytes()
            cause = connection.finish(
                reason,
                unread_bytes=unread_bytes,
                unsent_answers=self.unanswered_messages(),
            )
            if cause is EndCause.STOPPED:
                connections.unread_bytes += unread_bytes
            if connection.verdict == (EndCause.STOPPED, "") or connections.is_late():
                connections.unsent_bytes += connection.unsent_bytes or 0
                connections.unanswered_messages += self.unanswered_messages()

    def _never_accepted(self, reason: Failure) -> None:
        """Report a connection that was never accepted, if a reason is known."""
        self.connection.never_opened(self.remote)
        cause, why = self.connection.verdict or (None, "")
        if cause is EndCause.STOPPED:
            self.connections.unread_bytes += self.unread_bytes()
            why = STOPPED_FIRST if self.connection.over_tls else ""
        elif not why:
            why = _tls_reason(reason)
        if why:
            peer = Peer.of(0, self.remote)
            self.connections.refuse(peer, EndCause.HANDSHAKE, why)

    def end_framing(self) -> None:
        """Report the last message, once, if the peer has not ended it."""
        connection = self.connection
        if connection.state is State.OPEN:
            late = self.connections.is_late(by=SHOWING_SECONDS)
            # If it is late, it was read but will not be printed.
            self._late_bytes += connection.end_framing(show=not late)
            if connection.is_unframed:
                self._end_unframed()

    def is_late(self) -> bool:
        """Whether the server's time to end has passed, so that it reads no more."""
        return self.connections.is_late()

    def unread_bytes(self) -> int:
        """Return how many bytes had arrived at the end but were never read."""
        watched = self.connection.watched
        return self._late_bytes + (watched.unread_bytes if watched else 0)

    def unanswered_messages(self) -> int:
        """Return how many messages were not fully answered: it answers none."""
        return 0

    def still_sends(self) -> bool:
        """Whether something waits to be sent though the peer is read: it sends none."""
        return False

    def is_backed_up(self) -> bool:
        """Whether the peer does not read what it is sent."""
        return self.connection.is_held_by(Holder.PEER)

    def pause(self) -> None:
        """Stop reading until `resume`."""
        self.connection.hold(Holder.SINK)

    def resume(self) -> None:
        """Read again."""
        self.connection.release(Holder.SINK)

    def go_on(self) -> None:
        """Restart all waits: reading continues."""
        self.look_afresh()
        self.connection.heard = self.connections.clock.seconds()

    def look_afresh(self) -> None:
        """Let `stop_if_quiet` start again: its next call ends nothing."""
        self._bytes_last_turn = -1

    def stop_if_quiet(self) -> None:
        """End the connection if nothing came since the last call.

        Over TLS, first bytes may still come: the client had to wait for the handshake.
        """
        connection = self.connection
        quiet = connection.received_bytes == self._bytes_last_turn
        # A peer that does not take its replies is not read, and may have sent more.
        held = connection.is_held_by(Holder.PEER) or self._begins_tls()
        if quiet and connection.verdict is None and not held and not self.still_sends():
            self.end(EndCause.STOPPED)
        self._bytes_last_turn = connection.received_bytes

    def _begins_tls(self) -> bool:
        """Whether the first bytes over TLS have not come, and had little time."""
        connection = self.connection
        if connection.received_bytes or not connection.over_tls:
            return False
        since = self.connections.clock.seconds() - connection.heard
        return connection.state is State.ARRIVING or since < FIRST_BYTES_SECONDS

    def end(self, cause: EndCause, detail: str = "") -> None:
        """End the connection, in order if the peer takes part."""
        self.connection.verdict = Verdict(cause, detail)
        if not self.connected:
            return  # The last message was the cause; the connection has ended already.
        self._cancel_due()
        if self._unread_tls is not None:
            self._unread_tls.stop()
        self._due = self.connections.reading.call_later(
            LINGER_SECONDS, self.transport.abortConnection
        )
        self.transport.loseConnection()

    def abort(self) -> None:
        """Abort the connection now."""
        connection = self.connection
        connection.verdict = connection.verdict or Verdict(EndCause.STOPPED)
        self.transport.abortConnection()

    def _end_if_idle(self) -> None:
        """End the connection if the peer is silent, and that is not this side's doing.

        While this side does not read, or owes an answer, the peer may be silent. After
        an answer it has at least the whole time again. But a peer that does not read
        what it is sent, and takes no byte of it for the whole time, is ended.
        """
        self._due = None
        connections, connection = self.connections, self.connection
        patience = connections.limits.idle_seconds
        left = patience - (connections.clock.seconds() - connection.heard)
        was_owed, self._was_owed = self._was_owed, self.still_sends()
        taken, self._taken = self._taken, None
        if self.is_backed_up():
            self._taken = self.taken_bytes()
        is_stuck = taken is not None and taken == self._taken
        is_excused = connection.is_held or was_owed or self._was_owed
        if connections.paused or (is_excused and not is_stuck):
            left = patience
        if left > 0:
            self._due = connections.clock.callLater(left, self._end_if_idle)
        else:
            what = "the peer took nothing" if is_stuck else "nothing came"
            self.end(EndCause.IDLE, f"{what} for {span(patience)}")

    def _cancel_due(self) -> None:
        due, self._due = self._due, None
        if due is not None and due.active():
            due.cancel()


def _tls_reason(reason: Failure) -> str:
    """Return why TLS failed."""
    if reason.check(error.ConnectionDone, error.ConnectionLost):
        return "the client ended"
    return reason_of(reason.value)
