"""Several sinks as one sink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred, gatherResults
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

_log = Logger()


@implementer(ISink)
class Tee:
    """One sink that gives each event to several sinks, in their order.

    A sink that raises is reported and gets no more events; the others do. A sink that
    returns a Deferred or a coroutine gets the next event when that has fired; until
    then, the producers are paused.

    Args:
        sinks: take the events; a callable is enough.

    Attributes:
        lost: called with a sink that has failed, and the reason.
        taken: how many events there were.
        flushed: how many events, from the first, are known to be written; `flush`
            updates it.
    """

    def __init__(self, *sinks: Sink) -> None:
        self.taken = 0
        self.flushed = 0
        self._has_failed = False
        self._sinks: list[LiveSink] = [
            cast("LiveSink", sink)
            if ISink.providedBy(sink)
            else WaitingSink(sink, self._failed)
            for sink in sinks
        ]
        self._stops: dict[object, Callable[[], None]] = {}
        self.lost: Callable[[Any, str], None] = _ignore

    def measure(self, clock: AnyClock) -> None:
        """Set the clock that measures the time limit when callables are flushed."""
        for sink in self._sinks:
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
        self._sinks = [each for each in self._sinks if each is not sink]
        self._has_failed = True
        name = getattr(sink, "name", None) or repr(sink)
        text = "a sink failed and gets no more events: {name}: {reason}"
        reason = reason_of(why.value)
        _log.failure(text, why, name=name, reason=reason)
        self.lost(sink.sink if isinstance(sink, WaitingSink) else sink, reason)

    @property
    def has_lost(self) -> bool:
        """Whether a sink has failed, also one of another `Tee` that is a sink here."""
        inner = [each for each in self._sinks if isinstance(each, Tee)]
        return self._has_failed or any(each.has_lost for each in inner)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait in those sinks that tell."""
        return sum(getattr(sink, "waiting_bytes", 0) for sink in self._sinks)

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
            A Deferred that fires with the number of bytes that are not written.
        """
        taken = self.taken
        flushing = [sink.flush(seconds) for sink in self._sinks]

        def flushed(left: list[int]) -> int:
            if not any(left):
                self.flushed = max(self.flushed, taken)
            return sum(left)

        return gatherResults(flushing).addCallback(flushed)

    def reopen(self) -> bool:
        """Open the paths again; return whether any sink has a file."""
        reopened = [sink.reopen() for sink in self._sinks]
        return any(reopened)

    def close(self) -> None:
        """Stop taking events."""
        for sink in self._sinks:
            sink.close()


def _ignore(_sink: object, _reason: str) -> None:
    """Do nothing more: it is logged."""


def tee(*sinks: Sink) -> Tee:
    """Return one sink that gives each event to all of ``sinks``, in their order."""
    return Tee(*sinks)
