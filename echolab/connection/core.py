"""One connection, of either side: bytes in and out, events out."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import ISSLTransport

from echolab.addresses import Peer
from echolab.ends import EndCause, end_of, unframed
from echolab.errors import FramingError
from echolab.events import Accepted, Chunk, Connected, Finished, Received, Sent
from echolab.messages import ENDED
from echolab.sockets.transports import complete
from echolab.sockets.watching import watch
from echolab.sockets.wrapped import below_tls
from echolab.timekeeping import TimeOfDay

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from echolab.connection.terms import Terms
    from echolab.framing import Framer
    from echolab.interfaces import IStreamTransport
    from echolab.messages import Messages

__all__ = ["Connection", "Holder", "State", "Verdict"]

_NOBODY: frozenset[Hashable] = frozenset()


class State(enum.Enum):
    """How far a connection has come; it never goes back."""

    ARRIVING = enum.auto()
    """Its peer is not known yet: no event has told of it."""
    OPEN = enum.auto()
    """What comes is framed and reported."""
    UNFRAMED = enum.auto()
    """What came is not of the framing: nothing more can be made of it."""
    ENDED = enum.auto()
    """The last message is reported."""


class Holder(enum.Enum):
    """Who holds a connection back, so that nothing is read from it."""

    SINK = enum.auto()
    """What takes its events is full."""
    PEER = enum.auto()
    """It does not read what it is sent."""
    OWED = enum.auto()
    """It is owed too many replies."""


class Verdict(NamedTuple):
    """Why this side ends a connection; ``detail`` says it in words."""

    cause: EndCause
    detail: str = ""


class Connection:
    """One connection: it frames what comes and tells the sink what happens.

    The protocols of both sides own one. They decide when the connection begins and
    ends; what is counted, timed and reported is the same for both.

    Args:
        terms: what it has in common with the others of its factory.
        framer: makes messages of what comes.
        transport: its transport.

    Attributes:
        transport: the same, with all that a transport needs (`complete`).
        over_tls: whether the transport does TLS.
        watched: its socket; None where there is none.
        state: how far it has come.
        peer: who is at the other end, once that is known.
        began: when it was made, by the clock.
        verdict: why this side ends it, if it does.
        framer: makes messages of what comes.
        received_bytes: how many bytes were received.
        sent_bytes: how many bytes were handed to the transport.
        took: called with messages behind their event.
        released: called before reading goes on.
    """

    __slots__ = (
        "_early",
        "_holders",
        "_messages",
        "_terms",
        "_time_of_day",
        "_unterminated_bytes",
        "began",
        "framer",
        "over_tls",
        "peer",
        "received_bytes",
        "released",
        "sent_bytes",
        "state",
        "took",
        "transport",
        "verdict",
        "watched",
    )

    def __init__(
        self, terms: Terms, framer: Framer, transport: IStreamTransport
    ) -> None:
        self._terms = terms
        self.framer = framer
        self.over_tls = ISSLTransport.providedBy(transport)
        self.transport: IStreamTransport = complete(transport)
        below = below_tls(transport) if self.over_tls else None
        self.watched = watch(below or transport)
        self.state = State.ARRIVING
        self.peer: Peer | None = None
        self.began = terms.clock.seconds()
        self.verdict: Verdict | None = None
        self.received_bytes = 0
        self.sent_bytes = 0
        self.took: Callable[[Messages], None] | None = None
        self.released: Callable[[], None] | None = None
        self._time_of_day = TimeOfDay(terms.clock)
        self._messages = 0
        self._unterminated_bytes = 0
        self._holders = _NOBODY
        self._early: list[bytes] = []  # what was sent before the peer was known

    def open(
        self,
        event: type[Accepted | Connected],
        number: int,
        remote: IAddress | None = None,
        name: str | None = None,
    ) -> None:
        """Report that the peer is there.

        Args:
            event: how it came to be there.
            number: the connection's number.
            remote: the peer's address, if the transport's is not the one.
            name: the name that its certificate gives it.
        """
        self.peer = peer = self._peer_at(
            remote or self.transport.getPeer(), number, name
        )
        self.state = State.OPEN
        self._terms.sink(event(peer, self.now()))
        early, self._early = self._early, []
        for data in early:
            self._report_sent(peer, data)

    def _peer_at(self, remote: IAddress | None, number: int, name: str | None) -> Peer:
        if not isinstance(remote, UNIXAddress):
            return Peer.of(number, remote, name=name)
        local = self.transport.getHost()
        credentials = self.watched.credentials() if self.watched else None
        return Peer.of(number, remote, local, credentials=credentials, name=name)

    @property
    def is_unframed(self) -> bool:
        """Whether nothing more can be made of what comes."""
        return self.state is State.UNFRAMED

    def now(self) -> float:
        """Return the time of day, for an event of this connection."""
        return self._time_of_day(self._terms.clock.seconds())

    def take(self, data: bytes, now: float) -> None:
        """Report what a read returned, and the messages that it completes.

        If it is not of the framing, that is the verdict.

        Args:
            data: what the read returned.
            now: the present time of the clock.
        """
        if self.state is not State.OPEN:
            return
        self.received_bytes += len(data)
        time = self._time_of_day(now)
        if self._terms.report_chunks and self.peer is not None:
            self._terms.sink(Chunk(self.peer, time, data))
        self._report(time, self.framer.feed, data)

    def take_partial(self, now: float) -> None:
        """Report what there is of an unfinished message."""
        if self.state is State.OPEN:
            self._report(self._time_of_day(now), self.framer.take)

    def end_framing(self, *, show: bool = True) -> int:
        """Report the last message, once, if the peer has not ended it.

        Args:
            show: whether there is time for that; else it counts as unread.

        Returns:
            How many bytes of it count as unread.
        """
        if self.state is not State.OPEN:
            return 0
        if show:
            self._report(self.now(), self.framer.end)
        if self.state is State.OPEN:
            self.state = State.ENDED
        if show:
            return 0
        unread = self.framer.buffered_bytes
        self.received_bytes -= unread
        return unread

    def _report(
        self, time: float, frame: Callable[..., Iterable[Messages]], *chunk: bytes
    ) -> None:
        assert self.peer is not None
        try:
            for messages in frame(*chunk):
                if messages:
                    self._terms.sink(Received(self.peer, time, messages))
                    self._count(messages)
        except FramingError as why:
            self.state = State.UNFRAMED
            self.verdict = Verdict(unframed(why), str(why))

    def _count(self, messages: Messages) -> None:
        if messages.mark not in ENDED:
            self._unterminated_bytes += len(messages.raw())
        else:
            self._unterminated_bytes = 0
            if self._terms.count_messages:
                self._messages += len(messages)
        if self.took is not None:
            self.took(messages)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.sent_bytes += len(data)
        if self._terms.report_sent:
            if self.peer is None:
                self._early.append(data)
            else:
                self._report_sent(self.peer, data)
        self.transport.write(data)

    def _report_sent(self, peer: Peer, data: bytes) -> None:
        taken = None
        if self.watched is not None and not self.over_tls:
            taken = self.watched.sent_bytes
        self._terms.sink(Sent(peer, self.now(), data, taken))

    def hold(self, who: Hashable) -> None:
        """Read nothing until all who hold the connection have released it."""
        if not self._holders:
            self.transport.pauseProducing()
        self._holders |= {who}

    def release(self, who: Hashable) -> None:
        """Read again, unless somebody else holds the connection."""
        if self._holders and who in self._holders:
            self._holders -= {who}
            if not self._holders and self.released is not None:
                self.released()
            if not self._holders:
                self.transport.resumeProducing()

    @property
    def is_held(self) -> bool:
        """Whether nothing is read."""
        return bool(self._holders)

    def is_held_by(self, who: Hashable) -> bool:
        """Whether somebody holds the connection."""
        return who in self._holders

    def let_go(self) -> None:
        """Forget who is called, so that all is freed at once that has ended."""
        self.took = self.released = None

    def finish(self, reason: Failure, *, unread_bytes: int) -> EndCause:
        """Report that the connection is over; return the cause.

        Args:
            reason: as ``connectionLost`` is told; it counts if there is no verdict.
            unread_bytes: how many bytes had arrived and were not read.
        """
        assert self.peer is not None
        self.let_go()
        terms, watched = self._terms, self.watched
        ended = terms.clock.seconds()
        number = watched.error if watched else 0
        cause, detail = self.verdict or end_of(reason, number)
        terms.sink(
            Finished(
                self.peer,
                self._time_of_day(ended),
                cause,
                received_bytes=self.received_bytes,
                messages=self._messages if terms.count_messages else None,
                unterminated_bytes=self._unterminated_bytes,
                unread_bytes=unread_bytes,
                seconds=ended - self.began,
                detail=detail,
                rtt_seconds=watched.rtt_seconds if watched else None,
                retransmits=watched.retransmits if watched else None,
                sent_bytes=self.sent_bytes if terms.report_sent else None,
            )
        )
        return cause
