"""A callable as a sink; the callable may be asynchronous."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from echolab.events import Received
from echolab.interfaces import ISink
from echolab.outputs.flushes import Flushes

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IProducer

    from echolab.events import Event, Sink
    from echolab.interfaces import AnyClock, Producer

__all__ = ["WaitingSink"]


@implementer(ISink)
class WaitingSink:
    """Gives events to a callable, each after the one before is done.

    In the meantime, the producers are paused, and events that were already read wait.

    Args:
        sink: takes an event; may return a Deferred or a coroutine.
        failed: called with this object and the reason, if the callable, its Deferred
            or its coroutine fails.

    Attributes:
        sink: the callable.
        name: its name for users.
    """

    def __init__(self, sink: Sink, failed: Callable[[object, Failure], None]) -> None:
        self.name = getattr(sink, "__qualname__", None) or repr(sink)
        self.sink = self._sink = sink
        self._failed = failed
        self._events: deque[Event] = deque()  # The callable works on the first.
        self._working: Deferred[None] | None = None
        self._producers: list[Producer] = []
        self._paused = False
        self._flushes = Flushes(None, lambda _: self.waiting_bytes)

    def measure(self, clock: AnyClock) -> None:
        """Set the clock for the time limit of `flush`; without one, it has no limit."""
        self._flushes.clock = clock

    def __call__(self, event: Event) -> None:
        """Pass on an event, now or after the one before is done."""
        if self._events:
            self._events.append(event)
            return
        answer = self._sink(event)
        if answer is not None and isinstance(answer, Awaitable):
            self._events.append(event)
            self._working = Deferred.fromCoroutine(self._work(answer))
            if self._events and not self._paused:
                self._paused = True
                for producer in self._producers[:]:
                    producer.pauseProducing()

    async def _work(self, answer: object) -> None:
        try:
            while True:
                if isinstance(answer, Awaitable):
                    await answer
                if not self._events:
                    return  # It was closed, and the callable has ended its work.
                self._events.popleft()
                if not self._events:
                    break
                answer = self._sink(self._events[0])
        except (Exception, SystemExit) as error:
            if self._events or not isinstance(error, CancelledError):
                self._failed(self, Failure())
                self._drop()
        else:
            self._end()

    def _drop(self) -> None:
        """Drop the events that wait; whoever has flushed them is told how many."""
        self._flushes.end()
        self._events.clear()
        self._end()

    def _end(self) -> None:
        """End all flushes and resume the producers: no event waits."""
        self._flushes.end()
        if self._paused and not self._events:  # A caller of flush may give it more.
            self._paused = False
            for producer in self._producers[:]:
                if not self._paused:  # A resumed producer may bring the next event.
                    producer.resumeProducing()

    @property
    def waiting_bytes(self) -> int:
        """How many bytes the events have that wait."""
        return sum(map(_size, self._events))

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while an event waits.

        Raises:
            ValueError: it is not a push (streaming) producer.
        """
        if not streaming:
            raise ValueError("only a push producer can be paused by a sink")
        self._producers.append(cast("Producer", producer))
        if self._paused:
            self._producers[-1].pauseProducing()

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Stop pausing it."""
        self._producers = [
            each for each in self._producers if producer not in (None, each)
        ]

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until all events so far are taken; see `ISink`."""
        if not self._events:
            return succeed(0)
        return self._flushes.wait(0, seconds)

    def reopen(self) -> bool:
        """Do nothing: this is not a file."""
        return False

    def close(self) -> None:
        """Stop taking events."""
        self._sink = _ignore
        self._drop()
        if self._working is not None:
            self._working.cancel()


def _size(event: Event) -> int:
    """Return how many bytes an event has, at least 1."""
    return len(event.messages.raw()) if isinstance(event, Received) else 1


def _ignore(_event: Event) -> None:
    """Ignore an event after the end."""
