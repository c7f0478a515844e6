"""A protocol of somebody else's that answers, with echolab around it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IProtocolFactory,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from typing_extensions import override

from echolab.ends import EndCause
from echolab.server.factory import ReceiverFactory
from echolab.server.hosted_transport import HostedTransport
from echolab.server.maker import Maker, build
from echolab.server.reply import of_chunks
from echolab.server.replying import ReplyingProtocol
from echolab.server.steps import Delay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from echolab.addresses import Peer
    from echolab.framing import Framer
    from echolab.server.steps import Piece

__all__ = ["HostingFactory", "HostingProtocol"]

CLOSES = "the protocol closes"

PULL_SECONDS = 0.05
"""A pull producer that has nothing is asked again after so long."""


class HostingFactory(ReceiverFactory):
    """A factory that starts and stops the factory of somebody else's with it.

    Args:
        maker: that factory, or what else makes protocols.
        arguments: see `ReceiverFactory`.
        keywords: likewise.
    """

    def __init__(self, maker: Maker, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._hosted: Any = maker if IProtocolFactory.providedBy(maker) else None

    @override
    def startFactory(self) -> None:
        if self._hosted is not None:
            self._hosted.doStart()

    @override
    def stopFactory(self) -> None:
        if self._hosted is not None:
            self._hosted.doStop()


class HostingProtocol(ReplyingProtocol):
    """One accepted connection that a protocol of somebody else's answers.

    Args:
        framer: turns bytes into messages, for the events only.
        maker: makes the protocol.
        keywords: see `ReplyingProtocol`.
    """

    def __init__(self, framer: Framer, maker: Maker, **keywords: Any) -> None:
        super().__init__(framer, of_chunks(self._to_chunk), **keywords)
        self._maker = maker
        self._hosted: Any = None
        self._peer_ended = False
        self._producer: Any = None
        self._streams = False  # whether it is a push producer
        self._is_paused = False
        self._pulled: list[bytes] | None = None  # what a pull producer writes

    @override
    def accept(self, name: str | None = None) -> None:
        super().accept(name)
        if self.connection.verdict is not None:
            return
        self.replies.pressed = self._press
        try:
            self._hosted = build(self._maker, self.remote)
            transport = HostedTransport(self, self.connection)
            self._hosted.makeConnection(transport)
        except ConnectionError as why:
            self.end(EndCause.STOPPED, str(why))
        except Exception:
            self._fail(Failure())

    def _to_chunk(self, _peer: Peer, chunk: bytes) -> None:
        if self._hosted is None:
            return
        try:
            self._hosted.dataReceived(chunk)
        except Exception:
            # What it has written before is still sent.
            self.replies.when_paid(partial(self._fail, Failure()))

    @override
    def readConnectionLost(self) -> None:
        """Tell the protocol, if it knows half-closes; otherwise end."""
        if not IHalfCloseableProtocol.providedBy(self._hosted):
            super().readConnectionLost()
            return
        self.end_framing()
        if self.connection.verdict is None:
            self._peer_ended = True
            self.connection.half_closed()
            self._tell(self._hosted.readConnectionLost)

    @override
    def writeConnectionLost(self) -> None:
        """Tell the protocol, if it knows half-closes."""
        if IHalfCloseableProtocol.providedBy(self._hosted):
            self._tell(self._hosted.writeConnectionLost)

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        hosted, self._hosted = self._hosted, None
        producer, self._producer = self._producer, None
        super().connectionLost(reason)
        if producer is not None:
            self._tell(producer.stopProducing)
        if hosted is not None:
            self._tell(partial(hosted.connectionLost, reason or connectionDone))

    def _tell(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception:
            self._fail(Failure())

    def write(self, data: bytes) -> None:
        """Send bytes, when those before them are sent."""
        if self._pulled is not None:
            self._pulled.append(data)
        else:
            self.replies.send(data)

    def lose(self) -> None:
        """Close the connection when all is sent."""
        self.replies.when_paid(self._end)

    def _end(self) -> None:
        if self._peer_ended:
            self.end(EndCause.EOF)
        else:
            self.end(EndCause.STOPPED, CLOSES)

    def lose_write(self) -> None:
        """End the sending side when all is sent."""
        self.replies.when_paid(self.end_sending)

    def register(self, producer: Any, streaming: bool) -> None:
        """Pause a producer while the peer does not read.

        Raises:
            RuntimeError: there is one already.
        """
        if self._producer is not None:
            raise RuntimeError("there is a producer already")
        if self._hosted is None:
            producer.stopProducing()
            return
        self._producer, self._streams = producer, streaming
        if streaming:
            self._is_paused = False
            self._press()
        else:
            self.replies.send(self._pull(producer))

    def unregister(self) -> None:
        """Forget the producer."""
        self._producer = None

    def _pull(self, producer: Any) -> Iterator[Piece]:
        """Yield what a pull producer writes, as fast as the peer takes it."""
        while self._producer is producer:
            self._pulled = []
            try:
                producer.resumeProducing()
            finally:
                pulled, self._pulled = self._pulled, None
            if pulled:
                yield b"".join(pulled)
            elif self._producer is producer:
                yield Delay(PULL_SECONDS)

    def _press(self) -> None:
        """Pause a push producer while much waits to be sent."""
        is_paused = self.replies.are_backed_up
        if self._producer is None or not self._streams or is_paused is self._is_paused:
            return
        self._is_paused = is_paused
        if is_paused:
            self._producer.pauseProducing()
        else:
            self._producer.resumeProducing()
