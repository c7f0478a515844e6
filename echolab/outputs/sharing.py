"""One producer for several outputs; the slowest sets the pace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from echolab.interfaces import Living, Producer


__all__ = ["share"]


def share(producer: Producer, outputs: Iterable[Living]) -> Callable[[], None]:
    """Register a producer with several outputs or sinks; each may pause it.

    Returns:
        A function that unregisters it; it resumes the producer if it is paused.
    """
    waiting: set[_Share] = set()
    shares = [(output, _Share(producer, waiting)) for output in outputs]
    for output, each in shares:
        output.registerProducer(each, True)

    def end() -> None:
        for output, each in shares:
            output.unregisterProducer(each)
        for each in tuple(waiting):
            each.resumeProducing()

    return end


@implementer(IPushProducer)
class _Share:
    """The producer as one output sees it.

    Args:
        producer: the producer.
        waiting: the paused shares; while there are any, the producer is paused.
    """

    def __init__(self, producer: Producer, waiting: set[_Share]) -> None:
        self._producer = producer
        self._waiting = waiting

    def pauseProducing(self) -> None:
        """Pause the producer, unless another output has paused it."""
        if not self._waiting:
            self._producer.pauseProducing()
        self._waiting.add(self)

    def resumeProducing(self) -> None:
        """Resume the producer, unless another output still waits."""
        self._waiting.discard(self)
        if not self._waiting:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """Stop the producer."""
        self._producer.stopProducing()
