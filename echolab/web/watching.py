"""The sink of the page: what it keeps of all connections, in bounded memory."""

from __future__ import annotations

import heapq
import secrets
from collections import Counter, deque
from operator import itemgetter
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from echolab.addresses import format_address
from echolab.ends import EndCause
from echolab.events import Accepted, Finished, Received, Refused, Sent
from echolab.interfaces import ISink
from echolab.web import totals
from echolab.web.attention import Attention
from echolab.web.known import Known
from echolab.web.packing import Packer
from echolab.web.page_clock import PageClock
from echolab.web.port_events import PortEvents
from echolab.web.recent import Recent
from echolab.web.rows import Looking, ended_row
from echolab.web.tally import Tally
from echolab.web.totals import CONNECTION_STATES, QueueNow, Totals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.interfaces import IDelayedCall, IProducer

    from echolab.connection.terms import Terms
    from echolab.events import Event
    from echolab.interfaces import AnyClock, Producer
    from echolab.server.service import ReceiverService
    from echolab.web.totals import EndedRow, Row
    from echolab.web.watched import WatchedConnection

__all__ = ["Watch"]

MOST_BYTES = 32 << 20
"""How much memory the kept events of all connections may take together."""
MOST_BYTES_OF_ONE = 256 << 10
MOST_ENDED = 200
MOST_REFUSED = 100
MOST_SKIMMED = 200
"""So many messages a second of connections that are skimmed are among the recent."""


