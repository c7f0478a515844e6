"""One producer for several consumers: it goes at the pace of the slowest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.interfaces import IConsumer

__all__ = ["share"]


def share(producer: IPushProducer, consumers: Iterable[IConsumer]) -> None:
    """Register a producer with consumers, each of which may pause it."""
    waiting: set[_Share] = set()
    for consumer in consumers:
        consumer.registerProducer(_Share(producer, waiting), True)


@implementer(IPushProducer)
class _Share:
    """The producer as one consumer sees it.

    Args:
        producer: the producer.
        waiting: the shares that are paused; the producer is, while there are any.
    """

    def __init__(self, producer: IPushProducer, waiting: set[_Share]) -> None:
        self._producer = producer
        self._waiting = waiting

    def pauseProducing(self) -> None:
        """Pause the producer, unless another consumer has."""
        if not self._waiting:
            self._producer.pauseProducing()
        self._waiting.add(self)

    def resumeProducing(self) -> None:
        """Resume the producer, unless another consumer still waits."""
        self._waiting.discard(self)
        if not self._waiting:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """Stop the producer."""
        self._producer.stopProducing()
