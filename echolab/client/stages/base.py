"""A stage of a client's input, and how stages are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from echolab.errors import EcholabError
    from echolab.interfaces import Producer

__all__ = ["Stage", "Taker", "join"]


class Taker(Protocol):
    """What takes input: a stage, or at the end `SenderService`."""

    def received(self, chunk: bytes) -> None:
        """Take a chunk."""

    def input_failed(self, why: EcholabError) -> None:
        """Take an input that could not be read; its end, `ended`, follows."""

    def ended(self) -> None:
        """Take the end; nothing comes after it."""


@implementer(IPushProducer)
class Stage:
    """A step of the input on its way to the connection.

    Chunks and the end come from the source above and go to the taker below.
    Pausing comes from below and goes up. A stage overrides what it changes; this
    one passes everything on.
    """

    _source: Producer
    _taker: Taker

    def join(self, source: Producer, taker: Taker) -> None:
        """Take the place between ``source`` and ``taker``."""
        self._source = source
        self._taker = taker

    def received(self, chunk: bytes) -> None:
        """Take a chunk."""
        self._taker.received(chunk)

    def input_failed(self, why: EcholabError) -> None:
        """Take an input that could not be read; its end follows."""
        self._taker.input_failed(why)

    def ended(self) -> None:
        """Take the end."""
        self._taker.ended()

    def pauseProducing(self) -> None:
        """Pass nothing on until `resumeProducing`."""
        self._source.pauseProducing()

    def resumeProducing(self) -> None:
        """Pass on, from now on or again."""
        self._source.resumeProducing()

    def stopProducing(self) -> None:
        """Pass nothing on any more, not even the end."""
        self._source.stopProducing()


def join(
    make_source: Callable[[Taker], Producer], stages: Sequence[Stage], taker: Taker
) -> Producer:
    """Join a source, stages and what takes the input.

    Args:
        make_source: makes the source, given what takes its input. The source
            produces nothing until it is resumed.
        stages: in the order in which the input passes them.
        taker: takes what comes out.

    Returns:
        The reader of the input: what ``taker`` pauses and resumes.
    """
    takers: list[Taker] = [*stages, taker]
    reader = make_source(takers[0])
    for stage, below in zip(stages, takers[1:], strict=True):
        stage.join(reader, below)
        reader = stage
    return reader
