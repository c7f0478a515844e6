"""One end of a connection that has no socket."""

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

    What is written waits until the test has it delivered. All else is as with
    TCP in Twisted: producers are paused when much waits, either side can be ended
    alone, an end comes behind what was sent before it, an abort before all.

    Attributes:
        waiting: what was written and not delivered.
        protocol: whose transport it is; None before there is a connection.
        disconnecting: whether `loseConnection` or `abortConnection` was called.
        disconnected: whether ``connectionLost`` was.
        paused: whether nothing is read at this end now.
        ended: whether the sending side is, and all was delivered.
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
        """Have bytes wait for delivery."""
        if not (self.disconnected or self._aborted or self._ending):
            self.waiting += data
            if len(self.waiting) > BUFFER_BYTES and not self._producer_paused:
                self._producer_paused = True
                if self._producer is not None and self._streaming:
                    self._producer.pauseProducing()

    def writeSequence(self, iovec: Any) -> None:
        """The same for many."""
        self.write(b"".join(iovec))

    def loseConnection(self, *_: object) -> None:
        """End, once all is delivered and no producer has more."""
        self.disconnecting = True

    def loseWriteConnection(self) -> None:
        """End the sending side, once all is delivered."""
        self._ending = True

    def abortConnection(self) -> None:
        """End now; the other end sees a reset."""
        self.disconnecting = self._aborted = True
        self.waiting.clear()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause ``producer`` while much waits.

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
        """Deliver nothing to this end."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Deliver again."""
        self.paused = False

    def stopProducing(self) -> None:
        """End."""
        self.loseConnection()

    def getHost(self) -> IPv4Address:
        """This end's address."""
        return self._host

    def getPeer(self) -> IPv4Address:
        """The other end's address."""
        return self._peer

    def getTcpNoDelay(self) -> bool:
        """Nothing is ever delayed here."""
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do nothing."""

    def getTcpKeepAlive(self) -> bool:
        """There is none."""
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Do nothing."""

    def writeConnectionLost(self, _reason: Failure) -> None:
        """Tell the protocol that its sending side has ended."""
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
        """Deliver bytes that wait to the other end, as one read returns them.

        Args:
            size: how many at most; None for all.

        Returns:
            What was delivered; nothing if nothing waits, or the other end does
            not read now.
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
        """Do what is due besides delivery; return whether there was anything."""
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
        """End what is to be ended, now that all is delivered."""
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
        """Take note that the other end sends no more."""
        on_its_way = self._other.waiting or not self._other.ended
        if on_its_way or self._heard_end or self.paused:
            return False
        self._heard_end = True
        self.readConnectionLost(Failure(error.ConnectionDone()))
        return True

    def lose(self, why: Exception) -> None:
        """Tell the protocol that its connection is gone, if it does not know."""
        if not self.disconnected:
            self.disconnected = True
            producer, self._producer = self._producer, None
            if producer is not None:
                producer.stopProducing()
            self.protocol.connectionLost(Failure(why))
