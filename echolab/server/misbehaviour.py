"""What is done wrong to one accepted connection."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from echolab.behaviour.cuts import fewest_messages
from echolab.behaviour.strikes import Strikes
from echolab.ends import EndCause
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
    from echolab.behaviour.values import Behaviour, Fault
    from echolab.connection.core import Connection
    from echolab.connection.terms import Terms
    from echolab.server.replies import Replies

__all__ = ["Misbehaviour"]


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

    def end_sending(self) -> None:
        """End the sending side, and read on."""

    def end(self, cause: EndCause, detail: str = "") -> None:
        """End the connection, in order if the peer plays along."""


class Misbehaviour:
    """What is done wrong to one connection; each fault is an event when it strikes.

    It stands between a protocol and its parts: `Strikes` around what is read and
    sent, and wrong replies in place of good ones.

    Args:
        behaviour: what to do wrong, to which connections.
        protocol: the connection's.
        terms: what it shares with other connections.
    """

    def __init__(
        self, behaviour: Behaviour, protocol: Misbehaving, terms: Terms
    ) -> None:
        self._behaviour = behaviour
        self._protocol = protocol
        self._connection = protocol.connection
        self._terms = terms
        self._strikes = Strikes(
            protocol.connection,
            terms,
            take=protocol.take,
            close=self._close,
            half_close=self._half_close,
            abandon=protocol.replies.abandon,
        )
        self._half_closed = False
        self._unsaid: list[Fault] = []
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
        number = next(self._terms.numbers)
        faults = self._behaviour.towards(number)
        late = [fault for fault in faults if fault.kind == "accept-late"]
        if late:
            self._connection.hold(late[-1])
            seconds = late[-1].seconds or 0.0
            self._strikes.timers.later(seconds, partial(self._begin_late, late[-1]))
        else:
            self._protocol.begin()
        return number

    def _begin_late(self, late: Fault) -> None:
        if self._strikes.may_act():
            self._protocol.begin()
            self._connection.release(late)

    def accepted(self) -> None:
        """Begin: it is known now which connection this is."""
        peer = self._connection.peer
        assert peer is not None
        behaviour = self._behaviour.towards(peer.number)
        self._offered.begin(behaviour)
        self._unsaid = [fault for fault in behaviour if fault.kind in ANSWERS]
        replies = self._protocol.replies
        reply = wrong_reply(behaviour, replies.reply)
        reply = to_first(reply, fewest_messages(behaviour, {"half-close"}))
        replies.reply = announced(reply, self._say_answers)
        replies.pace = pace_of(behaviour)
        for late in [fault for fault in behaviour if fault.kind == "accept-late"][-1:]:
            self._strikes.say(late)
        self._strikes.begin(behaviour)
        self.go_on()

    def receive(self, data: bytes) -> None:
        """Take what a read returned, and pass on what may be read now."""
        self._strikes.add(data)
        self.go_on()

    def go_on(self) -> None:
        """Pass on what may be read now."""
        if self._strikes.waiting_bytes and self._strikes.may_read():
            self._protocol.handshakeCompleted()
        self._strikes.go_on()

    @property
    def waiting_bytes(self) -> int:
        """How many bytes were read too early, and not passed on."""
        return self._strikes.waiting_bytes

    def ending(self) -> None:
        """Send nothing more: the protocol ends the connection."""
        self._strikes.stop_sending()

    def ended(self) -> None:
        """Read on: TLS waits for the peer's end."""
        if self._connection.over_tls:
            self._connection.transport.resumeProducing()

    def stop(self) -> None:
        """Do nothing more: the connection is gone."""
        self._strikes.stop()
        self._offered.stop()

    def _victim_of(self, fault: Fault) -> Victim:
        return Victim(
            self._connection,
            self._protocol.replies,
            clock=self._terms.clock,
            say=partial(self._strikes.say, fault),
            close=partial(self._close, fault),
            reset=partial(self._strikes.reset, fault),
            later=lambda seconds, call: self._strikes.timers.later(
                seconds, partial(self._offered.act, fault, call)
            ),
        )

    def _fail(self, why: str) -> None:
        if self._strikes.may_act():
            self._protocol.end(EndCause.ERROR, why)

    def _close(self, fault: Fault) -> None:
        self._connection.hold(fault)
        end = partial(self._protocol.end, EndCause.STOPPED, str(fault))
        self._protocol.replies.when_paid(end)

    def _half_close(self, _: Fault) -> None:
        self._protocol.replies.when_paid(self._close_sending)

    def _close_sending(self) -> None:
        if not self._half_closed and self._strikes.may_act():
            self._half_closed = True
            self._protocol.end_sending()

    def _say_answers(self) -> None:
        unsaid, self._unsaid = self._unsaid, []
        for fault in unsaid:
            self._strikes.say(fault)
