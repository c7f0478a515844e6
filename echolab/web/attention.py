"""Which connections are followed closely: so many that the server is hardly slower.

A connection that is followed has its reads, writes and calls kept, and the kernel is
asked about it. All that takes about 10 microseconds an event. So only so many events
a second are kept; the busiest connections are skimmed, unless somebody looks at them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from echolab.web.known import Known

__all__ = ["MOST_EVENTS_A_SECOND", "Attention"]

MOST_EVENTS_A_SECOND = 400
EVENTS_OF_A_MESSAGE = 3
"""What a skimmed connection tells as one event is a call, a chunk and its messages."""
MOST_FOLLOWED_A_SECOND = 20
"""Beginning to follow a connection asks the kernel a few things."""


class Attention:
    """Decides which connections are followed.

    Attributes:
        chosen: the numbers of those that somebody looks at.
    """

    def __init__(self) -> None:
        self.chosen: Counter[int] = Counter()
        self._left = MOST_EVENTS_A_SECOND
        self._share = MOST_EVENTS_A_SECOND // 2  # of each connection

    def spend(self) -> bool:
        """Count an event; return whether it was the last that may be kept now."""
        self._left -= 1
        return self._left == 0

    @property
    def is_spent(self) -> bool:
        """Whether no more events are to be kept in this second."""
        return self._left <= 0

    def must_skim(self, known: Known) -> bool:
        """Whether to skim a connection, once no more events are to be kept."""
        is_chosen = known.number in self.chosen
        share = MOST_EVENTS_A_SECOND // 2 if is_chosen else self._share
        return known.events_now > share

    def next_second(self, connections: Collection[Known]) -> Iterable[Known]:
        """Begin a new second.

        Args:
            connections: the open connections.

        Returns:
            Those to be followed again.
        """
        self._left = MOST_EVENTS_A_SECOND
        self._share = MOST_EVENTS_A_SECOND // max(2, len(connections))
        skimmed = [known for known in connections if known.is_skimmed]
        if not skimmed:
            return []
        room = MOST_EVENTS_A_SECOND // 2
        room -= sum(each.events_now for each in connections if not each.is_skimmed)
        again: list[Known] = []
        skimmed.sort(key=self._rank)
        for known in skimmed[:MOST_FOLLOWED_A_SECOND]:
            room -= known.events_now * EVENTS_OF_A_MESSAGE
            if room < 0 and known.number not in self.chosen:
                break
            again.append(known)
        return again

    def _rank(self, known: Known) -> tuple[bool, int]:
        return known.number not in self.chosen, known.events_now
