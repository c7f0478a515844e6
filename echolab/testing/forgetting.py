"""A summary of forgotten events, for waits that still need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.events import Accepted, Chunk, Connected, Finished, Received, Sent
from echolab.messages import GOES_ON

if TYPE_CHECKING:
    from echolab.events import Event

__all__ = ["Forgotten"]


class Forgotten:
    """A summary of the forgotten events; called with each.

    It takes memory only for open connections.

    Attributes:
        connected: how many peers have connected.
        open: the numbers of peers whose connection has not ended.
        begun: the numbers of peers with an unfinished message.
        received: the numbers of open peers of whose received bytes some are forgotten.
        sent: the numbers of open peers of whose sent bytes some are forgotten.
        last_end: the last end of a connection.
    """

    def __init__(self) -> None:
        self.connected = 0
        self.open: set[int] = set()
        self.begun: set[int] = set()
        self.received: set[int] = set()
        self.sent: set[int] = set()
        self.last_end: Finished | None = None
        self._highest = 0

    def __call__(self, event: Event) -> None:
        """Add an event to the summary."""
        number = event.peer.number
        self._highest = max(self._highest, number)
        match event:
            case Accepted() | Connected():
                self.connected += 1
                self.open.add(number)
            case Received(messages=messages) if messages.mark in GOES_ON:
                self.begun.add(number)
            case Received():
                self.begun.discard(number)
            case Chunk():
                self.received.add(number)
            case Sent():
                self.sent.add(number)
            case Finished():
                for numbers in (self.open, self.begun, self.received, self.sent):
                    numbers.discard(number)
                self.last_end = event

    def has_any_of(self, number: int | None) -> bool:
        """Whether there may be events of this peer (of any peer, for None)."""
        return number is None or number <= self._highest
