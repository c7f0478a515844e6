"""All connections of a server: admit, pause, turn away and end them."""

from __future__ import annotations

import enum
import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import deferLater
from zope.interface import implementer

from echolab.addresses import Peer
from echolab.connection.states import Holder
from echolab.ends import EndCause
from echolab.escaping import escape_line
from echolab.events import Refused
from echolab.server.reading_clock import ReadingClock
from echolab.sinks.bounded_reports import BoundedReports
from echolab.timekeeping import time_of_day

if TYPE_CHECKING:
    from collections.abc import Hashable

    from twisted.internet.interfaces import IAddress, IProtocolFactory

    from echolab.connection.terms import Terms
    from echolab.server.admission import Admission
    from echolab.server.limits import Limits

__all__ = ["Connections", "Held"]

# How often a drain polls: after a turn of the reactor that polled every socket, and
# less often while the sink pauses reading.
TURN_SECONDS = 0.001
PAUSED_TURN_SECONDS = 0.02


_NO_MORE = "no more are accepted"


class _Door(enum.Enum):
    OPEN = enum.auto()
    DRAINING = enum.auto()
    """Only connections that are arriving already are admitted."""
    SHUT = enum.auto()
    GONE = enum.auto()
    """The drain has ended: refused connections are not reported."""


class Held(Protocol):
    """The methods of connections, and of arriving ones."""

    def pause(self) -> None:
        """Stop reading until `resume`."""

    def resume(self) -> None:
        """Read again."""

    def look_afresh(self) -> None:
        """Let `stop_if_quiet` start again: its next call ends nothing."""

    def stop_if_quiet(self) -> None:
        """End the connection if nothing came since the last call."""

    def abort(self) -> None:
        """Abort the connection now."""


