"""Two protocols joined without a socket, on a clock that the test turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableDescriptor,
    IHalfCloseableProtocol,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    ITCPTransport,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from typing_extensions import Unpack
from zope.interface import implementer

from echolab.assembly import receiver_factory
from echolab.client import SenderFactory
from echolab.framing import LineFramer
from echolab.server_options import ServerOptions
from echolab.testing.place import ServerKeywords, words_of
from echolab.testing.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.protocol import Factory

__all__ = ["Conversation", "Maker", "MemoryTransport", "connected"]

Maker: TypeAlias = "IProtocolFactory | Factory[Any] | Callable[[], Any]"
"""What makes protocols: a factory; or a class or function without arguments, that
makes a protocol, or a factory, each time a fresh one."""

BUFFER_BYTES = 1 << 16
MOST_STEPS = 100_000

SERVER = IPv4Address("TCP", "127.0.0.1", 8888)
CLIENT = IPv4Address("TCP", "127.0.0.1", 60612)


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
        if not (self.disconnected or self._ending):
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
        if not self._other.ended or self._heard_end or self.paused:
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


class Conversation:
    """A connection in memory; made by `connected`.

    Attributes:
        server: the protocol of the side that was connected to.
        client: the protocol of the side that connected.
        clock: the time, which stands still unless the test advances it.
        transcript: what echolab's side received, if one side is echolab's own.
        from_server: the server's end; ``deliver`` has the client read from it.
        from_client: the client's end, likewise.
    """

    def __init__(
        self,
        server: Any,
        client: Any,
        *,
        clock: Clock,
        transcript: Transcript,
        from_server: MemoryTransport,
        from_client: MemoryTransport,
    ) -> None:
        self.server = server
        self.client = client
        self.clock = clock
        self.transcript = transcript
        self.from_server = from_server
        self.from_client = from_client

    def flush(self, size: int | None = None) -> None:
        """Deliver all that waits, in both directions, until nothing more comes.

        Args:
            size: how many bytes each read returns at most; None for all.

        Raises:
            RuntimeError: there is no end of it.
        """
        ends = (self.from_client, self.from_server)
        for _ in range(MOST_STEPS if size is None else 10 * MOST_STEPS):
            self.clock.advance(0)
            delivered = [end.deliver(size) for end in ends]
            stepped = [end.step() for end in ends]
            if not any(delivered) and not any(stepped):
                return
        raise RuntimeError("the two never stop talking")

    def advance(self, seconds: float, size: int | None = None) -> None:
        """Let time pass, and deliver all that waits then."""
        self.clock.advance(seconds)
        self.flush(size)


def connected(
    server_factory: Maker | None = None,
    client_factory: Maker | None = None,
    *,
    clock: Clock | None = None,
    **keywords: Unpack[ServerKeywords],
) -> Conversation:
    """Join two protocols without a socket.

    Args:
        server_factory: makes the server's protocol; None for echolab's receiver.
        client_factory: makes the client's; None for echolab's sender.
        clock: tells both sides the time; a new ``Clock`` if none is given.
        keywords: how echolab's receiver is to be; see `ServerKeywords`.

    Returns:
        The conversation, both protocols connected and nothing delivered.

    Raises:
        ConnectionError: a factory has made no protocol.
        TypeError: what should make protocols does not.
    """
    clock = clock or Clock()
    transcript = Transcript(clock=clock)
    if server_factory is None:
        options = ServerOptions()
        options.parseOptions(words_of(keywords))
        server_factory = receiver_factory(options.settings, transcript, clock=clock)
        client_sink = Transcript(clock=clock)
    else:
        client_sink = transcript
    if client_factory is None:
        client_factory = SenderFactory(
            client_sink,
            clock=clock,
            half_open_seconds=0.0,
            make_framer=LineFramer,
            report_chunks=True,
        )
    from_server = MemoryTransport(SERVER, CLIENT)
    from_client = MemoryTransport(CLIENT, SERVER)
    from_server.join(from_client)
    server = _build(server_factory, CLIENT)
    client = _build(client_factory, SERVER)
    for protocol, transport in ((server, from_server), (client, from_client)):
        transport.protocol = protocol
    for protocol, transport in ((server, from_server), (client, from_client)):
        protocol.makeConnection(transport)
    return Conversation(
        server,
        client,
        clock=clock,
        transcript=transcript,
        from_server=from_server,
        from_client=from_client,
    )


def _build(maker: Maker, address: IPv4Address) -> Any:
    made: Any = maker
    if not IProtocolFactory.providedBy(made):
        if IProtocol.providedBy(made):
            raise TypeError(
                f"{made!r} is a protocol: give what makes one, as its class"
            )
        made = made()
    if IProtocolFactory.providedBy(made):
        made = made.buildProtocol(address)
        if made is None:
            raise ConnectionError("the factory has made no protocol: it refuses")
    if not IProtocol.providedBy(made):
        raise TypeError(f"{maker!r} has made no protocol, but {made!r}")
    return made
