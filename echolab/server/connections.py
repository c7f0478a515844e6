"""All connections of a server: counted in, held back, turned away, ended."""

from __future__ import annotations

import enum
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import deferLater
from zope.interface import implementer

from echolab.addresses import Peer
from echolab.ends import EndCause
from echolab.events import Refused
from echolab.server.reading_clock import ReadingClock
from echolab.sinks.bounded_reports import BoundedReports
from echolab.timekeeping import time_of_day

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IProtocolFactory

    from echolab.connection.terms import Terms
    from echolab.server.admission import Admission
    from echolab.server.limits import Limits

__all__ = ["Connections", "Held"]

# How often a drain looks again: after a turn of the reactor that has asked every
# connection, and less often while the sink lets nobody read.
TURN_SECONDS = 0.001
PAUSED_TURN_SECONDS = 0.02


_NO_MORE = "no more are accepted"


class _Door(enum.Enum):
    OPEN = enum.auto()
    DRAINING = enum.auto()
    """Only those who are at it already come in."""
    SHUT = enum.auto()
    GONE = enum.auto()
    """All is over: nobody is told of those who still come."""


class Held(Protocol):
    """What is asked of connections, and of those that are arriving."""

    def pause(self) -> None:
        """Read nothing until `resume`."""

    def resume(self) -> None:
        """Read again."""

    def look_afresh(self) -> None:
        """Have `stop_if_quiet` forget what it saw when it was last asked."""

    def stop_if_quiet(self) -> None:
        """End the connection if nothing came since this was last asked."""

    def abort(self) -> None:
        """End the connection now."""


@implementer(IPushProducer)
class Connections:
    """The connections of one `ReceiverFactory`, and what they have in common.

    They are one producer: an output with which this is registered can pause them.

    Args:
        terms: whom they tell, and of what.
        limits: how patient the server is.
        admission: who may connect.

    Attributes:
        paused: whether the sink lets nobody read now.
        reading: counts the time in which it does.
        unread_bytes: how many bytes had arrived at connections that this side
            ended, and were not read.
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
        self.paused = False
        self.reading = ReadingClock(clock)
        self.unread_bytes = 0
        self._admission = admission
        self._refusals = BoundedReports(clock, self._report_refused)
        self._time_of_day = time_of_day(clock)
        self._connections: set[Held] = set()
        self._door = _Door.OPEN
        self._letting_in = False
        self._draining = DeferredLock()  # Two would ask twice in one turn.
        self._deadline = 0.0

    def enter(self, addr: IAddress | None) -> bool:
        """Count in a connection, if its peer may connect and there is room.

        Who may not is reported. Who may says so with `opened`, and at last with
        `closed`.
        """
        accepting = self._door is _Door.OPEN or (
            self._letting_in and self._door is _Door.DRAINING
        )
        return self._enter(addr, _host(addr), accepting)

    def arrive(self, addr: IAddress | None) -> bool:
        """Count in a connection whose peer is not known yet, if there is room.

        It says so with `opened` once it can be paused, and is then held back and
        drained as all others; at last with `closed`, or it is let in.

        Args:
            addr: who has connected for the peer.
        """
        return self._enter(addr, None, self._door is _Door.OPEN)

    def _enter(self, addr: IAddress | None, host: str | None, accepting: bool) -> bool:
        why = self._admission.enter(host) if accepting else _NO_MORE
        if why:
            self.refuse(Peer.of(0, addr), EndCause.REFUSED, why)
        return not why

    def let_in(self, arrival: Held, factory: IProtocolFactory, addr: IAddress) -> Any:
        """Make the protocol of a connection that had arrived before.

        Args:
            arrival: what stood for it so far.
            factory: the factory of these connections, or one that wraps it.
            addr: who the peer is.
        """
        self.closed(arrival, None)
        self._letting_in = True
        try:
            return factory.buildProtocol(addr)
        finally:
            self._letting_in = False

    @property
    def max_connections(self) -> int:
        """How many may be open at a time; 0 for any number."""
        return self._admission.max_connections

    def refuse(self, peer: Peer, cause: EndCause, detail: str) -> None:
        """Report that somebody was turned away, if not too many were just now.

        After a drain nobody is told any more: the outputs may be closed.
        """
        if self._door is _Door.GONE:
            return
        now = self._time_of_day()
        self._refusals(Refused(peer, now, cause, detail, 0))

    def _report_refused(self, refused: Refused, others: int) -> None:
        self.terms.sink(replace(refused, others=others))

    def opened(self, protocol: Held) -> None:
        """Note a new connection; it waits if the sink is full."""
        self._connections.add(protocol)
        if self.paused:
            protocol.pause()

    def closed(self, protocol: Held, address: IAddress | None) -> None:
        """Forget a connection that has finished."""
        self._connections.discard(protocol)
        self._admission.leave(_host(address))

    def pauseProducing(self) -> None:
        """Read from no connection until `resumeProducing`."""
        self.paused = True
        self.reading.pause()
        for protocol in self._connections:
            protocol.pause()

    def resumeProducing(self) -> None:
        """Read from all connections again."""
        self.paused = False
        self.reading.resume()
        # Whoever is first may fill the output at once: not always the same one.
        for protocol in random.sample(tuple(self._connections), len(self._connections)):
            protocol.resume()

    def stopProducing(self) -> None:
        """End every connection now, since nobody takes what it brings."""
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

    def stop_accepting(self) -> None:
        """Turn away every further connection; those that are open go on."""
        if self._door is not _Door.GONE:
            self._door = _Door.SHUT

    def expect_drain(self, deadline: float) -> None:
        """Let what comes from now on be late at ``deadline``, on the clock."""
        self._deadline = max(self._deadline, deadline)

    def is_late(self, by: float = 0.0) -> bool:
        """Whether a drain has had its time, and so many seconds more."""
        return self._deadline > 0 and self.clock.seconds() >= self._deadline + by

    def drain(self, seconds: float) -> Deferred[None]:
        """Accept nothing more, read what has arrived, then end.

        A connection is ended when a whole turn of the reactor brought nothing
        from it; those that still bring something after ``seconds`` are aborted.
        One that is still arriving is let in, unless `stop_accepting` was called.
        A drain that comes before another is over joins it; the later end counts.

        Returns:
            A Deferred that fires when every connection has finished, or
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
