"""The receiving side that answers: an echo (RFC 862), or a line for each message."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from typing_extensions import override
from zope.interface import implementer

from echolab.escaping import unescape
from echolab.events import EndCause
from echolab.receiver import ReceiverProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.framing import Framer
    from echolab.messages import Messages

__all__ = ["Reply", "ReplyingProtocol", "echo", "reply_text"]

Reply: TypeAlias = "Callable[[bytes, int], bytes]"
"""Given a chunk, and how many messages it has ended: what to send back."""


def echo(chunk: bytes, messages: int) -> bytes:  # noqa: ARG001
    """Send back what has come, byte for byte (RFC 862)."""
    return chunk


def reply_text(text: str) -> Reply:
    r"""Send back a line for each message.

    Args:
        text: the line, in which ``\r``, ``\x00`` and the like are escapes; a
            newline is added.

    Raises:
        ValueError: there is an unknown escape in it.
    """
    line = unescape(text) + b"\n"

    def reply(chunk: bytes, messages: int) -> bytes:  # noqa: ARG001
        return line * messages

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
        self._full = False

    @override
    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.registerProducer(self, True)

    @override
    def dataReceived(self, data: bytes) -> None:
        self._whole = 0
        super().dataReceived(data)
        self.transport.write(self._reply(data, self._whole))

    @override
    def count(self, messages: Messages) -> None:
        """Take note of what was received, and how many replies it asks for."""
        super().count(messages)
        if messages.mark is None or messages.mark == "unterminated":
            self._whole += len(messages)

    def readConnectionLost(self) -> None:
        """The peer ends its sending side; what it is owed is still sent."""
        self._whole = 0
        self.finish_framing(self.factory.clock.seconds())
        self.transport.write(self._reply(b"", self._whole))
        self._ended = EndCause.EOF
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """This side ended its sending side; that never happens alone."""

    @override
    def resume(self) -> None:
        """Read again, if the peer reads its replies."""
        if not self._full:
            super().resume()

    def pauseProducing(self) -> None:
        """The peer does not read its replies: read nothing from it."""
        self._full = True
        self.pause()

    def resumeProducing(self) -> None:
        """It has read them."""
        self._full = False
        if not self.factory.paused:
            self.resume()

    def stopProducing(self) -> None:
        """Nothing can be sent any more; the end comes by itself."""
