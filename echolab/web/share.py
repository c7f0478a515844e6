"""A share of the time, for work that would hold up the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.interfaces import AnyClock

__all__ = ["Share"]


class Share:
    """Gives work its turns, so that all of it takes no more than a share of the time.

    After each piece of work, the next one waits the longer, the more that has cost.

    Args:
        share: the share, at most 1.
        clock: calls later.
        cost: tells how much time was taken so far, in seconds.
    """

    def __init__(
        self, share: float, *, clock: AnyClock, cost: Callable[[], float]
    ) -> None:
        self._share = share
        self._clock = clock
        self._cost = cost
        self._turns: list[Callable[[], None]] = []
        self._is_working = False
        self._next: IDelayedCall | None = None
        self._free_at = 0.0

    @property
    def wait_seconds(self) -> float:
        """How long it takes until work that has been done is paid."""
        return max(0.0, self._free_at - self._clock.seconds())

    def ask(self, work: Callable[[], None]) -> None:
        """Do one piece of work, which raises nothing, in its turn.

        That is at once, if there is nothing to wait for.
        """
        self._turns.append(work)
        if self._next is None and not self._is_working:
            self._turn()

    def withdraw(self, work: Callable[[], None]) -> None:
        """Do not do work that still waits for its turn."""
        if work in self._turns:
            self._turns.remove(work)
            self._wait()

    def _turn(self) -> None:
        self._next = None
        if not self.wait_seconds:
            self._is_working = True
            began = self._cost()
            try:
                self._turns.pop(0)()
            finally:
                seconds = (self._cost() - began) / self._share
                self._free_at = self._clock.seconds() + seconds
                self._is_working = False
        self._wait()

    def _wait(self) -> None:
        """Wait for the next turn if there is work, and only then."""
        if self._turns:
            if self._next is None and not self._is_working:
                self._next = self._clock.callLater(self.wait_seconds, self._turn)
        elif self._next is not None:
            self._next.cancel()
            self._next = None
