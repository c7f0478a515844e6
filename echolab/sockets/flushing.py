"""When all that was written to a transport is with the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["when_flushed"]


def when_flushed(transport: Any, call: Callable[[], object]) -> None:
    """Call once when a transport has given the kernel all that it was given.

    It must have no producer: a transport asks a pull producer for more when it has
    nothing left.

    Args:
        transport: a TCP or UNIX connection.
        call: called with nothing; never, if the connection is lost before.
    """
    producer = _Empty(transport, call)
    transport.registerProducer(producer, False)
    producer.waiting = True
    # It may have nothing left now. Only a reactor's needs to be woken.
    getattr(transport, "startWriting", lambda: None)()


@implementer(IPullProducer)
class _Empty:
    """A producer that has nothing, and is glad to be asked."""

    def __init__(self, transport: Any, call: Callable[[], object]) -> None:
        self._transport = transport
        self._call = call
        self.waiting = False

    def resumeProducing(self) -> None:
        """Everything is written; the first time, it is only being registered."""
        if self.waiting:
            self.waiting = False
            self._transport.unregisterProducer()
            self._call()

    def stopProducing(self) -> None:
        """The connection is lost."""
