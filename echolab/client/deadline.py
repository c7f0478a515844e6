"""A time limit for something that is waited for again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.interfaces import AnyClock

__all__ = ["Deadline"]


class Deadline:
    """Calls a function if nothing comes for a while, though something is waited for.

    Args:
        clock: tells the time.
        seconds: how long that is.
        is_waiting: whether something is waited for.
        call: the function.
    """

    def __init__(
        self,
        clock: AnyClock,
        seconds: float,
        is_waiting: Callable[[], bool],
        call: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._is_waiting = is_waiting
        self._call = call
        self._due: IDelayedCall | None = None

    def look(self) -> None:
        """Begin to count, if something is waited for and it does not count yet."""
        if self._due is None and self._is_waiting():
            self._due = self._clock.callLater(self._seconds, self._late)

    def renew(self) -> None:
        """Begin anew: something has come."""
        self.stop()
        self.look()

    def stop(self) -> None:
        """Wait no more."""
        due, self._due = self._due, None
        if due is not None:
            due.cancel()

    def _late(self) -> None:
        self._due = None
        if self._is_waiting():
            self._call()
