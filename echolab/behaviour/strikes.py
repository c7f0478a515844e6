"""The faults of one connection that either side can have."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.abstract import FileDescriptor

from echolab.behaviour.cuts import ENDS, Cuts, fewest_messages
from echolab.behaviour.detour import DetouredConnection
from echolab.behaviour.leaving import when_left
from echolab.behaviour.manners import manners_of
from echolab.behaviour.portions import Portions
from echolab.behaviour.timers import Timers
from echolab.connection.states import Verdict
from echolab.ends import EndCause
from echolab.escaping import escape_line
from echolab.events import Misbehaved
from echolab.framing.first import FirstMessages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from echolab.behaviour.fault import Fault
    from echolab.behaviour.values import Behaviour
    from echolab.connection.core import Connection
    from echolab.connection.terms import Terms

__all__ = ["Strikes"]

READ_BYTES = 1 << 16

STEPS_PER_SECOND = 10
"""What is read slowly is read in so many portions a second."""


class Strikes:
    """Reads and sends wrongly, and cuts; each fault is an event when it strikes.

    `Portions` are in front of what is read, `FirstMessages` around the framer, and
    `Cuts` behind what was read and what was sent.

    Args:
        connection: the connection.
        terms: what it shares with others: the clock, and who is told.
        take: takes bytes that were read.
        close: closes the connection in order, as a fault wants it.
        half_close: closes its sending side likewise.
        abandon: called when nothing more may be sent, before these two.
    """

    def __init__(
        self,
        connection: Connection,
        terms: Terms,
        *,
        take: Callable[[bytes], None],
        close: Callable[[Fault], None],
        half_close: Callable[[Fault], None],
        abandon: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._sink = terms.sink
        self._take = take
        self._close = close
        self._half_close = half_close
        self._abandon = abandon
        self._faults: dict[str, Fault] = {}
        self._cuts = self._make_cuts(())
        self._first = FirstMessages(connection.framer, sys.maxsize)
        self._portions = Portions(
            size=self._portion, may_pass=self.may_read, passes=self._pass
        )
        self.timers = Timers(terms.clock)

    def begin(self, behaviour: Behaviour) -> None:
        """Begin: it is known now which connection this is, and what is done to it."""
        connection = self._connection
        self._faults = {fault.kind: fault for fault in behaviour}
        self._cuts = self._make_cuts(behaviour)
        self._first = FirstMessages(connection.framer, fewest_messages(behaviour, ENDS))
        connection.framer = self._first
        for kind in ("read-bytewise", "read-slowly"):
            if kind in self._faults:
                self.say(self._faults[kind])
        if isinstance(connection, DetouredConnection):
            self._begin_sending(connection, behaviour)
        self._strike()

    def _begin_sending(
        self, connection: DetouredConnection, behaviour: Behaviour
    ) -> None:
        manners = tuple(manners_of(behaviour, self.say))
        if manners:
            with suppress(OSError, AttributeError):  # A UNIX socket never delays.
                connection.wire.setTcpNoDelay(True)
        cut = partial(self._cut_sent, connection)
        connection.outgoing.begin(
            manners, self._make_cuts(behaviour, strike=cut, count_sent=True)
        )

    def _make_cuts(
        self,
        faults: Iterable[Fault],
        *,
        strike: Callable[[Fault], None] | None = None,
        count_sent: bool = False,
    ) -> Cuts:
        return Cuts(
            faults,
            strike=strike or self._cut,
            may_strike=self.may_act,
            count_sent=count_sent,
        )

    def add(self, data: bytes) -> None:
        """Take what a read returned; `go_on` passes it on."""
        self._portions.add(data)

    def go_on(self) -> None:
        """Pass on what may be read now."""
        self._portions.go_on()
        wire = self._connection.wire
        if isinstance(wire, FileDescriptor):
            # Then the kernel keeps the rest, and closes its window.
            wire.bufferSize = self._portion()

    @property
    def waiting_bytes(self) -> int:
        """How many bytes were read too early, and not passed on."""
        return self._portions.waiting_bytes

    def stop_sending(self) -> None:
        """Lose what is not sent yet: the connection ends."""
        if isinstance(self._connection, DetouredConnection):
            self._connection.outgoing.stop()

    def stop(self) -> None:
        """Do nothing more: the connection is gone."""
        self.timers.stop()
        self.stop_sending()

    def may_act(self) -> bool:
        """Whether this side has not ended the connection."""
        return self._connection.verdict is None

    def may_read(self) -> bool:
        """Whether bytes may be passed on now."""
        return self.may_act() and not self._connection.is_held

    def _pass(self, portion: bytes) -> None:
        self._take(portion)
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

    def _strike(self) -> None:
        self._cuts.strike(self._connection.received_bytes, self._first.count)

    def _cut(self, fault: Fault) -> None:
        self.say(fault)
        match fault.kind:
            case "stop-reading":
                self._hold(fault, fault.seconds)
            case "half-close":
                self._half_close(fault)
            case "close":
                self._close(fault)
            case _:
                self.reset(fault)

    def _cut_sent(self, connection: DetouredConnection, fault: Fault) -> None:
        self.say(fault)
        if fault.kind == "reset":
            connection.verdict = Verdict(EndCause.STOPPED, str(fault))
            connection.hold(fault)
            connection.outgoing.stop()
            connection.wire.unregisterProducer()
            when_left(connection.wire, self.timers, connection.wire.abortConnection)
            return
        self._abandon()
        connection.outgoing.drop()
        if fault.kind == "close":
            self._close(fault)
        else:
            self._half_close(fault)

    def reset(self, fault: Fault) -> None:
        """Reset the connection now."""
        self._connection.verdict = Verdict(EndCause.STOPPED, str(fault))
        self._connection.transport.abortConnection()

    def _hold(self, fault: Fault, seconds: float | None) -> None:
        """Read nothing, for so long, or for ever."""
        self._connection.hold(fault)
        if seconds is not None:
            self.timers.later(seconds, partial(self._connection.release, fault))

    def say(self, fault: Fault) -> None:
        """Report that a fault strikes."""
        connection = self._connection
        assert connection.peer is not None
        what = escape_line(str(fault))
        self._sink(Misbehaved(connection.peer, connection.now(), what))
