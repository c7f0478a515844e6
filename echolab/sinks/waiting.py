"""A callable as a sink, which may take its time."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar, cast

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from echolab.events import Received
from echolab.interfaces import ISink

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IProducer

    from echolab.events import Event, Sink
    from echolab.interfaces import AnyClock, Producer

__all__ = ["WaitingSink"]

T = TypeVar("T")


@implementer(ISink)
class WaitingSink:
    """Hands events to a callable, each when the one before is done.

    While that takes time, the producers are paused; what was read already waits.

    Args:
        sink: takes an event; may return a Deferred or a coroutine.
        failed: called with this, and why, if one of these fails.

    Attributes:
        name: what users know it by.
    """

    def __init__(self, sink: Sink, failed: Callable[[object, Failure], None]) -> None:
        self.name = getattr(sink, "__qualname__", None) or repr(sink)
        self._clock: AnyClock | None = None
        self._sink = sink
        self._failed = failed
        self._events: deque[Event] = deque()  # The first is being taken.
        self._working: Deferred[None] | None = None
        self._producers: list[Producer] = []
        self._paused = False
        self._flushes: list[Deferred[int]] = []

    def measure(self, clock: AnyClock) -> None:
        """Let a flush take so long as this clock says; without one it has no bound."""
        self._clock = clock

    def __call__(self, event: Event) -> None:
        """Hand on an event, now or when the one before is done."""
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
                self._events.popleft()
                if not self._events:
                    break
                answer = self._sink(self._events[0])
        except CancelledError:
            return
        except Exception:
            self._failed(self, Failure())
        self._end()

    def _end(self) -> None:
        """Let all go on: nothing waits."""
        self._events.clear()
        for flush in self._flushes[:]:
            self._end_flush(flush)
        if self._paused:
            self._paused = False
            for producer in self._producers[:]:
                producer.resumeProducing()

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while an event waits.

        Raises:
            ValueError: it is no push (streaming) producer.
        """
        if not streaming:
            raise ValueError("only a push producer can be paused by a sink")
        self._producers.append(cast("Producer", producer))
        if self._paused:
            self._producers[-1].pauseProducing()

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Pause it no more."""
        self._producers = [
            each for each in self._producers if producer not in (None, each)
        ]

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until the events so far are taken; see `ISink`."""
        if not self._events:
            return succeed(0)
        flush: Deferred[int] = Deferred()
        self._flushes.append(flush)
        if seconds is not None and self._clock is not None:
            give_up = self._clock.callLater(seconds, self._end_flush, flush)
            flush.addBoth(_cancelling(give_up))
        return flush

    def _end_flush(self, flush: Deferred[int]) -> None:
        self._flushes.remove(flush)
        flush.callback(sum(map(_size, self._events)))

    def reopen(self) -> bool:
        """Do nothing: this is no file."""
        return False

    def close(self) -> None:
        """Take nothing more."""
        self._sink = _ignore
        if self._working is not None:
            self._working.cancel()
        self._end()


def _size(event: Event) -> int:
    """How many bytes an event is of, at least one."""
    return len(event.messages.raw()) if isinstance(event, Received) else 1


def _ignore(_event: Event) -> None:
    """Take an event after the end."""


def _cancelling(timer: IDelayedCall) -> Callable[[T], T]:
    def done(result: T) -> T:
        if timer.active():
            timer.cancel()
        return result

    return done
