"""The streams of updates to browsers (server-sent events).

One tick serves all of them, and only while there are any. It asks the kernel about all
connections; so the next comes the later, the more it has cost.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from twisted.logger import Logger

from echolab.web.answers import Answer, Pace, start
from echolab.web.updates import Moment, Updates

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.interfaces import AnyClock
    from echolab.web.figures import Figures
    from echolab.web.request import PageRequest
    from echolab.web.watching import Watch

__all__ = ["Streams"]

MOST_STREAMS = 8
LEAST_SECONDS = 0.5
SHARE = 0.005
"""The ticks take no more than this share of the time."""
SILENT_SECONDS = 15.0
"""A stream has a comment if it has nothing else, so that what is between lets it be."""
BEGINNING = b"retry: 2000\n\n"
"""When to ask again after the stream has broken, in milliseconds."""
COMMENT = b":\n\n"
MOST_DIGITS = 18
"""The digits of a number of an event."""

_dumps = json.JSONEncoder(separators=(",", ":")).encode
_log = Logger()


class Streams:
    """All streams, and their tick.

    Args:
        watch: knows what happens.
        figures: know of which revision figures are drawn.
        clock: calls later.
        lag: tells how late the event loop is, in seconds.
        cost: tells how much time was taken so far, in seconds.
    """

    def __init__(
        self,
        watch: Watch,
        figures: Figures,
        *,
        clock: AnyClock,
        lag: Callable[[], float | None],
        cost: Callable[[], float],
    ) -> None:
        self._watch = watch
        self._figures = figures
        self._clock = clock
        self._lag = lag
        self._cost = cost
        self._streams: list[_Stream] = []
        self._waiting: IDelayedCall | None = None
        self._next_at = 0.0

    @property
    def are_too_many(self) -> bool:
        """Whether there are so many that no other may begin."""
        return len(self._streams) >= MOST_STREAMS

    def begin(self, request: PageRequest, number: int | None) -> None:
        """Answer a request with a stream.

        Args:
            request: the request.
            number: the connection that its browser looks at; None if at none.
        """
        start(request, Answer(b"", "text/event-stream; charset=utf-8"))
        if request.method == b"HEAD":
            request.finish()
            return
        request.write(BEGINNING)
        updates = Updates(self._watch, self._figures, number, self._seen(request))

        def gone() -> None:
            self._streams.remove(stream)
            if number is not None:
                self._watch.let_go(number)
            if not self._streams:
                self._stop()

        stream = _Stream(request, updates, Pace(request, self._clock, gone=gone))
        self._streams.append(stream)
        if number is not None:
            self._watch.choose(number)
        if self._waiting is None:
            self._wait()

    def _seen(self, request: PageRequest) -> int | None:
        """Return the number of the last event that a browser has seen in this run."""
        name = request.getHeader(b"Last-Event-ID") or b""
        run, _, number = name.rpartition(b"-")
        if run != self._watch.run.encode() or not number.isdigit():
            return None
        return int(number) if len(number) <= MOST_DIGITS else None

    def _stop(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting.active():
            waiting.cancel()

    def _wait(self) -> None:
        left = max(0.0, self._next_at - self._clock.seconds())
        self._waiting = self._clock.callLater(min(left, SILENT_SECONDS), self._turn)

    def _turn(self) -> None:
        self._waiting = None
        reading = [each for each in self._streams if not each.pace.is_paused]
        if self._clock.seconds() < self._next_at:
            for stream in reading:
                stream.request.write(COMMENT)
        else:
            began = self._cost()
            if reading:
                self._tick(reading)
            seconds = max(LEAST_SECONDS, (self._cost() - began) / SHARE)
            self._next_at = self._clock.seconds() + seconds
        if self._streams:
            self._wait()

    def _tick(self, streams: list[_Stream]) -> None:
        """Tell what is new."""
        watch = self._watch
        try:
            watch.look()
            moment = Moment(
                watch.time(),
                watch.time.ahead_seconds,
                watch.open_rows,
                watch.totals(),
                self._lag(),
            )
            for stream in streams:
                update = _dumps(stream.updates.next(moment))
                name = f"{watch.run}-{watch.taken}"
                text = f"id: {name}\nevent: update\ndata: {update}\n\n"
                stream.request.write(text.encode())
        except Exception:
            _log.failure("an update of the page failed")
            for stream in streams:
                stream.request.abort()  # The browsers ask again.


class _Stream(NamedTuple):
    request: PageRequest
    updates: Updates
    pace: Pace
