"""Faults that strike a connection after a number of bytes or messages."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from echolab.behaviour.fault import Fault
    from echolab.behaviour.values import Behaviour

__all__ = ["CUTS", "ENDS", "ENDS_SENDING", "Cuts", "fewest_messages"]

ENDS = {"reset", "close"}
ENDS_SENDING = {"half-close", *ENDS}
CUTS = {"stop-reading", *ENDS_SENDING}


class Cuts:
    """Strikes once for each fault, after its number of bytes or messages.

    Args:
        faults: the faults; those that cut, of this count, are taken.
        strike: carries out a fault.
        may_strike: returns whether the connection is not yet ended.
        count_sent: whether the bytes are those that are sent, not those that are read.
    """

    def __init__(
        self,
        faults: Iterable[Fault],
        *,
        strike: Callable[[Fault], None],
        may_strike: Callable[[], bool],
        count_sent: bool = False,
    ) -> None:
        self._count_sent = count_sent
        self._to_come = [
            fault
            for fault in faults
            if fault.kind in CUTS and (fault.after_sent_bytes is not None) is count_sent
        ]
        self._strike = strike
        self._may_strike = may_strike

    def strike(self, byte_count: int, messages: int = 0) -> None:
        """Strike the faults that are due after so many bytes and messages."""
        for fault in tuple(self._to_come):
            if self._may_strike() and self._is_due(fault, byte_count, messages):
                self._to_come.remove(fault)
                self._strike(fault)

    def bytes_left(self, byte_count: int) -> int:
        """Return how many more bytes may pass before the next fault strikes."""
        after = (self._after(fault) for fault in self._to_come)
        left = (due - byte_count for due in after if due is not None)
        return min(left, default=sys.maxsize)

    def _after(self, fault: Fault) -> int | None:
        return fault.after_sent_bytes if self._count_sent else fault.after_bytes

    def _is_due(self, fault: Fault, byte_count: int, messages: int) -> bool:
        if fault.after_messages:
            return messages >= fault.after_messages
        return byte_count >= (self._after(fault) or 0)


def fewest_messages(behaviour: Behaviour, kinds: set[str]) -> int:
    """Return after how many messages the first fault of these kinds strikes."""
    counts = (fault.after_messages for fault in behaviour if fault.kind in kinds)
    return min(filter(None, counts), default=sys.maxsize)
