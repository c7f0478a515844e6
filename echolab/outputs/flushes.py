"""Callers that wait until what came before them is written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.interfaces import AnyClock

__all__ = ["Flushes"]


@dataclass(slots=True, eq=False)
class _Flush:
    """A caller that waits for all up to a mark."""

    mark: int
    written: Deferred[int]
    give_up: IDelayedCall | None = None


class Flushes:
    """All that wait.

    Args:
        clock: measures how long they do; without one, there is no limit.
        left: returns how many bytes up to a mark are not written.

    Attributes:
        clock: the same.
    """

    def __init__(self, clock: AnyClock | None, left: Callable[[int], int]) -> None:
        self.clock = clock
        self._left = left
        self._flushes: list[_Flush] = []

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self._flushes)

    def wait(self, mark: int, seconds: float | None) -> Deferred[int]:
        """Wait for all up to a mark, no longer than some seconds.

        Returns:
            A Deferred that fires with the number of bytes that are not written.
        """
        flush = _Flush(mark, Deferred())
        if seconds is not None and self.clock is not None:
            flush.give_up = self.clock.callLater(seconds, self._give_up, flush)
        self._flushes.append(flush)
        return flush.written

    def end(self, mark: float = math.inf) -> None:
        """End the waits for what is up to a mark; without one, all waits."""
        # They are taken out first: a caller may flush or close again when it is told.
        ended = [each for each in self._flushes if each.mark <= mark]
        self._flushes = [each for each in self._flushes if each.mark > mark]
        for flush in ended:
            if flush.give_up is not None:
                flush.give_up.cancel()
            flush.written.callback(self._left(flush.mark))

    def _give_up(self, flush: _Flush) -> None:
        self._flushes.remove(flush)
        flush.written.callback(self._left(flush.mark))
