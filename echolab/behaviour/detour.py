"""A connection whose bytes take a detour on their way out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import override
from zope.interface import directlyProvides, providedBy

from echolab.behaviour.outgoing import Outgoing
from echolab.connection.core import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from echolab.connection.terms import Terms
    from echolab.framing import Framer
    from echolab.interfaces import IStreamTransport, Producer

__all__ = ["DetouredConnection"]


class DetouredConnection(Connection):
    """A connection whose bytes pass `Outgoing` before they are sent and reported.

    Its transport sends, and ends what it sends, by the same way.

    Args:
        terms: what it shares with the other connections of its factory.
        framer: turns bytes into messages.
        transport: its transport.

    Attributes:
        outgoing: the bytes on their way.
    """

    __slots__ = ("outgoing",)

    def __init__(
        self, terms: Terms, framer: Framer, transport: IStreamTransport
    ) -> None:
        super().__init__(terms, framer, transport)
        self.outgoing = Outgoing(super().write, self.wire, terms.clock)
        detour: Any = _Detour(self.wire, self.outgoing)
        self.transport = detour

    @override
    def write(self, data: bytes, answers: int | None = None) -> None:
        self.outgoing.write(data, answers)

    @override
    def when_sent(self, act: Callable[[], object]) -> None:
        self.outgoing.when_sent(act)

    @property
    @override
    def is_sending(self) -> bool:
        return bool(self.outgoing.waiting_bytes)

    @property
    @override
    def lost_bytes(self) -> int:
        return self.outgoing.lost_bytes


class _Detour:
    """A transport that sends by way of `Outgoing`."""

    def __init__(self, transport: IStreamTransport, outgoing: Outgoing) -> None:
        self._transport = transport
        self._outgoing = outgoing
        directlyProvides(self, providedBy(transport))

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._outgoing.write(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send several pieces of bytes."""
        self._outgoing.write(b"".join(iovec))

    def loseConnection(self, *why: object) -> None:
        """Close when all is sent."""
        self._outgoing.when_sent(partial(self._transport.loseConnection, *why))

    def loseWriteConnection(self) -> None:
        """Close the sending side when all is sent."""
        transport: Any = self._transport
        self._outgoing.when_sent(transport.loseWriteConnection)

    def closeStdin(self) -> None:
        """Close the input of a process when all is sent."""
        transport: Any = self._transport
        self._outgoing.when_sent(transport.closeStdin)

    def abortConnection(self) -> None:
        """Close now."""
        self._outgoing.stop()
        self._transport.abortConnection()

    def registerProducer(self, producer: Producer, streaming: bool) -> None:
        """Pause a producer while much waits to be sent.

        Raises:
            ValueError: it is not a push (streaming) producer.
        """
        if not streaming:
            raise ValueError("only a push producer can be paused by a detour")
        self._outgoing.register(producer)

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._outgoing.unregister()
