"""One accepted connection that answers, correctly or wrongly."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet import error
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from typing_extensions import override
from zope.interface import implementer

from echolab.behaviour.detour import DetouredConnection
from echolab.behaviour.values import Behaviour
from echolab.connection.states import Verdict
from echolab.ends import EndCause
from echolab.errors import reason_of
from echolab.server.misbehaviour import Misbehaviour
from echolab.server.protocol import ReceiverProtocol
from echolab.server.replies import MOST_OWED_BYTES, Replies
from echolab.tls.unread_answers import UnreadAnswers

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from echolab.addresses import Peer
    from echolab.connection.core import Connection
    from echolab.framing import Framer
    from echolab.server.reply import Answer, Reply

__all__ = ["ReplyingProtocol"]

WELL = Behaviour()

CLOSES = re.compile(r"the (?:answer to message (\d+)|greeting) closes")
"""The detail of an end that an answer wants, with the number of the message."""

_log = Logger()


def log_failure(why: Failure) -> None:
    """Log the failure of a reply, with its traceback."""
    _log.failure("a reply failed", why)


@implementer(IHalfCloseableProtocol)
class ReplyingProtocol(ReceiverProtocol):
    """One accepted connection that answers.

    Reading from a peer pauses while it does not read its replies. A peer that has
    ended its sending side gets the rest of its replies before the end.

    Args:
        framer: turns bytes into messages.
        reply: makes the answers.
        behaviour: what to do wrong, and on which connections.
        greeting: makes what a peer gets before it has sent anything.
        failed: called with the failure of a reply.
        most_bytes: so much is kept of a message that was reported in pieces.
        answers_cut: whether a last message is answered that its peer has not ended.

    Attributes:
        when_accepted: called with this protocol when its peer is accepted.
        replies: the replies that are owed to the peer.
    """

    replies: Replies

    def __init__(
        self,
        framer: Framer,
        reply: Reply,
        behaviour: Behaviour = WELL,
        *,
        greeting: Callable[[Peer], Answer] | None = None,
        failed: Callable[[Failure], None] = log_failure,
        most_bytes: int = MOST_OWED_BYTES,
        answers_cut: bool = True,
    ) -> None:
        super().__init__(framer)
        self.when_accepted: Callable[[ReplyingProtocol], None] | None = None
        self._reply = reply
        self._behaviour = behaviour
        self._greeting = greeting
        self._failed = failed
        self._most_bytes = most_bytes
        self._answers_cut = answers_cut
        self._misbehaviour: Misbehaviour | None = None
        self._unread_answers: UnreadAnswers | None = None

    @override
    def make_connection(self) -> Connection:
        if self._behaviour.is_of_sending:
            return DetouredConnection(
                self.connections.terms, self._framer, self.transport
            )
        return super().make_connection()

    @override
    def arrive(self) -> None:
        connections = self.connections
        self.replies = Replies(
            self.connection,
            self._reply,
            clock=connections.clock,
            fail=self._fail,
            close=self._answered_last,
            stalled=self._stalled,
            most_bytes=self._most_bytes,
            answers_cut=self._answers_cut,
        )
        self.transport.registerProducer(self.replies, True)
        if not self._behaviour:
            self.begin()
            return
        self._misbehaviour = Misbehaviour(self._behaviour, self, connections.terms)
        self.number = self._misbehaviour.arrive()

    @override
    def bound_tls(self) -> None:
        """Limit TLS's own bytes; the transport's producer is already `replies`."""
        handle: Any = getattr(self.transport, "getHandle", lambda: None)()
        if self.connection.watched and hasattr(handle, "on_answer"):
            self._unread_answers = UnreadAnswers(
                handle,
                clock=self.connections.clock,
                seconds=self.connections.limits.handshake_seconds,
                sent_bytes=self.taken_bytes,
                give_up=self.give_up,
            )

    def _stalled(self, full: bool) -> None:
        if self._unread_answers is not None:
            if full:
                self._unread_answers.wait()
            else:
                self._unread_answers.stop()

    @override
    def accept(self, name: str | None = None) -> None:
        super().accept(name)
        if self.when_accepted is not None:
            self.when_accepted(self)
        if self._misbehaviour is not None:
            self._misbehaviour.accepted()
        if self._greeting is not None:
            self.replies.greet(self._greeting)

    def _answered_last(self, number: int | None) -> None:
        """End the connection, as the answer to a message wants it."""
        whose = f"answer to message {number}" if number else "greeting"
        whose = "answer" if number is None else whose
        self.end(EndCause.STOPPED, f"the {whose} closes")

    def _fail(self, why: Failure) -> None:
        self._failed(why)
        error = f"{type(why.value).__name__}: {reason_of(why.value)}"
        self.end(EndCause.ERROR, f"the reply failed: {error}")

    @override
    def dataReceived(self, data: bytes) -> None:
        if self._misbehaviour is None:
            self.take(data)
        else:
            self._misbehaviour.receive(data)

    @override
    def take(self, data: bytes) -> None:
        super().take(data)
        self.replies.answer(data)

    @override
    def go_on(self) -> None:
        super().go_on()
        if self._misbehaviour is not None:
            self._misbehaviour.go_on()

    @override
    def unread_bytes(self) -> int:
        waiting = self._misbehaviour.waiting_bytes if self._misbehaviour else 0
        return super().unread_bytes() + waiting

    @override
    def still_sends(self) -> bool:
        return not self.replies.are_paid or self.replies.is_full

    @override
    def is_backed_up(self) -> bool:
        return self.replies.is_full

    @override
    def unanswered_messages(self) -> int:
        return self.replies.unanswered

    def readConnectionLost(self) -> None:
        """Send the owed replies, then close: the peer has ended its sending side."""
        self.end_framing()
        if self.connection.verdict is None:  # Otherwise this side has ended it.
            if not self.replies.are_paid:
                self.connection.half_closed()
            self.connection.verdict = Verdict(EndCause.EOF)
            self.replies.when_paid(self._close)

    def close(self, why: str) -> None:
        """Send what is owed, then end the connection, for a reason in words."""
        self.replies.when_paid(partial(self.end, EndCause.STOPPED, why))

    def reset(self, why: str) -> None:
        """Abort the connection now, for a reason in words."""
        self.connection.verdict = Verdict(EndCause.STOPPED, why)
        self.transport.abortConnection()

    def _close(self) -> None:
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Do nothing: the sending side has ended, as it was to."""

    def end_sending(self) -> None:
        """End the sending side, and read on."""
        self.transport.unregisterProducer()
        self.transport.loseWriteConnection()

    @override
    def end(self, cause: EndCause, detail: str = "") -> None:
        """End the connection without sending the owed replies."""
        if self._misbehaviour is not None:
            self._misbehaviour.ending()
        # TLS would wait for a producer to unregister.
        self.transport.unregisterProducer()
        self._stop_waiting()
        super().end(cause, detail)
        if self._misbehaviour is not None and self.connected:
            self._misbehaviour.ended()

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        connection = self.connection
        broken = reason is not None and reason.check(error.ConnectionLost)
        if connection.verdict == (EndCause.EOF, "") and broken and not self._is_paid():
            connection.verdict = None  # It broke before the peer had its replies.
        self._stop_waiting()
        if self._misbehaviour is not None:
            self._misbehaviour.stop()
        super().connectionLost(reason)

    def _stop_waiting(self) -> None:
        self.replies.stop()
        self._stalled(False)

    def _is_paid(self) -> bool:
        """Whether the kernel has taken all owed replies without an error.

        If so, a connection that Twisted calls lost has ended in order: on a UNIX
        socket, epoll reports both ends at once.
        """
        connection, watched = self.connection, self.connection.watched
        return (
            watched is not None
            and not watched.error
            and self.replies.are_paid
            and watched.sent_bytes == connection.sent_bytes
        )
