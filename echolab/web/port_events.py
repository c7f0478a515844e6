"""The events of listening sockets, which the figures of their connections have too."""

from __future__ import annotations

import heapq
from collections import deque
from operator import itemgetter
from typing import TYPE_CHECKING

from echolab.events import Called
from echolab.facts import Listening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event

__all__ = ["PortEvents"]

MADE = frozenset({"socket", "bind", "listen"})
MOST_CALLS = 100
MOST_LOOKS = 50


class PortEvents:
    """How the ports came to listen, and the latest looks at their accept queues."""

    def __init__(self) -> None:
        self._calls: list[tuple[int, Event]] = []
        self._looks: deque[tuple[int, Event]] = deque(maxlen=MOST_LOOKS)

    def take(self, number: int, event: Event) -> None:
        """Take an event of no connection; ``number`` is its number among all."""
        match event:
            case Called(call=call) if call in MADE and len(self._calls) < MOST_CALLS:
                self._calls.append((number, event))
            case Listening():
                self._looks.append((number, event))
            case _:
                pass

    def numbered(self) -> Iterator[tuple[int, Event]]:
        """Yield the kept events with their numbers, in order."""
        yield from heapq.merge(self._calls, [*self._looks], key=itemgetter(0))

    def before(self, number: int) -> list[Event]:
        """Return how the ports came to listen, and the last look before an event.

        Older looks have seen other connections wait, not the one that was accepted
        then; with those alone, nobody can tell.
        """
        kept = [event for each, event in self.numbered() if each < number]
        last = {look.peer: look for look in kept if isinstance(look, Listening)}
        return [
            event
            for event in kept
            if not isinstance(event, Listening) or event is last[event.peer]
        ]
