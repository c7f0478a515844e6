"""Tell a peer that reads nothing from one that is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Stall"]

LOOKS = 10
"""How often it is looked in the time that it takes to be stuck."""


class Stall:
    """Wait until a socket has taken no bytes for some time.

    Args:
        clock: tells the time.
        seconds: how long that is; 0 is no limit.
        sent_bytes: returns how many bytes the socket has taken so far.
        call: called then, once for each `start`.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        seconds: float,
        sent_bytes: Callable[[], int],
        call: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._sent_bytes = sent_bytes
        self._call = call
        self._sent = 0
        self._since = 0.0
        self._due: IDelayedCall | None = None

    def start(self) -> None:
        """Start waiting now."""
        self.stop()
        if self._seconds:
            self._sent = self._sent_bytes()
            self._since = self._clock.seconds()
            self._wait(self._seconds)

    def stop(self) -> None:
        """Stop waiting."""
        due, self._due = self._due, None
        if due is not None:
            due.cancel()

    def _look(self) -> None:
        self._due = None
        now, sent = self._clock.seconds(), self._sent_bytes()
        if sent > self._sent:
            self._sent, self._since = sent, now
        left = self._since + self._seconds - now
        if left > 0:
            self._wait(left)
        else:
            self._call()

    def _wait(self, seconds: float) -> None:
        # The first bytes behind a full buffer are often taken at once. One look at the
        # end would find them, and start again.
        step = min(seconds, self._seconds / LOOKS)
        self._due = self._clock.callLater(step, self._look)
