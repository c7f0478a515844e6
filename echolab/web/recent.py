"""The latest messages of all connections."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event
    from echolab.web.packing import Packed

__all__ = ["Recent"]

MOST_EVENTS = 600
MOST_BYTES = 8 << 20


class Recent:
    """Events with messages, each with its number among all events; bounded."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, Packed]] = deque()
        self._bytes = 0

    def append(self, number: int, packed: Packed) -> None:
        """Keep an event, and drop the oldest if there are too many, or too many bytes.

        One that is larger than all may be is not kept.
        """
        kept = self._kept
        kept.append((number, packed))
        self._bytes += packed.size
        while len(kept) > MOST_EVENTS or self._bytes > MOST_BYTES:
            self._bytes -= kept.popleft()[1].size

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        """Yield the events with their numbers, the oldest first."""
        return iter([(number, event) for number, (event, _) in self._kept])
