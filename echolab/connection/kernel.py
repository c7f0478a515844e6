"""Asks the kernel, in time with the events and in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from echolab.sockets.diagnosing import Diagnoser

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from echolab.addresses import Peer
    from echolab.interfaces import AnyClock
    from echolab.sockets.diagnosing import Diagnosis

__all__ = ["MOST_ASKED", "Asked", "Kernel"]

ASK_SECONDS = 0.25
"""How often the kernel is asked about each connection between its events."""
MOST_ASKED = 1000
"""With more connections than this, it is asked only at their events."""


class Asked(Protocol):
    """Whatever the kernel can be asked about."""

    def look(self) -> bool:
        """Ask, and report what has changed; return whether to ask again."""


class Kernel:
    """Asks the kernel about all connections of a factory, four times a second.

    With more than `MOST_ASKED` connections, it asks only at their events.

    Args:
        clock: measures the time between.
    """

    def __init__(self, clock: AnyClock) -> None:
        self._clock = clock
        self._asked: dict[Asked, None] = {}
        self._next: IDelayedCall | None = None
        self._diagnoser: Diagnoser | None = None
        self._may_diagnose = True

    def add(self, asked: Asked) -> None:
        """Ask about it from now on, until there is nothing more to ask."""
        self._asked[asked] = None
        self._may_diagnose = True
        if self._next is None:
            self._next = self._clock.callLater(ASK_SECONDS, self._ask)

    def remove(self, asked: Asked) -> None:
        """Ask no more about it."""
        self._asked.pop(asked, None)
        if not self._asked and self._next is not None:
            self._next.cancel()
            self._next = None

    def diagnose(self, here: Peer, there: Peer) -> Diagnosis | None:
        """Ask about the end with the address ``here``; see `Diagnoser`.

        After `stop`, nothing is asked until there is something to `add`.
        """
        if self._diagnoser is None and self._may_diagnose:
            try:
                self._diagnoser = Diagnoser()
            except OSError:
                self._may_diagnose = False  # There is less to tell.
        return self._diagnoser(here, there) if self._diagnoser else None

    def stop(self) -> None:
        """Ask a last time, and then no more about anything."""
        for each in [*self._asked]:
            if not self.is_busy:
                each.look()
        for each in [*self._asked]:
            self.remove(each)
        self._may_diagnose = False  # Nobody would close what that opens.
        if self._diagnoser is not None:
            self._diagnoser.close()
            self._diagnoser = None

    @property
    def is_busy(self) -> bool:
        """Whether there are too many connections to ask about between their events."""
        return len(self._asked) > MOST_ASKED

    def _ask(self) -> None:
        self._next = None
        if not self.is_busy:
            for each in [*self._asked]:
                if not each.look():
                    self._asked.pop(each, None)
        if self._asked and self._next is None:
            self._next = self._clock.callLater(ASK_SECONDS, self._ask)
