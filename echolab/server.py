"""The receiving side: a Protocol that reports events, and its Factory."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from typing_extensions import override
from zope.interface import implementer

from echolab.errors import FramingError, OverlongError
from echolab.events import Accepted, EndCause, Finished, Peer, Received, cause_of
from echolab.framing import LineFramer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
    from twisted.python.failure import Failure

    from echolab.events import Sink
    from echolab.framing import Framer
    from echolab.interfaces import IStreamTransport
    from echolab.messages import Messages

__all__ = ["ReceiverFactory", "ReceiverProtocol"]

# How often a drain looks again: after a turn of the reactor that has asked every
# connection, and less often while the sink lets nobody read.
TURN_SECONDS = 0.001
PAUSED_TURN_SECONDS = 0.02

_log = Logger()


class ReceiverProtocol(Protocol):
    """One accepted connection: chunks in, events out, nothing sent back.

    Made by a `ReceiverFactory`, which knows the sink, the clock and the framing.
    """

    factory: ReceiverFactory
    transport: IStreamTransport

    def __init__(self, framer: Framer) -> None:
        self._framer = framer
        self._received_bytes = 0
        self._messages = 0
        self._unterminated_bytes = 0
        self._partial_due: IDelayedCall | None = None
        self._stopped = False
        self._fault: EndCause | None = None
        self._bytes_last_turn = -1

    @override
    def connectionMade(self) -> None:
        transport = self.transport
        factory = self.factory
        self._began = factory.clock.seconds()
        self._peer = Peer.of(
            next(factory.numbers), transport.getPeer(), transport.getHost()
        )
        factory.opened(self)
        factory.sink(Accepted(self._peer, self._began))

    @override
    def dataReceived(self, data: bytes) -> None:
        if self._fault is None:
            self._received_bytes += len(data)
            self._heard = self.factory.clock.seconds()
            self._report(self._framer.feed(data))
            if self._partial_due is None and self._framer.buffered_bytes:
                self._show_partial_in(self.factory.partial_seconds)

    @override
    def connectionLost(self, reason: Failure = connectionDone) -> None:
        factory = self.factory
        if self._partial_due is not None:
            self._partial_due.cancel()
        now = self._heard = factory.clock.seconds()
        if self._fault is None:
            self._report(self._framer.end())
        factory.sink(
            Finished(
                self._peer,
                now,
                self._fault or cause_of(reason, stopped=self._stopped),
                received_bytes=self._received_bytes,
                messages=self._messages if factory.count_messages else None,
                unterminated_bytes=self._unterminated_bytes,
                seconds=now - self._began,
            )
        )
        factory.closed(self)

    def resume(self) -> None:
        """Read again; what came meanwhile has yet to be looked for."""
        self._bytes_last_turn = -1
        self._heard = self.factory.clock.seconds()
        self.transport.resumeProducing()

    def stop_if_quiet(self) -> None:
        """End the connection if nothing came since this was last asked."""
        if self._received_bytes == self._bytes_last_turn and not self._stopped:
            self._stopped = True
            self.transport.loseConnection()
        self._bytes_last_turn = self._received_bytes

    def _show_partial_in(self, seconds: float) -> None:
        if seconds:
            clock = self.factory.clock
            self._partial_due = clock.callLater(seconds, self._show_partial)

    def _show_partial(self) -> None:
        """Show what there is of a message whose peer has fallen silent."""
        self._partial_due = None
        if not self._framer.buffered_bytes or self._fault is not None:
            return
        factory = self.factory
        now = factory.clock.seconds()
        silent = now - self._heard
        if silent < factory.partial_seconds:
            self._show_partial_in(factory.partial_seconds - silent)
        elif not factory.partials_wanted():
            self._show_partial_in(factory.partial_seconds)
        else:
            self._heard = now
            self._report(self._framer.take())

    def abort(self) -> None:
        """End the connection now, whatever is on its way."""
        self._stopped = True
        self.transport.abortConnection()

    def _report(self, batches: Iterable[Messages]) -> None:
        factory = self.factory
        try:
            for messages in batches:
                factory.sink(Received(self._peer, self._heard, messages))
                if messages.mark:
                    self._unterminated_bytes += len(messages.raw())
                    continue
                self._unterminated_bytes = 0
                if factory.count_messages:
                    self._messages += len(messages)
        except FramingError as why:
            self._fault = (
                EndCause.OVERLONG
                if isinstance(why, OverlongError)
                else EndCause.MALFORMED
            )
            _log.info("{peer}: {why}", peer=self._peer, why=why)
            self.transport.loseConnection()


@implementer(IPushProducer)
class ReceiverFactory(Factory[ReceiverProtocol]):
    """Makes `ReceiverProtocol` s and holds them back when their sink is full.

    It is the one producer of all its connections: register it with an output
    (``output.registerProducer(factory, True)``), and the output can pause them.

    Args:
        sink: takes the events of all connections, each connection's in order.
        clock: tells the time (``reactor``, or a test's ``Clock``).
        make_framer: makes the framer of one connection.
        partial_seconds: after so long a silence, what there is of a message is
            given out, marked ``partial``; 0 for never.
        partial_alone: only while its connection is the only one, since nothing
            would part it from what others send.
        count_messages: whether `Finished` says how many messages there were.
    """

    noisy = False

    def __init__(
        self,
        sink: Sink,
        *,
        clock: IReactorTime,
        make_framer: Callable[[], Framer] = LineFramer,
        partial_seconds: float = 1.0,
        partial_alone: bool = False,
        count_messages: bool = True,
    ) -> None:
        self.sink = sink
        self.clock = clock
        self.numbers = count(1)
        self.partial_seconds = partial_seconds
        self.count_messages = count_messages
        self._partial_alone = partial_alone
        self._make_framer = make_framer
        self._connections: set[ReceiverProtocol] = set()
        self._accepting = True
        self._paused = False

    @override
    def buildProtocol(self, addr: IAddress | None) -> ReceiverProtocol | None:
        if not self._accepting:
            return None
        protocol = ReceiverProtocol(self._make_framer())
        protocol.factory = self
        return protocol

    def opened(self, protocol: ReceiverProtocol) -> None:
        """Note a new connection; it waits if the sink is full."""
        self._connections.add(protocol)
        if self._paused:
            protocol.transport.pauseProducing()

    def closed(self, protocol: ReceiverProtocol) -> None:
        """Forget a connection that has finished."""
        self._connections.discard(protocol)

    def pauseProducing(self) -> None:
        """Read from no connection until `resumeProducing`."""
        self._paused = True
        for protocol in self._connections:
            protocol.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Read from all connections again."""
        self._paused = False
        for protocol in self._connections:
            protocol.resume()

    def stopProducing(self) -> None:
        """End every connection now, since nobody takes what it brings."""
        self._accepting = False
        for protocol in tuple(self._connections):
            protocol.abort()

    def partials_wanted(self) -> bool:
        """Whether an unfinished message may be shown now."""
        alone = len(self._connections) == 1
        return not self._paused and (alone or not self._partial_alone)

    def stop_accepting(self) -> None:
        """Turn away every further connection; those that are open go on."""
        self._accepting = False

    def drain(self, seconds: float) -> Deferred[None]:
        """Accept nothing more, read what has arrived, then end.

        A connection is ended when a whole turn of the reactor brought nothing
        from it; those that still bring something after ``seconds`` are aborted.

        Returns:
            A Deferred that fires when every connection has finished.
        """
        self._accepting = False
        return Deferred.fromCoroutine(self._drain(seconds))

    async def _drain(self, seconds: float) -> None:
        deadline = self.clock.seconds() + seconds
        while self._connections:
            if self.clock.seconds() >= deadline:
                self.stopProducing()
            elif not self._paused:
                for protocol in tuple(self._connections):
                    protocol.stop_if_quiet()
            turn = PAUSED_TURN_SECONDS if self._paused else TURN_SECONDS
            await deferLater(self.clock, turn)
