"""What is done wrong to one connection, composed of stages."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Protocol

from twisted.internet.abstract import FileDescriptor

from echolab.behaviour.cuts import CUTS, ENDS, Cuts, fewest_messages
from echolab.behaviour.portions import Portions
from echolab.connection.core import Verdict
from echolab.ends import EndCause
from echolab.escaping import escape_line
from echolab.events import Misbehaved
from echolab.framing.first import FirstMessages
from echolab.server.offered_faults import OfferedFaults
from echolab.server.victim import Victim
from echolab.server.wrong_replies import (
    ANSWERS,
    announced,
    pace_of,
    to_first,
    wrong_reply,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from twisted.internet.interfaces import IDelayedCall

    from echolab.behaviour.values import Behaviour, Fault
    from echolab.connection.core import Connection
    from echolab.events import Sink
    from echolab.interfaces import AnyClock
    from echolab.server.replies import Replies

__all__ = ["Misbehaviour"]

READ_BYTES = 1 << 16

STEPS_PER_SECOND = 10
"""What is read slowly is read in so many portions a second."""


class Misbehaving(Protocol):
    """What misbehaviour needs of the protocol of a connection."""

    connection: Connection
    replies: Replies

    def begin(self) -> None:
        """Accept; over TLS, once the handshake is done."""

    def handshakeCompleted(self) -> None:
        """Accept, if that is not done: there is no doubt that the peer is there."""

    def take(self, data: bytes) -> None:
        """Take bytes that were read."""

    def end(self, cause: EndCause, detail: str = "") -> None:
        """End the connection, in order if the peer plays along."""


class Misbehaviour:
    """What is done wrong to one connection; each fault is an event when it strikes.

    It stands between a protocol and its parts: `Portions` in front of what is read,
    `FirstMessages` around the framer, wrong replies in place of good ones, and
    `Cuts` behind what was read.

    Args:
        behaviour: what to do wrong, to which connections.
        protocol: the connection's.
        numbers: the numbers of connections.
        clock: measures the time.
        sink: is told.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        protocol: Misbehaving,
        *,
        numbers: Iterator[int],
        clock: AnyClock,
        sink: Sink,
    ) -> None:
        self._behaviour = behaviour
        self._protocol = protocol
        self._connection = protocol.connection
        self._numbers = numbers
        self._clock = clock
        self._sink = sink
        self._faults: dict[str, Fault] = {}
        self._cuts = self._make_cuts(())
        self._first = FirstMessages(protocol.connection.framer, sys.maxsize)
        self._portions = Portions(
            size=self._portion, may_pass=self._may_read, passes=self._pass
        )
        self._half_closed = False
        self._unsaid: list[Fault] = []
        self._timers: set[IDelayedCall] = set()
        self._offered = OfferedFaults(self._victim_of, self._fail)

    def arrive(self) -> int | None:
        """Let the protocol begin, now or late.

        Returns:
            The connection's number if it had to be known; else it is given when the
            connection is accepted.
        """
        if not any(fault.kind == "accept-late" for fault in self._behaviour):
            self._protocol.begin()
            return None
        number = next(self._numbers)
        faults = self._behaviour.towards(number)
        late = [fault for fault in faults if fault.kind == "accept-late"]
        if late:
            self._connection.hold(late[-1])
            self._later(late[-1].seconds, partial(self._begin_late, late[-1]))
        else:
            self._protocol.begin()
        return number

    def _begin_late(self, late: Fault) -> None:
        if self._may_act():
            self._protocol.begin()
            self._connection.release(late)

    def accepted(self) -> None:
        """Begin: it is known now which connection this is."""
        peer = self._connection.peer
        assert peer is not None
        behaviour = self._behaviour.towards(peer.number)
        self._faults = {fault.kind: fault for fault in behaviour}
        self._offered.begin(behaviour)
        self._unsaid = [fault for fault in behaviour if fault.kind in ANSWERS]
        self._cuts = self._make_cuts(f for f in behaviour if f.kind in CUTS)
        self._first = FirstMessages(
            self._connection.framer, fewest_messages(behaviour, ENDS)
        )
        self._connection.framer = self._first
        replies = self._protocol.replies
        reply = wrong_reply(behaviour, replies.reply)
        reply = to_first(reply, fewest_messages(behaviour, {"half-close"}))
        replies.reply = announced(reply, self._say_answers)
        replies.pace = pace_of(behaviour)
        for kind in ("accept-late", "read-bytewise", "read-slowly"):
            if kind in self._faults:
                self._say(self._faults[kind])
        self._strike()
        self.go_on()

    def receive(self, data: bytes) -> None:
        """Take what a read returned, and pass on what may be read now."""
        self._portions.add(data)
        self.go_on()

    def go_on(self) -> None:
        """Pass on what may be read now."""
        if self._portions.waiting_bytes and self._may_read():
            self._protocol.handshakeCompleted()
        self._portions.go_on()
        transport = self._connection.transport
        if isinstance(transport, FileDescriptor):
            # Then the kernel keeps the rest, and closes its window.
            transport.bufferSize = self._portion()

    @property
    def waiting_bytes(self) -> int:
        """How many bytes were read too early, and not passed on."""
        return self._portions.waiting_bytes

    def ended(self) -> None:
        """Read on: TLS waits for the peer's end."""
        if self._connection.over_tls:
            self._connection.transport.resumeProducing()

    def stop(self) -> None:
        """Do nothing more: the connection is gone."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._offered.stop()

    def _victim_of(self, fault: Fault) -> Victim:
        return Victim(
            self._connection,
            self._protocol.replies,
            clock=self._clock,
            say=partial(self._say, fault),
            close=partial(self._close, fault),
            reset=partial(self._reset, fault),
            later=lambda seconds, call: self._later(
                seconds, partial(self._offered.act, fault, call)
            ),
        )

    def _fail(self, why: str) -> None:
        if self._may_act():
            self._protocol.end(EndCause.ERROR, why)

    def _may_act(self) -> bool:
        return self._connection.verdict is None

    def _may_read(self) -> bool:
        return self._may_act() and not self._connection.is_held

    def _pass(self, portion: bytes) -> None:
        self._protocol.take(portion)
        self._strike()
        if slow := self._faults.get("read-slowly"):
            assert slow.bytes_per_second is not None
            self._hold(slow, len(portion) / slow.bytes_per_second)

    def _portion(self) -> int:
        """How many bytes may be read at a time."""
        size = 1 if "read-bytewise" in self._faults else READ_BYTES
        if slow := self._faults.get("read-slowly"):
            step = int((slow.bytes_per_second or 0) / STEPS_PER_SECOND)
            size = min(size, max(1, step))
        return min(size, self._cuts.bytes_left(self._connection.received_bytes))

    def _make_cuts(self, faults: Iterable[Fault]) -> Cuts:
        return Cuts(faults, strike=self._cut, may_strike=self._may_act)

    def _strike(self) -> None:
        self._cuts.strike(self._connection.received_bytes, self._first.count)

    def _cut(self, fault: Fault) -> None:
        self._say(fault)
        match fault.kind:
            case "stop-reading":
                self._hold(fault, fault.seconds)
            case "half-close":
                self._protocol.replies.when_paid(self._half_close)
            case "close":
                self._close(fault)
            case _:
                self._reset(fault)

    def _close(self, fault: Fault) -> None:
        self._connection.hold(fault)
        end = partial(self._protocol.end, EndCause.STOPPED, str(fault))
        self._protocol.replies.when_paid(end)

    def _reset(self, fault: Fault) -> None:
        self._connection.verdict = Verdict(EndCause.STOPPED, str(fault))
        self._connection.transport.abortConnection()

    def _half_close(self) -> None:
        if not self._half_closed and self._may_act():
            self._half_closed = True
            self._connection.transport.unregisterProducer()
            self._connection.transport.loseWriteConnection()

    def _hold(self, fault: Fault, seconds: float | None) -> None:
        """Read nothing, for so long, or for ever."""
        self._connection.hold(fault)
        if seconds is not None:
            self._later(seconds, partial(self._connection.release, fault))

    def _say_answers(self) -> None:
        unsaid, self._unsaid = self._unsaid, []
        for fault in unsaid:
            self._say(fault)

    def _say(self, fault: Fault) -> None:
        connection = self._connection
        assert connection.peer is not None
        what = escape_line(str(fault))
        self._sink(Misbehaved(connection.peer, connection.now(), what))

    def _later(self, seconds: float | None, call: Callable[[], object]) -> None:
        def due() -> None:
            self._timers.discard(timer)
            call()

        timer = self._clock.callLater(seconds or 0, due)
        self._timers.add(timer)
