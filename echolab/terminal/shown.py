"""An output that is shown above the line that is being typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from zope.interface import implementer

from echolab.interfaces import IOutput

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IProducer

    from echolab.interfaces import Output, Producer

__all__ = ["ShownOutput"]


class Shows(Protocol):
    """What shows printed bytes."""

    def write(self, data: bytes) -> None:
        """Show them, soon."""

    def show(self) -> None:
        """Show now what waits."""


@implementer(IOutput)
class ShownOutput:
    """An output that is shown above the line that is being typed.

    Args:
        display: shows the bytes, in the end by writing to ``output``.
        output: the output of the terminal, which may pause the producers.
    """

    def __init__(self, display: Shows, output: Output) -> None:
        self.name = getattr(output, "name", "terminal")
        self._display = display
        self._output = output

    def write(self, data: bytes) -> None:
        """Show bytes above the line."""
        self._display.write(data)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait in the output; 0 if it does not tell."""
        return getattr(self._output, "waiting_bytes", 0)

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while the output is full."""
        self._output.registerProducer(producer, streaming)

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Stop pausing it."""
        self._output.unregisterProducer(producer)

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Show what waits, and wait until it is written; see `IOutput`."""
        self._display.show()
        return self._output.flush(seconds)

    def reopen(self) -> bool:
        """Return False: this is no file."""
        return False

    def close(self) -> None:
        """Close the output."""
        self._output.close()
