"""Connections that other programs have accepted, for the page: known from events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.events import Chunk, Finished, Received, Sent
from echolab.messages import ENDED

if TYPE_CHECKING:
    from collections.abc import Hashable

    from echolab.addresses import Peer
    from echolab.connection.states import Verdict
    from echolab.events import Event
    from echolab.interfaces import AnyClock
    from echolab.sockets.watching import WatchedSocket
    from echolab.web.watching import Watch

__all__ = ["StreamWatch", "StreamedConnection"]


MOST_ENDED = 10_000
"""So many connections that have ended are known, in case more comes of them."""


class StreamedConnection:
    """What events tell of a connection; see `echolab.connection.core.Connection`.

    Args:
        peer: its peer.
        watch: tells the time of the page.
        clock: measures the seconds since its last bytes came here.
    """

    over_tls = False
    is_skimmed = False
    skimmed_events = 0
    is_held = False
    verdict: Verdict | None = None
    watched: WatchedSocket | None = None
    unsent_bytes: int | None = None

    def __init__(self, peer: Peer, watch: Watch, clock: AnyClock) -> None:
        self.peer: Peer | None = peer
        self.received_bytes = self.sent_bytes = 0
        self.messages = self.writes = 0
        self.is_in_message = False
        self.began = self.heard = clock.seconds()
        self._watch = watch
        self._clock = clock
        self._has_chunks = False

    def take(self, event: Event) -> None:
        """Count what an event tells."""
        match event:
            case Chunk(data=data):
                self._has_chunks = True
                self.received_bytes += len(data)
                self.heard = self._clock.seconds()
            case Received(messages=messages):
                if not self._has_chunks:
                    self.received_bytes += len(messages.raw())
                    self.heard = self._clock.seconds()
                self.is_in_message = messages.mark not in ENDED
                if not self.is_in_message:
                    self.messages += len(messages)
            case Sent(data=data):
                self.sent_bytes += len(data)
                self.writes += 1
            case Finished(received_bytes=received):
                self.received_bytes = received
                self.unsent_bytes = event.unsent_bytes
            case _:
                pass

    def now(self) -> float:
        """Return the time of the page: the events keep the times that they have."""
        return self._watch.time()

    def is_held_by(self, _who: Hashable) -> bool:
        """Whether reading is paused here: unknown."""
        return False

    def skim(self) -> None:
        """Report as before: nobody here decides that."""

    def follow(self) -> None:
        """Report as before."""


class StreamWatch:
    """A sink that lets a page watch what a stream carries.

    Args:
        watch: what the page shows.
        clock: measures the seconds.
    """

    def __init__(self, watch: Watch, clock: AnyClock) -> None:
        self._watch = watch
        self._clock = clock
        self._open: dict[int, StreamedConnection] = {}
        self._ended: dict[int, None] = {}  # the last: their sockets go on a little

    def __call__(self, event: Event) -> None:
        """Take an event; a connection begins with the first that is seen of it."""
        number = event.peer.number
        if number and number not in self._ended:
            connection = self._open.get(number)
            if connection is None:
                made = StreamedConnection(event.peer, self._watch, self._clock)
                connection = self._open[number] = made
                self._watch.opened(made, event.time)
            connection.take(event)
            if isinstance(event, Finished):
                del self._open[number]
                self._ended[number] = None
                if len(self._ended) > MOST_ENDED:
                    del self._ended[next(iter(self._ended))]
        self._watch(event)
