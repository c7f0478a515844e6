"""One connection of either side: bytes in and out, events out."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import ISSLTransport

from echolab.addresses import Peer
from echolab.connection.account import Account
from echolab.connection.states import State, Verdict
from echolab.ends import EndCause, end_of, unframed
from echolab.errors import FramingError
from echolab.escaping import escape_line
from echolab.events import (
    Accepted,
    Chunk,
    Connected,
    Finished,
    HalfClosed,
    Received,
    Sent,
    Unanswered,
)
from echolab.messages import ENDED
from echolab.sockets.calling import CallingSocket
from echolab.sockets.transports import complete
from echolab.sockets.watching import WatchedSocket, watch, watch_calls
from echolab.sockets.wrapped import below_tls
from echolab.timekeeping import TimeOfDay

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from echolab.connection.terms import Terms
    from echolab.framing import Framer
    from echolab.interfaces import IStreamTransport
    from echolab.messages import Mark, Messages

__all__ = ["Connection"]

_NOBODY: frozenset[Hashable] = frozenset()


class Connection:
    """One connection: frames received bytes and reports events to the sink.

    Each protocol of both sides has one. The protocol decides when the connection begins
    and ends; counting, timing and reporting are the same for both sides.

    Args:
        terms: what it shares with the other connections of its factory.
        framer: turns bytes into messages.
        transport: its transport.

    Attributes:
        transport: its transport, with all methods that are needed (`complete`).
        wire: the transport that the bytes reach in the end: the same, unless something
            is done wrong on the way.
        over_tls: whether the transport does TLS.
        watched: its socket; None if there is none.
        state: its state.
        peer: its peer, once known.
        began: when it was made, on the clock.
        heard: when it was last read, or began to be read again, by the clock.
        verdict: why this side ends it, if it does.
        framer: turns bytes into messages.
        received_bytes: how many bytes were received.
        sent_bytes: how many bytes were given to the transport.
        messages: how many whole messages were received; 0 if they are not counted.
        writes: how often bytes were given to the transport.
        is_skimmed: whether reads, writes and calls are not reported; see `skim`.
        skimmed_events: how often messages were reported while it was skimmed.
        took: called with messages after their event.
        released: called before reading continues.
    """

    __slots__ = (
        "_account",
        "_early",
        "_holders",
        "_terms",
        "_time_of_day",
        "_unterminated_bytes",
        "began",
        "framer",
        "heard",
        "is_skimmed",
        "messages",
        "over_tls",
        "peer",
        "received_bytes",
        "released",
        "sent_bytes",
        "skimmed_events",
        "state",
        "took",
        "transport",
        "verdict",
        "watched",
        "wire",
        "writes",
    )

    def __init__(
        self, terms: Terms, framer: Framer, transport: IStreamTransport
    ) -> None:
        self._terms = terms
        self.framer = framer
        self.over_tls = ISSLTransport.providedBy(transport)
        self.transport: IStreamTransport = complete(transport)
        self.wire = self.transport
        below = below_tls(transport) if self.over_tls else None
        make = None if terms.skims else terms.make_watched
        self.watched = watch(below or transport, make)
        self.state = State.ARRIVING
        self.peer: Peer | None = None
        self.began = self.heard = terms.clock.seconds()
        self.verdict: Verdict | None = None
        self.received_bytes = 0
        self.sent_bytes = 0
        self.messages = 0
        self.writes = 0
        self.is_skimmed = terms.skims
        self.skimmed_events = 0
        self.took: Callable[[Messages], None] | None = None
        self.released: Callable[[], None] | None = None
        self._time_of_day = TimeOfDay(terms.clock)
        self._unterminated_bytes = 0
        self._holders = _NOBODY
        self._account: Account | None = None
        if terms.report_calls and not terms.skims:
            self._account = self._make_account()
        self._early: list[bytes] = []  # bytes that were sent before the peer was known

    def _make_account(self) -> Account | None:
        if not isinstance(self.watched, CallingSocket):
            return None
        return Account(self._terms, self.watched, self.now, over_tls=self.over_tls)

    def open(
        self,
        event: type[Accepted | Connected],
        number: int,
        remote: IAddress | None = None,
        name: str | None = None,
    ) -> None:
        """Report the peer.

        Args:
            event: the event to report.
            number: the connection's number.
            remote: the peer's address, if it is not that of the transport.
            name: the peer's name in its certificate.
        """
        self.peer = peer = self._peer_at(
            remote or self.transport.getPeer(), number, name
        )
        self.state = State.OPEN
        if self._terms.opened is not None:
            self._terms.opened(self)
        if self._terms.report_calls:
            self._report_open(event, peer)
        else:
            self._terms.sink(event(peer, self.now()))
        early, self._early = self._early, []
        for data in early:
            self._report_sent(peer, data)

    def _report_open(self, event: type[Accepted | Connected], peer: Peer) -> None:
        local = None if self.is_skimmed else self._local(peer)
        if self._account is not None and local is not None:
            self._account.begin(peer, local)
        self._terms.sink(event(peer, self.now(), local, self._terms.monotonic()))
        if self._account is not None:
            self._account.opened()

    def _local(self, peer: Peer) -> Peer:
        """Return this end of the connection, as its peer would name it."""
        pid = os.getpid() if peer.family == "UNIX" else None
        return replace(Peer.of(peer.number, self.transport.getHost()), pid=pid)

    def skim(self) -> None:
        """Report no reads, writes and calls from now on, until `follow`.

        Messages are reported, but not to `Terms.skipped`, and the end is.
        """
        self.is_skimmed = True
        if self._account is not None:
            self._account.skim()

    def follow(self) -> None:
        """Report all again that the sink gets of a connection."""
        if not self.is_skimmed or self.peer is None:
            return
        self.is_skimmed = False
        if self._account is not None:
            self._account.follow()
        elif self._terms.report_calls and isinstance(self.watched, WatchedSocket):
            below = below_tls(self.transport) if self.over_tls else None
            self.watched = watch_calls(
                below or self.transport, self.watched, self._terms.make_calling
            )
            self._account = self._make_account()
            if self._account is not None:
                self._account.join(self.peer, self._local(self.peer))

    def _peer_at(self, remote: IAddress | None, number: int, name: str | None) -> Peer:
        if not isinstance(remote, UNIXAddress):
            return Peer.of(number, remote, name=name)
        local = self.transport.getHost()
        credentials = self.watched.credentials() if self.watched else None
        return Peer.of(number, remote, local, credentials=credentials, name=name)

    @property
    def is_in_message(self) -> bool:
        """Whether the peer has begun a message that it has not ended."""
        return bool(self._unterminated_bytes or self.framer.buffered_bytes)

    @property
    def is_unframed(self) -> bool:
        """Whether received bytes no longer fit the framing."""
        return self.state is State.UNFRAMED

    def now(self) -> float:
        """Return the time of day, for an event of this connection."""
        return self._time_of_day(self._terms.clock.seconds())

    def take(self, data: bytes, now: float) -> None:
        """Report the bytes of a read, and the messages that they complete.

        If they do not fit the framing, this sets the verdict.

        Args:
            data: the bytes of the read.
            now: the present time of the clock.
        """
        if self.state is not State.OPEN:
            return
        assert self.peer is not None
        self.received_bytes += len(data)
        time = self._time_of_day(now)
        if self._terms.report_chunks and not self.is_skimmed:
            self._terms.sink(Chunk(self.peer, time, data))
        self._report(time, self.framer.feed, data)

    def take_partial(self, now: float) -> None:
        """Report an unfinished message."""
        if self.state is State.OPEN:
            self._report(self._time_of_day(now), self.framer.take)

    def end_framing(self, *, show: bool = True) -> int:
        """Report the last message, once, if the peer has not ended it.

        Args:
            show: whether there is time for that; if not, it counts as unread.

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
        terms = self._terms
        try:
            for messages in frame(*chunk):
                if messages:
                    # Before the sink: what a framer of others' makes may be none.
                    mark = messages.mark
                    received = Received(self.peer, time, messages)
                    if self.is_skimmed:
                        self.skimmed_events += 1
                        terms.sink(received, terms.skipped)
                    else:
                        terms.sink(received)
                    self._count(messages, mark)
        except FramingError as why:
            self.state = State.UNFRAMED
            self.verdict = Verdict(unframed(why), str(why))

    def _count(self, messages: Messages, mark: Mark | None) -> None:
        if mark not in ENDED:
            self._unterminated_bytes += len(messages.raw())
        else:
            self._unterminated_bytes = 0
            if self._terms.count_messages:
                self.messages += len(messages)
        if self.took is not None:
            self.took(messages)

    def write(self, data: bytes, answers: int | None = None) -> None:
        """Send bytes; ``answers`` is the number of the message that they answer."""
        self.sent_bytes += len(data)
        self.writes += 1
        if self._terms.report_sent and not self.is_skimmed:
            if self.peer is None:
                self._early.append(data)
            else:
                self._report_sent(self.peer, data, answers)
        self.wire.write(data)

    def when_sent(self, act: Callable[[], object]) -> None:
        """Call a function when all written bytes were given to the transport: now."""
        act()

    @property
    def is_sending(self) -> bool:
        """Whether written bytes were not all given to the transport: never."""
        return False

    @property
    def lost_bytes(self) -> int:
        """Number of written bytes that were never given to the transport: none."""
        return 0

    def _report_sent(self, peer: Peer, data: bytes, answers: int | None = None) -> None:
        taken = None
        if self.watched is not None and not self.over_tls:
            taken = self.watched.sent_bytes
        self._terms.sink(Sent(peer, self.now(), data, taken, answers))

    def unanswered(self, number: int, message: bytes) -> None:
        """Report that no rule fits a message."""
        if self.peer is not None:
            self._terms.sink(Unanswered(self.peer, self.now(), number, message))

    def half_closed(self) -> None:
        """Report that the peer has ended its side while this side may still send."""
        if self.peer is not None:
            self._terms.sink(HalfClosed(self.peer, self.now()))

    def hold(self, who: Hashable) -> None:
        """Pause reading until all holders have released the connection."""
        if not self._holders:
            self.transport.pauseProducing()
        self._holders |= {who}

    def release(self, who: Hashable) -> None:
        """Resume reading, unless there is another holder."""
        if self._holders and who in self._holders:
            self._holders -= {who}
            if not self._holders and self.released is not None:
                self.released()
            if not self._holders:
                self.transport.resumeProducing()

    @property
    def is_held(self) -> bool:
        """Whether reading is paused."""
        return bool(self._holders)

    def is_held_by(self, who: Hashable) -> bool:
        """Whether ``who`` holds the connection."""
        return who in self._holders

    def never_opened(self, remote: IAddress | None = None) -> None:
        """Drop what is kept of a connection that has ended before `open`."""
        self.let_go()
        if self._account is not None:
            peer = Peer.of(0, remote or self.transport.getPeer())
            self._account.never_opened(peer)

    def let_go(self) -> None:
        """Drop the callbacks, so that an ended connection is freed at once."""
        self.took = self.released = None

    def finish(
        self, reason: Failure, *, unread_bytes: int, unsent_answers: int = 0
    ) -> EndCause:
        """Report the end of the connection; return the end cause.

        Args:
            reason: Twisted's reason, used if there is no verdict.
            unread_bytes: how many bytes had arrived but were never read.
            unsent_answers: how many messages were not fully answered.
        """
        assert self.peer is not None
        self.let_go()
        account, self._account = self._account, None
        if account is not None:
            account.finished()
        terms, watched = self._terms, self.watched
        ended = terms.clock.seconds()
        number = watched.error if watched else 0
        cause, detail = self.verdict or end_of(reason, number)
        if not detail.isprintable():  # An exception's text may be of the peer's making.
            detail = escape_line(detail)
        terms.sink(
            Finished(
                self.peer,
                self._time_of_day(ended),
                cause,
                received_bytes=self.received_bytes,
                messages=self.messages if terms.count_messages else None,
                unterminated_bytes=self._unterminated_bytes,
                unread_bytes=unread_bytes,
                seconds=ended - self.began,
                detail=detail,
                rtt_seconds=watched.rtt_seconds if watched else None,
                retransmits=watched.retransmits if watched else None,
                sent_bytes=self.sent_bytes if terms.report_sent else None,
                unsent_bytes=self.unsent_bytes if terms.report_sent else None,
                unsent_answers=unsent_answers,
            )
        )
        return cause

    @property
    def unsent_bytes(self) -> int | None:
        """Number of written bytes that the kernel has not taken; None if unknown."""
        if self.watched is None or self.over_tls:
            return None
        return self.lost_bytes + self.sent_bytes - self.watched.sent_bytes