@implementer(ISink)
class Watch:
    """Keeps the latest events of each connection, and counts.

    Args:
        clock: measures the seconds.
        may_skim: whether connections may report less, since no other sink needs it.

    Attributes:
        run: tells this run of the server from others.
        time: tells the time of the page, by which all its events are.
        taken: how many events there were: the number of the last one.
        recent: the latest messages of all connections, with the numbers of their
            events.
        ended: the latest connections that have ended.
        refused: the latest that were turned away.
    """

    name = "the page"

    def __init__(self, clock: AnyClock, *, may_skim: bool) -> None:
        self.run = secrets.token_hex(4)
        self.time = PageClock(clock)
        self.taken = 0
        self.recent = Recent()
        self.ended: deque[EndedRow] = deque(maxlen=MOST_ENDED)
        self.refused: deque[Refused] = deque(maxlen=MOST_REFUSED)
        self._clock = clock
        self._may_skim = may_skim
        self._service: ReceiverService | None = None
        self._reads = False
        self._known: dict[int, Known] = {}
        self._open: dict[int, Looking] = {}
        self._attention = Attention()
        self._ports = PortEvents()
        self._room = MOST_SKIMMED
        self._share = self._trimmed = MOST_BYTES_OF_ONE
        self._tally = Tally()
        self._next_second: IDelayedCall | None = None

    def watch(self, service: ReceiverService, *, reads: bool = False) -> None:
        """Watch the connections of a service, whose sink this is.

        Args:
            service: the service.
            reads: whether events come from a stream instead: the service has no port.
        """
        self._service = service
        self._reads = reads
        self._terms.opened = self.opened
        self._next_second = self._clock.callLater(1.0, self._second)

    @property
    def _terms(self) -> Terms:
        assert self._service is not None
        return self._service.factory.connections.terms

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Never pause ``producer``: what is too much is left out."""

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Do nothing: it was never paused."""

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Return a Deferred that has fired: nothing waits."""
        return succeed(0)

    def reopen(self) -> bool:
        """Return that this is no file."""
        return False

    def close(self) -> None:
        """Watch no more."""
        waiting, self._next_second = self._next_second, None
        if waiting is not None and waiting.active():
            waiting.cancel()

    def opened(self, connection: WatchedConnection, began: float = 0.0) -> None:
        """Begin with a connection, before its first event.

        Args:
            connection: the connection.
            began: when it began, if that is known before.
        """
        assert connection.peer is not None
        known = Known(connection, connection.peer, self._ports)
        known.began = began
        self._known[known.number] = known
        self._open[known.number] = Looking(known)

    def __call__(self, event: Event) -> None:
        """Take an event."""
        self.taken = taken = self.taken + 1
        kind = type(event)
        known = self._known.get(event.peer.number)
        if known is None:
            self._take_other(event)
            return
        if known.is_skimmed and kind is Received:
            self._take_skimmed(taken, known, event)
            return
        event = self.time.of(event, known)
        if kind is Finished or kind is Accepted:
            self._count(known, event)
        elif not known.is_skimmed and self._attention.spend():
            self._skim()
        elif self._attention.is_spent and self._attention.must_skim(known):
            self._skim_one(known)
        kept = known.take(taken, event, self._share)
        if kept is not None and (kind is Received or kind is Sent):
            self.recent.append(taken, kept)

    def _take_skimmed(self, taken: int, known: Known, event: Event) -> None:
        """Take messages of a flood: some are among the recent."""
        if not self._may_skim:  # Else the connection counts them.
            known.skip()
        if self._room:
            self._room -= 1
            event = self.time.of(event, known)
            self.recent.append(taken, Packer()(event))
        elif self._may_skim:
            # The connections only count them until the next second.
            self._terms.skipped = self

    def _count(self, known: Known, event: Event) -> None:
        if isinstance(event, Accepted):
            self._tally.accepted += 1
        elif isinstance(event, Finished) and known.connection is not None:
            connection = known.connection
            del self._open[known.number]
            self._tally.end(known, connection, event.cause)
            if len(self.ended) == MOST_ENDED:
                self._known.pop(self.ended[0].number, None)
            self.ended.append(ended_row(known, connection, event))

    def _take_other(self, event: Event) -> None:
        """Take an event of no connection."""
        event = self.time.of(event, None)
        if isinstance(event, Refused):
            self.refused.append(event)
        else:
            self._ports.take(self.taken, event)

    def _skim(self) -> None:
        """Skim all connections: so many events were kept in this second."""
        self._terms.skims = self._may_skim
        for number in self._open:
            known = self._known[number]
            if self._attention.must_skim(known):
                self._skim_one(known)

    def _skim_one(self, known: Known) -> None:
        if not known.is_skimmed:
            known.skim()
            if self._may_skim and known.connection is not None:
                known.connection.skim()

    def _follow(self, known: Known) -> None:
        if known.is_skimmed and known.connection is not None:
            known.follow(self.taken, self._share)
            known.connection.follow()

    def _second(self) -> None:
        """Begin a new second."""
        self._next_second = self._clock.callLater(1.0, self._second)
        self._terms.skims = False
        self._terms.skipped = None
        self._room = MOST_SKIMMED
        opened = [self._known[number] for number in self._open]
        for known in self._attention.next_second(opened):
            self._follow(known)
        for known in opened:
            known.next_second()
        self._share = MOST_BYTES // max(1, len(self._known))
        self._share = min(MOST_BYTES_OF_ONE, self._share)
        if self._share < self._trimmed // 2 or self._share > self._trimmed:
            self._trimmed = self._share
            for known in self._known.values():
                known.trim(self._share)

    def choose(self, number: int) -> None:
        """Follow a connection closely: somebody looks at it."""
        self._attention.chosen[number] += 1
        if known := self._known.get(number):
            self._follow(known)

    def let_go(self, number: int) -> None:
        """Follow it as any other: somebody looks at it no more."""
        self._attention.chosen -= Counter([number])

    def known(self, number: int) -> Known | None:
        """Return what is known of a connection; None if nothing is, or no more."""
        return self._known.get(number)

    def look(self) -> None:
        """Look at all open connections; ask the kernel too, unless it is not to be."""
        now = self._clock.seconds()
        asks = self._terms.kernel is not None
        for looking in self._open.values():
            looking.look(now, asks=asks)

    @property
    def open_rows(self) -> dict[int, Row]:
        """The open connections, as they were when they were looked at, by number."""
        return {
            number: looking.row
            for number, looking in self._open.items()
            if looking.row is not None
        }

    def recording(self) -> Iterator[Event]:
        """Yield all kept events in their order."""
        kept = [self._ports.numbered()]
        kept += [known.numbered() for known in self._known.values()]
        for _, event in heapq.merge(*kept, key=itemgetter(0)):
            yield event

    def totals(self) -> Totals:
        """Return the counts of the whole server, now."""
        assert self._service is not None
        connections = self._service.factory.connections
        states = dict.fromkeys(CONNECTION_STATES, 0)
        sums = self._tally.ended
        for number, looking in self._open.items():
            known = self._known[number]
            assert known.connection is not None
            states[looking.row.state if looking.row else totals.OPEN] += 1
            sums = sums.plus(known, known.connection)
        states[totals.ARRIVING] = max(0, connections.count - len(self._open))
        return Totals(
            (self._reads or bool(self._service.addresses())) and connections.is_open,
            not connections.is_open,
            states,
            self._tally.accepted,
            {cause.value: self._tally.ends[cause] for cause in EndCause},
            {cause.value: connections.refused[cause] for cause in EndCause},
            sums.received_bytes,
            sums.messages,
            sums.sent_bytes,
            sums.writes,
            [
                QueueNow(address, queue.waiting, queue.backlog, queue.drops)
                for address, queue in self._service.accept_queues()
            ],
            self._service.factory.sink.waiting_bytes,
            sums.left_out,
            self.time.began,
            [format_address(address) for address in self._service.addresses()],
        )