@implementer(IPushProducer)
class Connections:
    """The connections of one `ReceiverFactory`, and what they share.

    They are one producer, which an output can pause.

    Args:
        terms: where events go, and which.
        limits: the server's time limits.
        admission: decides which connections to admit.

    Attributes:
        reading: counts the time in which the sink has not paused reading.
        unread_bytes: how many bytes had arrived but were never read, at
            connections that this side ended.
        unsent_bytes: how many bytes the peers did not take, when the server ended.
        unanswered_messages: how many messages were not fully answered then.
        refused: how many connections were turned away so far, by cause; also those
            that were not reported one by one.
    """

    def __init__(
        self,
        terms: Terms,
        *,
        limits: Limits,
        admission: Admission,
    ) -> None:
        self.terms = terms
        self.clock = clock = terms.clock
        self.limits = limits
        self._holders: frozenset[Hashable] = frozenset()
        self.reading = ReadingClock(clock)
        self.unread_bytes = 0
        self.unsent_bytes = 0
        self.unanswered_messages = 0
        self.refused: Counter[EndCause] = Counter()
        self._admission = admission
        self._refusals = BoundedReports(clock, self._report_refused)
        self._time_of_day = time_of_day(clock)
        self._connections: set[Held] = set()
        self._door = _Door.OPEN
        self._letting_in = False
        self._draining = DeferredLock()  # Two drains would poll twice in one turn.
        self._deadline = 0.0

    def enter(self, addr: IAddress | None) -> bool:
        """Admit and count a connection, if its peer may connect and there is room.

        A connection that may not is reported. An admitted one must call `opened`, and
        at its end `closed`. If it gets no protocol, `leave` is called for it.
        """
        accepting = self._door is _Door.OPEN or (
            self._letting_in and self._door is _Door.DRAINING
        )
        return self._enter(addr, _host(addr), accepting)

    def arrive(self, addr: IAddress | None) -> bool:
        """Count a connection whose peer is not known yet, if there is room.

        It must call `opened` as soon as it can be paused; from then on it is paused and
        drained like the others. At the end it calls `closed`, or it is let in.

        Args:
            addr: the address that connected for the peer.
        """
        return self._enter(addr, None, self._door is _Door.OPEN)

    def _enter(self, addr: IAddress | None, host: str | None, accepting: bool) -> bool:
        why = self._admission.enter(host) if accepting else _NO_MORE
        if why:
            self.refuse(Peer.of(0, addr), EndCause.REFUSED, why)
        return not why

    def let_in(self, arrival: Held, factory: IProtocolFactory, addr: IAddress) -> Any:
        """Make the protocol of a connection that has arrived.

        Args:
            arrival: the protocol of the connection until now.
            factory: the factory of these connections, or one that wraps it.
            addr: the peer's address.
        """
        self.closed(arrival, None)
        self._letting_in = True
        try:
            return factory.buildProtocol(addr)
        finally:
            self._letting_in = False

    @property
    def is_open(self) -> bool:
        """Whether new connections are accepted."""
        return self._door is _Door.OPEN

    @property
    def count(self) -> int:
        """How many connections there are, with those that are arriving."""
        return len(self._connections)

    @property
    def max_connections(self) -> int:
        """How many connections may be open at a time; 0 for any number."""
        return self._admission.max_connections

    def refuse(self, peer: Peer, cause: EndCause, detail: str) -> None:
        """Report that a connection was turned away, at a bounded rate.

        After a drain nothing is reported: the outputs may be closed.
        """
        if self._door is _Door.GONE:
            return
        self.refused[cause] += 1
        now = self._time_of_day()
        self._refusals(Refused(peer, now, cause, escape_line(detail), 0))

    def _report_refused(self, refused: Refused, others: int) -> None:
        self.terms.sink(replace(refused, others=others))

    def opened(self, protocol: Held) -> None:
        """Add a new connection; pause it if the sink is full."""
        self._connections.add(protocol)
        if self.paused:
            protocol.pause()

    def closed(self, protocol: Held, address: IAddress | None) -> None:
        """Remove a connection that has ended."""
        self._connections.discard(protocol)
        self.leave(address)

    def leave(self, address: IAddress | None) -> None:
        """Free the place of a connection that has ended, or has got no protocol."""
        self._admission.leave(_host(address))

    @property
    def paused(self) -> bool:
        """Whether nothing is read now."""
        return bool(self._holders)

    def hold(self, who: Hashable) -> None:
        """Stop reading from all connections until all holders have released them."""
        self._holders |= {who}
        self.reading.pause()
        for protocol in self._connections:
            protocol.pause()

    def release(self, who: Hashable) -> None:
        """Read from all connections again, unless somebody else holds them."""
        self._holders -= {who}
        if self._holders:
            return
        self.reading.resume()
        # The first may fill the output at once: it should not always be the same.
        for protocol in random.sample(tuple(self._connections), len(self._connections)):
            if not self._holders:
                protocol.resume()

    def pauseProducing(self) -> None:
        """Stop reading from all connections: the sink takes no more."""
        self.hold(Holder.SINK)

    def resumeProducing(self) -> None:
        """Read again, as far as the sink is concerned."""
        self.release(Holder.SINK)

    def stopProducing(self) -> None:
        """Abort every connection now, since the sink takes no more."""
        self._door = _Door.SHUT
        for protocol in tuple(self._connections):
            protocol.abort()

    def partials_wanted(self) -> bool:
        """Whether an unfinished message may be shown now."""
        alone = len(self._connections) == 1
        return not self.paused and (alone or not self.limits.partial_alone)

    def start_accepting(self) -> None:
        """Accept connections: at first, and again after a drain."""
        self._door = _Door.OPEN
        self._deadline = 0.0
        self.unread_bytes = 0
        self.unsent_bytes = 0
        self.unanswered_messages = 0

    def stop_accepting(self) -> None:
        """Turn away every new connection; open ones continue."""
        if self._door is not _Door.GONE:
            self._door = _Door.SHUT

    def expect_drain(self, deadline: float) -> None:
        """Set the time on the clock after which data is late and not read."""
        self._deadline = max(self._deadline, deadline)

    def is_late(self, by: float = 0.0) -> bool:
        """Whether a drain's deadline has passed, at least ``by`` seconds ago."""
        return self._deadline > 0 and self.clock.seconds() >= self._deadline + by

    def drain(self, seconds: float) -> Deferred[None]:
        """Stop accepting, read what has arrived, then end.

        A connection is ended when it brought nothing in a whole turn of the reactor.
        Connections that still bring data after ``seconds`` are aborted. One that is
        still arriving is let in, unless `stop_accepting` was called. A drain that
        begins during another one joins it; the later deadline counts.

        Returns:
            A Deferred that fires when every connection has ended, or when
            `start_accepting` is called.
        """
        if self._door is _Door.OPEN:
            self._door = _Door.DRAINING
        self._deadline = max(self._deadline, self.clock.seconds() + seconds)
        return self._draining.run(lambda: Deferred.fromCoroutine(self._drain()))

    async def _drain(self) -> None:
        self._refusals.catch_up()
        for protocol in self._connections:
            protocol.look_afresh()
        while self._connections and self._door is not _Door.OPEN:
            if self.is_late():
                self.stopProducing()
            elif not self.paused:
                for protocol in tuple(self._connections):
                    protocol.stop_if_quiet()
            turn = PAUSED_TURN_SECONDS if self.paused else TURN_SECONDS
            await deferLater(self.clock, turn)
        self._refusals.catch_up()
        if self._door is not _Door.OPEN:
            self._door = _Door.GONE


def _host(address: IAddress | None) -> str | None:
    host: str | None = getattr(address, "host", None)
    return host
