"""A stage of a client's input, and a function that joins stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from echolab.errors import EcholabError
    from echolab.interfaces import Producer, Taker

__all__ = ["Stage", "join"]


@implementer(IPushProducer)
class Stage:
    """A step between the input and the connection.

    Chunks and the end come from the source above and go to the taker below. Pausing
    comes from below and goes up. This class passes everything on; a stage overrides
    what it changes.
    """

    _source: Producer
    _taker: Taker

    def join(self, source: Producer, taker: Taker) -> None:
        """Put the stage between ``source`` and ``taker``."""
        self._source = source
        self._taker = taker

    def received(self, chunk: bytes) -> None:
        """Take a chunk."""
        self._taker.received(chunk)

    def input_failed(self, why: EcholabError) -> None:
        """Take an error of reading the input; the end follows."""
        self._taker.input_failed(why)

    def ended(self) -> None:
        """Take the end."""
        self._taker.ended()

    def pauseProducing(self) -> None:
        """Stop passing on until `resumeProducing`."""
        self._source.pauseProducing()

    def resumeProducing(self) -> None:
        """Pass on now, or again."""
        self._source.resumeProducing()

    def stopProducing(self) -> None:
        """Never pass on again, not even the end."""
        self._source.stopProducing()


def join(
    make_source: Callable[[Taker], Producer], stages: Sequence[Stage], taker: Taker
) -> Producer:
    """Join a source, stages and a taker.

    Args:
        make_source: makes the source, given the taker of its input. The source
            produces nothing until it is resumed.
        stages: in the order in which the input passes them.
        taker: takes the result.

    Returns:
        The producer that ``taker`` pauses and resumes.
    """
    takers: list[Taker] = [*stages, taker]
    reader = make_source(takers[0])
    for stage, below in zip(stages, takers[1:], strict=True):
        stage.join(reader, below)
        reader = stage
    return reader
