"""One end of a connection without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import error
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableDescriptor,
    IHalfCloseableProtocol,
    IPushProducer,
    ITCPTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from twisted.internet.address import IPv4Address

__all__ = ["MemoryTransport"]

BUFFER_BYTES = 1 << 16


@implementer(ITCPTransport, IHalfCloseableDescriptor, IConsumer, IPushProducer)
class MemoryTransport:
    """One end of a connection in memory.

    Written bytes wait until the test delivers them. All else is as with TCP in
    Twisted: producers are paused when many bytes wait, each side can be closed alone,
    a close comes after the bytes sent before it, an abort comes at once.

    Attributes:
        waiting: bytes written but not delivered.
        protocol: the protocol of this transport; None before there is a connection.
        disconnecting: whether `loseConnection` or `abortConnection` was called.
        disconnected: whether ``connectionLost`` was called.
        paused: whether this end does not read now.
        ended: whether the sending side is closed, and all bytes were delivered.
    """

    def __init__(self, host: IPv4Address, peer: IPv4Address) -> None:
        self.waiting = bytearray()
        self.protocol: Any = None
        self.disconnecting = False
        self.disconnected = False
        self._host = host
        self._peer = peer
        self._other = self
        self.paused = False
        self.ended = False
        self._aborted = False
        self._ending = False  # the sending side, once all is delivered
        self._heard_end = False
        self._producer: Any = None
        self._streaming = True
        self._producer_paused = False

    def join(self, other: MemoryTransport) -> None:
        """Make ``other`` the other end."""
        self._other, other._other = other, self

    def write(self, data: bytes) -> None:
        """Buffer bytes until they are delivered."""
        if not (self.disconnected or self._aborted or self._ending):
            self.waiting += data
            if len(self.waiting) > BUFFER_BYTES and not self._producer_paused:
                self._producer_paused = True
                if self._producer is not None and self._streaming:
                    self._producer.pauseProducing()

    def writeSequence(self, iovec: Any) -> None:
        """Buffer several pieces of bytes."""
        self.write(b"".join(iovec))

    def loseConnection(self, *_: object) -> None:
        """Close, once all is delivered, and no pull or paused producer has more."""
        self.disconnecting = True

    def loseWriteConnection(self) -> None:
        """Close the sending side, once all is delivered."""
        self._ending = True

    def abortConnection(self) -> None:
        """Close now; the other end sees a reset."""
        self.disconnecting = self._aborted = True
        self.waiting.clear()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause ``producer`` while many bytes wait.

        Raises:
            RuntimeError: there is one already.
        """
        if self._producer is not None:
            raise RuntimeError("there is a producer already")
        if self.disconnected:
            producer.stopProducing()
            return
        self._producer, self._streaming = producer, streaming
        self._producer_paused = not streaming

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._producer = None
        self._producer_paused = False

    def pauseProducing(self) -> None:
        """Stop delivery to this end."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Resume delivery to this end."""
        self.paused = False

    def stopProducing(self) -> None:
        """Close the connection."""
        self.loseConnection()

    def getHost(self) -> IPv4Address:
        """Return this end's address."""
        return self._host

    def getPeer(self) -> IPv4Address:
        """Return the other end's address."""
        return self._peer

    def getTcpNoDelay(self) -> bool:
        """Return True: nothing is delayed here."""
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do nothing."""

    def getTcpKeepAlive(self) -> bool:
        """Return False: there is no keepalive here."""
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Do nothing."""

    def writeConnectionLost(self, _reason: Failure) -> None:
        """Tell the protocol that its sending side is closed."""
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.writeConnectionLost()

    def readConnectionLost(self, _reason: Failure) -> None:
        """Tell the protocol that the other end sends no more."""
        if IHalfCloseableProtocol.providedBy(self.protocol) and not self.disconnecting:
            self.protocol.readConnectionLost()
        else:
            self.ended = True
            self.lose(error.ConnectionDone())

    def deliver(self, size: int | None = None) -> bytes:
        """Deliver waiting bytes to the other end, as one read.

        Args:
            size: how many bytes at most; None for all.

        Returns:
            The delivered bytes; none if none wait, or the other end does not read now.
        """
        other = self._other
        if other.paused or other.disconnected or other.disconnecting:
            return b""
        data = bytes(self.waiting[:size])
        if data:
            del self.waiting[:size]
            other.protocol.dataReceived(data)
        return data

    def step(self) -> bool:
        """Do the next due action except delivery; return whether there was one."""
        if self.disconnected:
            return False
        if self._aborted:
            self.waiting.clear()
            self.lose(error.ConnectionAborted())
            self._other.lose(error.ConnectionLost())
            return True
        return self._feed() or self._end() or self._read_end()

    def _feed(self) -> bool:
        """Ask the producer for more."""
        if self._producer is None or self.waiting or not self._producer_paused:
            return False
        self._producer_paused = not self._streaming
        self._producer.resumeProducing()
        return True

    def _end(self) -> bool:
        """Close what is to be closed, if all is delivered."""
        if self.waiting and not self._other.disconnected:
            return False
        if self.disconnecting:
            self.ended = True
            self.lose(error.ConnectionDone())
            return True
        if self._ending and not self.ended:
            self.ended = True
            self.writeConnectionLost(Failure(error.ConnectionDone()))
            return True
        return False

    def _read_end(self) -> bool:
        """Tell the protocol once that the other end sends no more, when it is due."""
        on_its_way = self._other.waiting or not self._other.ended
        if on_its_way or self._heard_end or self.paused:
            return False
        self._heard_end = True
        self.readConnectionLost(Failure(error.ConnectionDone()))
        return True

    def lose(self, why: Exception) -> None:
        """Tell the protocol once that its connection is gone."""
        if not self.disconnected:
            self.disconnected = True
            producer, self._producer = self._producer, None
            if producer is not None:
                producer.stopProducing()
            self.protocol.connectionLost(Failure(why))
