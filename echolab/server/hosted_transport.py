"""The transport of a protocol that answers inside of echolab's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from zope.interface import directlyProvides, providedBy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.connection.core import Connection

__all__ = ["HostedTransport"]


class Host(Protocol):
    """What the transport needs of the protocol around it."""

    def write(self, data: bytes) -> None:
        """Send bytes, when those before them are sent."""

    def lose(self) -> None:
        """Close the connection when all is sent."""

    def lose_write(self) -> None:
        """End the sending side when all is sent."""

    def abort(self) -> None:
        """Abort the connection now."""

    def register(self, producer: Any, streaming: bool) -> None:
        """Pause a producer while the peer does not read."""

    def unregister(self) -> None:
        """Forget the producer."""


class HostedTransport:
    """The transport that a hosted protocol is given.

    Everything else is the connection's own transport.

    Args:
        host: the protocol around it.
        connection: its connection.
    """

    def __init__(self, host: Host, connection: Connection) -> None:
        self._host = host
        self._connection = connection
        self.disconnecting = False
        directlyProvides(self, providedBy(connection.transport))

    def __getattr__(self, name: str) -> Any:
        """Return what the connection's own transport has."""
        return getattr(self._connection.transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data is bytes, not {type(data).__name__}")
        if data and not self.disconnecting:
            self._host.write(bytes(data))

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send several pieces."""
        self.write(b"".join(iovec))

    def loseConnection(self, *_: object) -> None:
        """Close the connection when all is sent."""
        self.disconnecting = True
        self._host.lose()

    def loseWriteConnection(self) -> None:
        """End the sending side when all is sent."""
        self._host.lose_write()

    def abortConnection(self) -> None:
        """Close the connection at once."""
        self.disconnecting = True
        self._host.abort()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause a producer while the peer does not read."""
        self._host.register(producer, streaming)

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._host.unregister()

    def pauseProducing(self) -> None:
        """Read nothing."""
        self._connection.hold(self)

    def resumeProducing(self) -> None:
        """Read again."""
        self._connection.release(self)

    def stopProducing(self) -> None:
        """Close the connection."""
        self.loseConnection()
