"""Learn when the kernel has taken all bytes of a transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["when_flushed"]


def when_flushed(transport: Any, call: Callable[[], object]) -> None:
    """Call a function once, when a transport has given all its bytes to the kernel.

    The transport must have no producer: this function registers a pull producer,
    which the transport asks for more when its buffer is empty.

    Args:
        transport: a TCP or UNIX connection.
        call: called without arguments; not if the connection is lost before.
    """
    producer = _Empty(transport, call)
    transport.registerProducer(producer, False)
    producer.waiting = True
    # The buffer may be empty now. Only a reactor's transport must be woken.
    getattr(transport, "startWriting", lambda: None)()


@implementer(IPullProducer)
class _Empty:
    """A producer without data; it only waits until it is asked for some."""

    def __init__(self, transport: Any, call: Callable[[], object]) -> None:
        self._transport = transport
        self._call = call
        self.waiting = False

    def resumeProducing(self) -> None:
        """Call the function: all is written. Ignore the call from the registration."""
        if self.waiting:
            self.waiting = False
            self._transport.unregisterProducer()
            self._call()

    def stopProducing(self) -> None:
        """Do nothing: the connection is lost."""
