"""Faults that strike a connection after a number of bytes or messages."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from echolab.behaviour.values import Behaviour, Fault

__all__ = ["CUTS", "Cuts", "fewest_messages"]

ENDS = {"reset", "close"}
CUTS = {"stop-reading", "half-close", *ENDS}


class Cuts:
    """Strikes once for each fault, after its number of bytes or messages.

    Args:
        faults: the faults, of the kinds in `CUTS`.
        strike: carries out a fault.
        may_strike: returns whether the connection is not yet ended.
    """

    def __init__(
        self,
        faults: Iterable[Fault],
        *,
        strike: Callable[[Fault], None],
        may_strike: Callable[[], bool],
    ) -> None:
        self._to_come = list(faults)
        self._strike = strike
        self._may_strike = may_strike

    def strike(self, read_bytes: int, messages: int) -> None:
        """Strike the faults that are due after so many bytes and messages."""
        for fault in tuple(self._to_come):
            if self._may_strike() and _is_due(fault, read_bytes, messages):
                self._to_come.remove(fault)
                self._strike(fault)

    def bytes_left(self, read_bytes: int) -> int:
        """Return how many bytes may be read before the next fault strikes."""
        after = (fault.after_bytes for fault in self._to_come)
        left = (due - read_bytes for due in after if due is not None)
        return min(left, default=sys.maxsize)


def fewest_messages(behaviour: Behaviour, kinds: set[str]) -> int:
    """Return after how many messages the first fault of these kinds strikes."""
    counts = (fault.after_messages for fault in behaviour if fault.kind in kinds)
    return min(filter(None, counts), default=sys.maxsize)


def _is_due(fault: Fault, read_bytes: int, messages: int) -> bool:
    if fault.after_messages:
        return messages >= fault.after_messages
    return read_bytes >= (fault.after_bytes or 0)
