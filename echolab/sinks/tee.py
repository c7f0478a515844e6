"""Several sinks as one sink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from echolab.errors import reason_of
from echolab.interfaces import ISink
from echolab.outputs.sharing import share
from echolab.sinks.waiting import WaitingSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IProducer

    from echolab.events import Event, Sink
    from echolab.interfaces import AnyClock, LiveSink, Producer

__all__ = ["Tee", "tee"]

T = TypeVar("T")

_log = Logger()


@implementer(ISink)
class Tee:
    """One sink that gives each event to several sinks, in their order.

    A sink that raises is reported and gets no more events; the others do. What it has
    taken is still flushed, and it is closed with the others. It is the same if it
    cannot be flushed, reopened or closed. A sink that returns a Deferred or a coroutine
    gets the next event when that has fired; until then, the producers are paused.

    Args:
        sinks: take the events; a callable is enough.

    Attributes:
        lost: called with a sink that has failed, and the reason.
        taken: how many events there were.
        flushed: how many events, from the first, are known to be written; `flush`
            updates it, until a sink fails.
    """

    def __init__(self, *sinks: Sink) -> None:
        self.taken = 0
        self.flushed = 0
        self._has_failed = False
        self._all: list[LiveSink] = [
            cast("LiveSink", sink)
            if ISink.providedBy(sink)
            else WaitingSink(sink, self._failed)
            for sink in sinks
        ]
        self._flushable = self._all  # all but those whose flush has failed
        self._sinks = self._all  # all but those that have failed
        self._stops: dict[object, Callable[[], None]] = {}
        self.lost: Callable[[Any, str], None] = _ignore

    def measure(self, clock: AnyClock) -> None:
        """Set the clock that measures the time limit when callables are flushed."""
        for sink in self._all:
            if isinstance(sink, WaitingSink | Tee):
                sink.measure(clock)

    def __call__(self, event: Event, skipped: Sink | None = None) -> None:
        """Give one event to all sinks but ``skipped``."""
        self.taken += 1
        for sink in self._sinks:
            if sink is skipped:
                continue
            try:
                sink(event)
            except (Exception, SystemExit):
                self._failed(sink, Failure())

    def _failed(self, sink: object, why: Failure) -> None:
        is_first = any(each is sink for each in self._sinks)
        self._sinks = [each for each in self._sinks if each is not sink]
        self._has_failed = True
        name = getattr(sink, "name", None) or repr(sink)
        text = "a sink failed and gets no more events: {name}: {reason}"
        reason = reason_of(why.value)
        _log.failure(text, why, name=name, reason=reason)
        if is_first:
            self.lost(sink.sink if isinstance(sink, WaitingSink) else sink, reason)

    def _try(self, sink: LiveSink, do: Callable[[], T], otherwise: T) -> T:
        try:
            return do()
        except (Exception, SystemExit):
            self._failed(sink, Failure())
            return otherwise

    @property
    def has_lost(self) -> bool:
        """Whether a sink has failed, also one of another `Tee` that is a sink here."""
        inner = [each for each in self._sinks if isinstance(each, Tee)]
        return self._has_failed or any(each.has_lost for each in inner)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait in those sinks that tell."""
        return sum(map(_waiting_bytes, self._flushable))

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while any of the sinks waits.

        Raises:
            ValueError: it is not a push (streaming) producer.
            RuntimeError: it is registered already.
        """
        if not streaming:
            raise ValueError("only a push producer can be paused by a sink")
        if producer in self._stops:
            raise RuntimeError(f"{producer} is registered already")
        self._stops[producer] = share(cast("Producer", producer), self._sinks)

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Stop pausing it; it is resumed if it was paused."""
        for each in [producer] if producer is not None else [*self._stops]:
            if stop := self._stops.pop(each, None):
                stop()

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until all events so far are written.

        Args:
            seconds: wait no longer than this; None for no limit.

        Returns:
            A Deferred that fires with the number of bytes that are not written; a
            sink that cannot be flushed has at least one.
        """
        taken = self.taken
        flushing = [self._flush(sink, seconds) for sink in self._flushable]

        def flushed(left: list[int]) -> int:
            if not any(left) and not self.has_lost:
                self.flushed = max(self.flushed, taken)
            return sum(left)

        # Whoever cancels this waits no longer; the sinks are flushed nevertheless.
        done: Deferred[int] = Deferred()
        gatherResults(flushing).addCallback(flushed).chainDeferred(done)
        return done

    def _flush(self, sink: LiveSink, seconds: float | None) -> Deferred[int]:
        def failed(why: Failure) -> int:
            self._flushable = [each for each in self._flushable if each is not sink]
            self._failed(sink, why)
            return max(1, _waiting_bytes(sink))

        return maybeDeferred(sink.flush, seconds).addErrback(failed)

    def reopen(self) -> bool:
        """Open the paths again; return whether any sink has a file."""
        # One that fails has a file, or it would do nothing.
        reopened = [self._try(sink, sink.reopen, True) for sink in self._sinks]
        return any(reopened)

    def close(self) -> None:
        """Stop taking events."""
        for sink in self._all:
            self._try(sink, sink.close, None)


def _waiting_bytes(sink: LiveSink) -> int:
    return getattr(sink, "waiting_bytes", 0)


def _ignore(_sink: object, _reason: str) -> None:
    """Do nothing more: it is logged."""


def tee(*sinks: Sink) -> Tee:
    """Return one sink that gives each event to all of ``sinks``, in their order."""
    return Tee(*sinks)
