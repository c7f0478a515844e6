"""Callers that wait until what came before them is acknowledged."""

from __future__ import annotations

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
    """A caller that waits for all pieces up to a number."""

    mark: int
    done: Deferred[int]
    give_up: IDelayedCall | None = None


class Flushes:
    """All that wait.

    Args:
        clock: measures how long they do.
        left: returns how many bytes up to a number are not acknowledged.
    """

    def __init__(self, clock: AnyClock, left: Callable[[int], int]) -> None:
        self._clock = clock
        self._left = left
        self._flushes: list[_Flush] = []

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self._flushes)

    def wait(self, mark: int, seconds: float | None) -> Deferred[int]:
        """Wait for all pieces up to a number, no longer than some seconds."""
        flush = _Flush(mark, Deferred())
        if seconds is not None:
            flush.give_up = self._clock.callLater(seconds, self._end, flush)
        self._flushes.append(flush)
        return flush.done

    def acknowledged(self, oldest: int) -> None:
        """End the wait of all that waited for pieces before the oldest one left."""
        for flush in self._flushes[:]:
            if flush.mark < oldest:
                self._end(flush)

    def end(self) -> None:
        """End all waits: nothing more will be acknowledged."""
        for flush in self._flushes[:]:
            self._end(flush)

    def _end(self, flush: _Flush) -> None:
        self._flushes.remove(flush)
        if flush.give_up is not None and flush.give_up.active():
            flush.give_up.cancel()
        flush.done.callback(self._left(flush.mark))
