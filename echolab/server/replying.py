"""The receiving side that answers: an echo (RFC 862), or a text for each message."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet import error
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import connectionDone
from typing_extensions import override
from zope.interface import implementer

from echolab.ends import EndCause
from echolab.escaping import unescape
from echolab.framing import framed
from echolab.messages import GOES_ON
from echolab.server.protocol import ReceiverProtocol
from echolab.tls.unread import renew
from echolab.tls.unread_answers import UnreadAnswers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.python.failure import Failure

    from echolab.framing import Framer
    from echolab.messages import Messages

__all__ = [
    "Reply",
    "ReplyingProtocol",
    "echo",
    "in_pieces",
    "no_reply",
    "reply_text",
]

Reply: TypeAlias = "Callable[[bytes, int], Iterator[bytes]]"
"""Given a chunk, and how many messages it has ended: what to send back, in pieces
of which each is made when the peer can take it."""

PIECE_BYTES = 1 << 16


def echo(chunk: bytes, _messages: int) -> Iterator[bytes]:
    """Send back what has come, byte for byte (RFC 862)."""
    yield chunk


def no_reply(_chunk: bytes, _messages: int) -> Iterator[bytes]:
    """Send back nothing."""
    return iter(())


def in_pieces(reply: Reply, size: int) -> Reply:
    """Send back the same in pieces of at most ``size`` bytes."""

    def in_small_pieces(chunk: bytes, messages: int) -> Iterator[bytes]:
        for piece in reply(chunk, messages):
            for at in range(0, len(piece), size):
                yield piece[at : at + size]

    return in_small_pieces


def reply_text(text: str, framing: str = "line") -> Reply:
    r"""Send back a text for each message.

    Args:
        text: what to send, in which ``\r``, ``\x00`` and the like are escapes.
        framing: the name of the framing it is sent in.

    Raises:
        ValueError: there is an unknown escape in it, or it is too long for the
            framing; or there is no such framing.
    """
    message = framed(unescape(text), framing)
    most = max(1, PIECE_BYTES // len(message))

    def reply(_chunk: bytes, messages: int) -> Iterator[bytes]:
        for left in range(messages, 0, -most):
            yield message * min(left, most)

    return reply


@implementer(IHalfCloseableProtocol, IPushProducer)
class ReplyingProtocol(ReceiverProtocol):
    """One accepted connection that answers.

    A peer that does not read its replies is not read from, until it does. One
    that has ended its sending side gets the rest of them first.

    Args:
        framer: makes messages of what comes.
        reply: says what to answer.
    """

    def __init__(self, framer: Framer, reply: Reply) -> None:
        super().__init__(framer)
        self._reply = reply
        self._whole = 0
        self._written_bytes = 0
        self._owed: deque[Iterator[bytes]] = deque()
        self._unread_answers: UnreadAnswers | None = None

    @override
    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        super().connectionMade()

    @override
    def bound_tls(self) -> None:
        """Bound what TLS holds of its own; this is the transport's producer itself."""
        connection: Any = getattr(self.transport, "getHandle", lambda: None)()
        if self._watched and hasattr(connection, "on_answer"):
            self._unread_answers = UnreadAnswers(
                connection,
                clock=self.connections.clock,
                seconds=self.connections.limits.handshake_seconds,
                sent_bytes=self._sent_bytes,
                give_up=self._give_up,
            )

    @override
    def dataReceived(self, data: bytes) -> None:
        self._whole = 0
        super().dataReceived(data)
        self._answer(data)

    @override
    def count(self, messages: Messages) -> None:
        """Take note of what was received, and how many replies it asks for."""
        super().count(messages)
        if messages.mark not in GOES_ON:
            self._whole += len(messages)

    def readConnectionLost(self) -> None:
        """The peer ends its sending side; what it is owed is still sent."""
        self._whole = 0
        self.finish_framing(self.now())
        if self._ended is None:  # Else this side has ended it, and says why.
            self._ended = EndCause.EOF
            self._answer(b"")

    def writeConnectionLost(self) -> None:
        """This side ended its sending side; that never happens alone."""

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        broken = reason is not None and reason.check(error.ConnectionLost)
        if self._ended is EndCause.EOF and broken and not self._is_paid():
            self._ended = None  # It broke before the peer had what it was owed.
        self._stop_waiting()
        super().connectionLost(reason)

    @override
    def end(self, cause: EndCause, detail: str = "") -> None:
        """End the connection; what is still owed is not sent."""
        # TLS would wait for a producer to have done.
        self.transport.unregisterProducer()
        self._stop_waiting()
        super().end(cause, detail)

    @override
    def resume(self) -> None:
        """Read again, if the peer reads its replies."""
        if not self._full:
            super().resume()

    def pauseProducing(self) -> None:
        """The peer does not read its replies: read nothing from it."""
        self._full = True
        self.pause()
        if self._unread_answers is not None:
            self._unread_answers.wait()

    def resumeProducing(self) -> None:
        """It has read them."""
        self._full = False
        self._stop_waiting()
        renew(self.transport, self)
        self._pay()
        if self._ended is None and not (self._full or self.connections.paused):
            self.resume()

    def stopProducing(self) -> None:
        """Nothing can be sent any more; the end comes by itself."""

    def _stop_waiting(self) -> None:
        if self._unread_answers is not None:
            self._unread_answers.stop()

    def may_answer(self) -> bool:
        """Whether the peer takes what it is owed."""
        return not self._full

    def send(self, piece: bytes) -> None:
        """Send a piece of a reply."""
        self._written_bytes += len(piece)
        self.transport.write(piece)

    def _is_paid(self) -> bool:
        """Whether the kernel has taken, without an error, all that the peer is owed.

        Then a connection that Twisted calls lost has ended: of a UNIX socket, epoll
        tells both ends at once.
        """
        watched = self._watched
        return (
            watched is not None
            and not watched.error
            and not self._owed
            and watched.sent_bytes == self._written_bytes
        )

    def _answer(self, chunk: bytes) -> None:
        self._owed.append(self._reply(chunk, self._whole))
        self._pay()

    def _pay(self) -> None:
        """Send what is owed, as far as the peer takes it."""
        while self._owed and self.may_answer():
            piece = next(self._owed[0], None)
            if piece is None:
                self._owed.popleft()
            else:
                self.send(piece)
        if self._ended is EndCause.EOF and not self._owed:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
