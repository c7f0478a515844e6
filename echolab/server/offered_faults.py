"""The faults of one connection that other people's code does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.logger import Logger

from echolab.behaviour.fault import misbehaviour_of
from echolab.errors import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.behaviour.fault import Fault
    from echolab.behaviour.values import Behaviour
    from echolab.interfaces import AnyMisbehaviour
    from echolab.server.victim import Victim

__all__ = ["OfferedFaults"]

_log = Logger()


class OfferedFaults:
    """Makes what does the faults, and tells it of the connection.

    Args:
        victim_of: the connection, as it is handed to what does a fault.
        fail: called with the reason if that fails.
    """

    def __init__(
        self, victim_of: Callable[[Fault], Victim], fail: Callable[[str], None]
    ) -> None:
        self._victim_of = victim_of
        self._fail = fail
        self._begun: list[tuple[Fault, Victim, AnyMisbehaviour]] = []

    def begin(self, behaviour: Behaviour) -> None:
        """Let all of them begin: the connection was accepted."""
        for fault in behaviour:
            self.act(fault, partial(self._begin, fault))

    def _begin(self, fault: Fault) -> None:
        misbehaviour = misbehaviour_of(fault)
        if misbehaviour is not None:
            victim = self._victim_of(fault)
            self._begun.append((fault, victim, misbehaviour))
            misbehaviour.accepted(victim)

    def stop(self) -> None:
        """Let all of them go: the connection has ended."""
        begun, self._begun = self._begun, []
        for fault, victim, misbehaviour in begun:
            victim.leave()
            self.act(fault, misbehaviour.gone)

    def act(self, fault: Fault, call: Callable[[], object]) -> None:
        """Call something of other people's; report it if that fails."""
        try:
            call()
        except Exception as why:
            _log.failure("the behaviour {fault} failed", fault=str(fault))
            self._fail(f"the behaviour {fault} failed: {reason_of(why)}")
