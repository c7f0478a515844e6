"""What a ledger adds to the events of a connection: calls, the kernel's facts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from echolab.events import Called
from echolab.facts import Diagnosed, Sampled, SynSaved
from echolab.sockets.diagnosing import CLOSED
from echolab.sockets.tcp_info import Counting, saved_syn
from echolab.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.addresses import Peer
    from echolab.connection.terms import Terms
    from echolab.sockets.calling import Call, CallingSocket
    from echolab.sockets.diagnosing import Diagnosis

__all__ = ["Account"]

SAMPLES_A_SECOND = 100
"""The most samples of one connection at its calls; those of its end do not count."""
LASTING = {"TIME_WAIT", CLOSED}
"""Nothing more happens to an end in these states."""
LOOKS_AFTER_CLOSE = 25
"""How often an end that was closed is looked at before it is given up."""


class Account:
    """Reports the calls of one connection, and what the kernel says of it.

    Args:
        terms: where events go, and which.
        watched: the connection's socket.
        now: tells the time of day of its events.
        over_tls: whether the socket's bytes are encrypted.
    """

    def __init__(
        self,
        terms: Terms,
        watched: CallingSocket,
        now: Callable[[], float],
        *,
        over_tls: bool,
    ) -> None:
        self._terms = terms
        self._watched = watched
        self._now = now
        self._keep_data = over_tls and terms.keep_encrypted
        self._peer: Peer | None = None
        self._local: Peer | None = None
        self._counting = Counting(watched)
        self._samples = Throttle(SAMPLES_A_SECOND)
        self._ends: dict[Literal["own", "peer"], Diagnosis] = {}
        self._closed = False
        self._looks_left = LOOKS_AFTER_CLOSE

    def begin(self, peer: Peer, local: Peer) -> None:
        """Report the calls so far, and all that follow.

        Args:
            peer: the connection's peer.
            local: this end, as the peer would name it.
        """
        self._peer, self._local = peer, local
        self._watched.closing = self._closing
        self._watched.report_to(self._called)

    def join(self, peer: Peer, local: Peer) -> None:
        """Begin late: the beginning of the connection was not reported."""
        self._peer, self._local = peer, local
        self.follow()

    def follow(self) -> None:
        """Report calls and ask the kernel again."""
        self._watched.closing = self._closing
        self._watched.report_to(self._called)
        kernel, peer = self._terms.kernel, self._peer
        if kernel is not None and peer is not None and peer.host is not None:
            kernel.add(self)
            self._sample()
            self._diagnose("peer")

    def skim(self) -> None:
        """Report no calls, and ask the kernel nothing, until `follow`."""
        self._watched.closing = None
        self._watched.stop_reports()
        if self._terms.kernel is not None:
            self._terms.kernel.remove(self)

    def never_opened(self, peer: Peer) -> None:
        """Report the calls of a connection that has ended without an event.

        Args:
            peer: its peer, with the number 0.
        """
        self._peer = peer
        self._watched.report_to(self._called)

    def opened(self) -> None:
        """Ask the kernel about the beginning: the event of it is reported."""
        kernel, peer = self._terms.kernel, self._peer
        if kernel is None or peer is None or peer.host is None:
            return
        if packet := saved_syn(self._watched):
            self._terms.sink(SynSaved(peer, self._now(), packet))
        kernel.add(self)
        self._sample()
        self._diagnose("peer")

    def _called(self, call: Call) -> None:
        assert self._peer is not None
        since = self._terms.monotonic() - call.ended
        event = called(call, self._peer, self._now() - since)
        if self._keep_data and call.data is not None:
            event = replace(event, data=bytes(call.data))
        self._terms.sink(event)
        if call.name == "close":
            self._after_close()
        elif self._terms.kernel and call.name != "accept" and self._is_due(call):
            self._sample()

    def _is_due(self, call: Call) -> bool:
        """Whether to ask after a call: always at an end, else at a bounded rate."""
        return call.result == 0 or self._samples(call.ended) is not None

    def _closing(self) -> None:
        if self._terms.kernel is not None:
            self._sample()

    def _after_close(self) -> None:
        self._closed = True
        self._watched.closing = None
        self._watched.stop_reports()  # It holds this account no more.
        kernel = self._terms.kernel
        if kernel is not None:
            self._diagnose("own")
            self._diagnose("peer", known=True)
            if kernel.is_busy or not self._goes_on():
                kernel.remove(self)

    def _goes_on(self) -> bool:
        """Whether more may happen to this end, though its socket is closed."""
        own = self._ends.get("own")
        return own is not None and own.state not in LASTING

    def finished(self) -> None:
        """Ask no more, unless the socket was closed: its end may go on."""
        if self._terms.kernel is not None and not self._closed:
            self._terms.kernel.remove(self)

    def look(self) -> bool:
        """Ask the kernel again; return whether there is more to come."""
        if not self._closed:
            peer = self._ends.get("peer")
            # Without a segment, nothing changes there but what it has still to read.
            if self._sample() or (peer and peer.unread_bytes):
                self._diagnose("peer", known=True)
            return True
        self._diagnose("own")
        self._looks_left -= 1
        if not self._goes_on():
            self._diagnose("peer", known=True)  # It tells who was first.
            return False
        return self._looks_left > 0

    def _sample(self) -> bool:
        """Report the counters if they have changed; return whether they have."""
        counted = self._counting.changed()
        if counted is None or self._peer is None:
            return False
        self._terms.sink(Sampled(self._peer, self._now(), *counted))
        return True

    def _diagnose(self, end: Literal["own", "peer"], *, known: bool = False) -> None:
        """Report the state of an end; with ``known`` only of one on this machine."""
        if known and end not in self._ends:
            return
        kernel, peer, local = self._terms.kernel, self._peer, self._local
        if kernel is None or peer is None or local is None:
            return
        here, there = (local, peer) if end == "own" else (peer, local)
        found = kernel.diagnose(here, there)
        before = self._ends.get(end)
        if found is None or (not before and end == "peer" and found.state == CLOSED):
            return  # The other end is on another machine.
        if not before or found._replace(timer_seconds=before.timer_seconds) != before:
            self._ends[end] = found
            self._terms.sink(Diagnosed(peer, self._now(), end, *found))


def called(call: Call, peer: Peer, time: float) -> Called:
    """Return the event of a call."""
    return Called(
        peer,
        time,
        call.name,
        call.arguments,
        call.result,
        call.errno,
        call.ended - call.began,
        call.exact,
        call.ended,
        call.waited,
    )
