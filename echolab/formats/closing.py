"""How a connection closes: which FIN and RST have travelled, and in which order.

Nobody sees them without a capture. They follow from what a program does and reads, and
from the states that its kernel tells (RFC 9293, figure 6). A program that ends its side
has not sent a FIN yet: that waits behind the bytes that are still unsent, and the other
end may be faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from echolab.events import (
    Accepted,
    Called,
    Chunk,
    Finished,
    HalfClosed,
    LeftOut,
    Sent,
)
from echolab.facts import Diagnosed, Sampled
from echolab.formats.marks import E, Mark, OneEnd, Stage
from echolab.formats.tcp_states import (
    ENDED,
    GOT_FIN,
    PASSIVE,
    fin_has_come,
    refuses,
    told_by,
)

if TYPE_CHECKING:
    from echolab.events import Event

__all__ = ["Closing", "Mark"]

RECEIVES = {"recv", "recvmsg"}
SENDS = {"send", "sendmsg"}
CALLS = {*RECEIVES, *SENDS, "getsockopt", "shutdown", "close"}
BROKEN = {"ECONNRESET", "EPIPE"}
"""What calls say of a connection that the other end has reset."""
LOST = {"ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "ENETRESET"}
"""What calls say of a connection that has ended without a packet."""
OURS = {"stopped", "idle", "malformed", "overlong"}
"""The end causes with which an end closes by itself."""


class Closing(Generic[E]):
    """Follow both ends of a connection, from the events of one of them or of both.

    Args:
        one: the name of an end.
        other: the name of the other end.
        has_packets: whether there are any; otherwise (UNIX sockets), a side ends with
            the call, and what is named FIN here is only that.
        after_bytes: whether a FIN is told only after the bytes before it were read.

    Attributes:
        marks: what has travelled, in order.
        is_ordered: whether it is known which FIN came first.
    """

    def __init__(
        self, one: E, other: E, *, has_packets: bool = True, after_bytes: bool = False
    ) -> None:
        self._ends = {one: OneEnd(), other: OneEnd()}
        self._other = {one: other, other: one}
        self._has_packets = has_packets
        self._after_bytes = after_bytes
        self._late: E | None = None
        self._is_over = False
        self.marks: list[Mark[E]] = []
        self.is_ordered = True

    @property
    def first(self) -> Mark[E] | None:
        """The mark with which the closing has begun."""
        late = (mark for mark in self.marks if mark.is_late)
        return next(late, self.marks[0] if self.marks else None)

    @property
    def held(self) -> E | None:
        """The end whose FIN waits behind unsent bytes, as far as is known."""
        waiting = (end for end, side in self._ends.items() if side.is_held)
        return next(waiting, None) if not self._is_over else None

    @property
    def is_undecided(self) -> bool:
        """Whether events to come tell more of those that were taken."""
        return not self._is_over and any(
            side.stage is Stage.SHUT or side.noticed or side.vanished or side.gone
            for side in self._ends.values()
        )

    def take(self, end: E, event: Event) -> list[Mark[E]]:
        """Take the next event of an end; return what is new.

        A mark may stand at an event before it: at a call whose effect this one tells.
        """
        known = [*self.marks]
        match event:
            case Called():
                self._ends[end].has_calls = True
                if event.call in CALLS:
                    self._called(end, event)
            case Sampled() if self._has_packets:
                self._sampled(end, event)
            case Diagnosed(end="own") if self._has_packets:
                self._left(end, event)
            case Diagnosed() if self._has_packets:
                self._left_of_peer(end, event)
            case HalfClosed() if not self._ends[end].has_calls:
                self._fin(self._other[end], event)  # With calls, it may be that of TLS.
            case Chunk() | Sent():
                self.moved(end, sends=isinstance(event, Sent))
            case Accepted():
                self._ends[end].has_accepted = True
            case LeftOut():
                self._leave_out(end)
            case Finished():
                self._finished(end, event)
            case _:
                pass
        return [mark for mark in self.marks if mark not in known]

    def moved(self, end: E, *, sends: bool) -> None:
        """Take it that an end has sent or received bytes: its side is, or was, open."""
        self._ends[end if sends else self._other[end]].is_unseen = False

    def _leave_out(self, end: E) -> None:
        """Take it that anything may have happened: events of an end were not kept."""
        self._settle(end, "")
        self._decide(end)
        side, peer = self._ends[end], self._ends[self._other[end]]
        side.unread, side.has_calls = 0, False
        side.is_unseen = not side.has_sent
        peer.is_unseen = not (peer.has_sent or peer.has_calls)

    def end(self) -> None:
        """Take it that no more events come, though the connection may go on."""
        for end in self._ends:
            self._settle(end, "")
            self._decide(end)

    def _called(self, end: E, call: Called) -> None:
        side, peer = self._ends[end], self._other[end]
        receives = call.call in RECEIVES and not call.errno
        if call.errno in BROKEN and (call.errno != "EPIPE" or side.is_open):
            gone, side.gone, side.vanished = side.gone, None, None
            self._resolve(end)
            if gone is not None:
                self._fin(end, gone)  # All was acknowledged.
            self._rst(peer, call, is_noticed=True)
        elif receives and call.result > 0:
            self.moved(end, sends=False)
            self._resolve(end)
            side.unread = max(0, side.unread - call.result)
        elif receives and call.result == 0:
            self._resolve(end)
            if side.gone or (side.is_held and not self._ends[peer].has_sent):
                side.noticed = call
            else:
                self._fin(peer, call)
        else:
            if call.call in SENDS and call.result > 0:
                self.moved(end, sends=True)
            # These calls do not tell why the connection is gone; its end does.
            tells = call.call != "close" and call.errno != "ENOTCONN"
            if tells or side.vanished is None:
                self._settle(end, call.errno)
            self._is_over |= call.errno in LOST
            side.is_gone |= call.errno == "ENOTCONN"
            if call.call == "shutdown" and call.arguments != "SHUT_RD":
                self._shut(end, call)
            elif call.call == "close":
                self._close(end, call)

    def _shut(self, end: E, call: Called) -> None:
        """A program ends its side."""
        side = self._ends[end]
        if call.errno or not side.is_open:
            return
        if side.was_first_to_get:
            self._fin_behind_bytes(end, call)
        if side.sample is None or not self._has_packets:
            self._fin(end, call)
        else:
            side.stage, side.shut = Stage.SHUT, call
            side.place = len(self.marks)

    def _close(self, end: E, call: Called) -> None:
        side = self._ends[end]
        if side.is_gone or (side.sample is not None and side.sample.state == "CLOSED"):
            return
        side.closed = call
        if not self._has_packets:
            self._fin(end, call)
        elif side.is_open and side.is_unseen:
            self._fin(end, call, is_noticed=False)  # Its shutdown may not be kept.
        elif side.is_open or side.unread:
            # SO_LINGER was set, or there are bytes that nobody will read.
            if side.was_first_to_get:
                self._fin(self._other[end], call)
            self._rst(end, call)

    def _sampled(self, end: E, sample: Sampled) -> None:
        side, peer = self._ends[end], self._other[end]
        before, side.sample = side.sample, sample
        side.unread = sample.unread_bytes
        if sample.state != "CLOSED":
            self._told(end, sample)
        elif side.gone or side.vanished or (side.is_open and not side.has_calls):
            pass  # Without calls, nobody knows who has ended it.
        elif side.refuses and refuses(before, sample):
            self._resolve(end)
            self._rst(end, sample)
        elif side.is_open or sample.unacknowledged_bytes:
            self._resolve(end)
            if side.is_held and not sample.unsent_bytes:
                self._fin(end, sample)  # It was sent, and not acknowledged.
            side.vanished = sample  # The next call may say why.
        elif side.has_sent or self._ends[peer].has_sent:
            self._fin(end, sample)
            if fin_has_come(before, sample) and not side.unread:
                self._fin(peer, sample)
        else:
            side.gone, side.has_come = sample, fin_has_come(before, sample)

    def _left(self, end: E, fact: Diagnosed) -> None:
        """What is left of an end after its program has closed it."""
        side, peer = self._ends[end], self._other[end]
        side.left = fact.state
        self._decide(end)
        if fact.state != "CLOSED":
            self._told(end, fact)
        elif not (side.is_open or self._ends[peer].has_sent):
            # An orderly end would have left TIME_WAIT.
            self._resolve(end)
            self._rst(None, fact)
        self._compare(end)

    def _left_of_peer(self, end: E, fact: Diagnosed) -> None:
        """What the other end's kernel says, if it is on the same machine.

        TIME_WAIT is left of an end whose program has closed it before the other's FIN
        came: of the one that was first, or of both.
        """
        side = self._ends[end]
        side.peers = fact.state
        if not (side.is_open or side.gone) and fact.state in GOT_FIN:
            self._fin(end, fact)
        self._compare(end)

    def _compare(self, end: E) -> None:
        """Decide by what is left of both ends whether the first FIN was first."""
        side, peer = self._ends[end], self._ends[self._other[end]]
        is_first = self.first is not None and self.first.end == end
        if side.left == "TIME_WAIT" and is_first and not peer.has_calls:
            if side.peers in {"CLOSED", *PASSIVE}:
                self.is_ordered = True
            elif side.peers in {"TIME_WAIT", "CLOSING"}:
                self.is_ordered = False

    def _told(self, end: E, fact: Sampled | Diagnosed) -> None:
        """A kernel has told the state of an end."""
        side, peer = self._ends[end], self._other[end]
        if fact.state != "CLOSED":
            side.is_unseen = self._ends[peer].is_unseen = False  # The state tells.
        at, side.noticed = side.noticed or fact, None
        # After a close, it is unknown what is unsent, and nobody reads any more.
        unsent = fact.unsent_bytes if isinstance(fact, Sampled) else None
        unread = fact.unread_bytes if isinstance(fact, Sampled) else 0
        told = told_by(fact.state, unsent=unsent, unread=unread, was_held=side.is_held)
        if not (told.is_ordered or self._ends[peer].has_sent):
            self.is_ordered = False
        for is_own in told.fins:
            if is_own:
                self._fin(end, at)
            elif fact.state in PASSIVE:
                self._fin_behind_bytes(end, side.shut or at)
            else:
                self._fin(peer, at)
            side.place = len(self.marks)
        if unsent and fact.state in ENDED and not side.has_sent:
            side.stage = Stage.HELD
        self._resolve(end)

    def _fin_behind_bytes(self, end: E, at: Event) -> None:
        """The other's FIN has come to an end, perhaps behind bytes that wait there."""
        if self._after_bytes and self._ends[end].unread:
            self._late = self._other[end]
        else:
            self._fin(self._other[end], at)

    def _decide(self, end: E) -> None:
        """Decide which FIN was first, of a connection that was found gone.

        An end that was first leaves TIME_WAIT, the other one nothing.
        """
        side, peer = self._ends[end], self._other[end]
        sample, side.gone = side.gone, None
        if sample is None:
            return
        noticed, side.noticed = side.noticed, None
        at = noticed or sample
        has_come = side.has_come or noticed is not None or side.left == "TIME_WAIT"
        if side.left == "CLOSED" and has_come and side.shut is not None:
            if self._after_bytes and sample.unread_bytes:
                self._late = peer
            if self._late != peer:
                self._fin(peer, side.shut)
                side.place = len(self.marks)
        elif has_come:
            self.is_ordered &= side.left == "TIME_WAIT" and not side.is_held
        self._fin(end, noticed or sample)
        if has_come:
            self._fin(peer, at)

    def _settle(self, end: E, errno: str) -> None:
        """Decide what the look after a call has left open.

        Args:
            end: the end.
            errno: what the next call or the end of all says.
        """
        side, peer = self._ends[end], self._other[end]
        self._resolve(end)
        if side.noticed is not None and side.gone is None:
            self._fin(peer, side.noticed)
            side.noticed = None
        vanished, side.vanished = side.vanished, None
        if vanished is not None and errno not in LOST:
            self._rst(peer, vanished)

    def _resolve(self, end: E) -> None:
        """Decide by the last look whether the FIN of a shutdown was sent."""
        side = self._ends[end]
        if side.stage is Stage.SHUT and side.gone is None:
            assert side.sample is not None
            assert side.shut is not None
            if side.sample.unsent_bytes:
                side.stage = Stage.HELD
            else:
                self._fin(end, side.shut)

    def _finished(self, end: E, finished: Finished) -> None:
        side, peer = self._ends[end], self._other[end]
        self._settle(end, finished.detail)
        self._decide(end)
        cause, unread = finished.cause.value, finished.unread_bytes
        if cause == "reset":
            if not (side.has_calls and self._ends[peer].has_sent):
                seen = finished.detail == "ECONNRESET"
                self._rst(peer, finished, is_noticed=seen)
        elif not side.has_calls:
            if cause == "eof":
                # A server ends only when its clients have, unless it misbehaves.
                side.is_unseen &= not side.has_accepted
                self._fin(peer, finished)
            if cause in OURS and unread:
                self._rst(end, finished)
            elif cause in {*OURS, "eof"}:
                self._fin(end, finished, is_noticed=False)
        elif side.closed is not None and side.sample is None and unread:
            self._rst(end, side.closed)

    def _fin(self, end: E, at: Event, *, is_noticed: bool = True) -> None:
        side = self._ends[end]
        if self._is_over or side.has_sent:
            return
        place = len(self.marks)
        if not self.marks and self._ends[self._other[end]].is_unseen:
            self.is_ordered = False
        if side.stage is Stage.SHUT and side.shut is not None:
            at, place = side.shut, side.place
        side.stage = Stage.SENT
        is_late = end == self._late and bool(self.marks)
        self.marks.insert(place, Mark(end, "FIN", at, is_noticed, is_late))

    def _rst(self, end: E | None, at: Event, *, is_noticed: bool = False) -> None:
        if not self._has_packets:
            return
        if not self._is_over:
            self._is_over = True
            self.marks.append(Mark(end, "RST", at, is_noticed))
        elif self.marks and self.marks[-1].kind == "RST" and is_noticed:
            last = self.marks[-1]
            last.end = end if last.end is None else last.end
            last.is_noticed |= last.end == end
