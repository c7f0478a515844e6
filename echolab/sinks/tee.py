"""Several sinks as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

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
    """One sink that hands each event to all of several, in their order.

    A sink that raises is reported, and gets no more events; the others do. One that
    returns a Deferred or a coroutine gets the next event when that has fired, and
    pauses the producers meanwhile.

    Args:
        sinks: what takes the events; a callable is enough.

    Attributes:
        taken: how many events there were.
        flushed: so many of the first events are known to be out; `flush` says when
            that is more.
    """

    def __init__(self, *sinks: Sink) -> None:
        self.taken = 0
        self.flushed = 0
        self._sinks: list[LiveSink] = [
            cast("LiveSink", sink)
            if ISink.providedBy(sink)
            else WaitingSink(sink, self._failed)
            for sink in sinks
        ]
        self._stops: dict[object, Callable[[], None]] = {}

    def measure(self, clock: AnyClock) -> None:
        """Let a flush of callables take so long as this clock says."""
        for sink in self._sinks:
            if isinstance(sink, WaitingSink | Tee):
                sink.measure(clock)

    def __call__(self, event: Event) -> None:
        """Hand on one event."""
        self.taken += 1
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:
                self._failed(sink, Failure())

    def _failed(self, sink: object, why: Failure) -> None:
        self._sinks = [each for each in self._sinks if each is not sink]
        name = getattr(sink, "name", None) or repr(sink)
        text = "a sink failed and gets no more events: {name}: {reason}"
        _log.failure(text, why, name=name, reason=reason_of(why.value))

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while any of the sinks waits.

        Raises:
            ValueError: it is no push (streaming) producer.
            RuntimeError: it is registered already.
        """
        if not streaming:
            raise ValueError("only a push producer can be paused by a sink")
        if producer in self._stops:
            raise RuntimeError(f"{producer} is registered already")
        self._stops[producer] = share(cast("Producer", producer), self._sinks)

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Pause it no more; it goes on if it was paused."""
        for each in [producer] if producer is not None else [*self._stops]:
            if stop := self._stops.pop(each, None):
                stop()

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until all events so far are out, ``seconds`` at most (None: for ever).

        Returns:
            A Deferred that fires with how many bytes of output are not.
        """
        taken = self.taken
        flushing = [sink.flush(seconds) for sink in self._sinks]

        def flushed(left: list[int]) -> int:
            if not any(left):
                self.flushed = max(self.flushed, taken)
            return sum(left)

        return gatherResults(flushing).addCallback(flushed)

    def reopen(self) -> bool:
        """Go on in the files that now have the paths; return whether any is a file."""
        reopened = [sink.reopen() for sink in self._sinks]
        return any(reopened)

    def close(self) -> None:
        """Take nothing more."""
        for sink in self._sinks:
            sink.close()


def tee(*sinks: Sink) -> Tee:
    """One sink that hands each event to all of ``sinks``, in their order."""
    return Tee(*sinks)
