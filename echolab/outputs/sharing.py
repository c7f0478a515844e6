"""Several producers of one consumer, and several outputs of one producer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.interfaces import IConsumer, IPushProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import IProducer

    from echolab.interfaces import Living, Producer


__all__ = ["Producers", "SharedConsumer", "share"]


class Producers:
    """Push producers that are paused and resumed together.

    Args:
        name: what they write to, for errors.

    Attributes:
        paused: whether they are paused now.
    """

    def __init__(self, name: object) -> None:
        self._name = name
        self._producers: list[Producer] = []
        self.paused = False

    def add(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Add a producer; pause it if the others are paused.

        Raises:
            ValueError: the producer is not a push (streaming) producer.
            RuntimeError: it is registered already.
        """
        if not streaming:
            raise ValueError("only a push producer can be paused by an output")
        if producer in self._producers:
            raise RuntimeError(f"{producer} is registered with {self._name} already")
        pushing = cast("Producer", producer)
        self._producers.append(pushing)
        if self.paused:
            pushing.pauseProducing()

    def remove(self, producer: Producer | IProducer | None = None) -> None:
        """Stop pausing a producer.

        Args:
            producer: the producer; optional if it is the only one.

        Raises:
            RuntimeError: there are several producers, and none is named.
        """
        if producer is None:
            if len(self._producers) > 1:
                raise RuntimeError(f"{self._name} has several producers: name one")
            self._producers.clear()
        else:
            self._producers = [each for each in self._producers if each != producer]

    def pause(self) -> None:
        """Pause all of them until `resume`."""
        if not self.paused:
            self.paused = True
            for producer in self._producers[:]:
                producer.pauseProducing()

    def resume(self) -> None:
        """Resume all of them; stop if one of them has all paused again."""
        if self.paused:
            self.paused = False
            for producer in self._producers[:]:
                if not self.paused:  # A resumed producer may fill the consumer.
                    producer.resumeProducing()

    def stop(self) -> None:
        """Stop all of them."""
        for producer in self._producers[:]:
            producer.stopProducing()


@implementer(IConsumer, IPushProducer)
class SharedConsumer:
    """Lets several producers write to one consumer, such as a transport.

    Twisted's consumers take one producer. This is that one: when the consumer pauses
    it, all that are registered here are paused. An `echolab.IOutput` takes several
    itself.

    Args:
        consumer: has no producer; this is registered with it until `release`.
    """

    def __init__(self, consumer: IConsumer) -> None:
        self._consumer = consumer
        self._producers = Producers(consumer)
        self._stopped = False
        consumer.registerProducer(cast("IProducer", self), True)

    def write(self, data: bytes) -> None:
        """Write bytes to the consumer."""
        self._consumer.write(data)

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while the consumer is slow; several can be registered.

        It is stopped at once if the consumer takes no more.

        Raises:
            ValueError: the producer is not a push (streaming) producer.
            RuntimeError: it is registered already.
        """
        self._producers.add(producer, streaming)
        if self._stopped:
            producer.stopProducing()

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Stop pausing a producer.

        Args:
            producer: the producer; optional if it is the only one.

        Raises:
            RuntimeError: there are several producers, and none is named.
        """
        self._producers.remove(producer)

    def release(self) -> None:
        """Give the consumer back: TLS closes a connection only without a producer."""
        self._consumer.unregisterProducer()
        self._producers.resume()

    def pauseProducing(self) -> None:
        """The consumer is slow: pause the producers."""
        self._producers.pause()

    def resumeProducing(self) -> None:
        """The consumer has caught up: resume the producers."""
        self._producers.resume()

    def stopProducing(self) -> None:
        """The consumer takes no more: stop the producers."""
        self._stopped = True
        self._producers.stop()


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
