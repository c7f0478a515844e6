"""The replies that one connection owes its peer, sent as fast as it takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from echolab.connection.states import Holder
from echolab.messages import GOES_ON, Batch
from echolab.server.owed import Owed, portions
from echolab.server.reply import of_chunks
from echolab.server.steps import Close, Delay, Next, Unfitting
from echolab.tls.unread import renew

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.interfaces import IDelayedCall

    from echolab.addresses import Peer
    from echolab.connection.core import Connection
    from echolab.interfaces import AnyClock
    from echolab.messages import Messages
    from echolab.server.reply import Answer, Reply
    from echolab.server.steps import Piece

__all__ = ["AT_ONCE", "Pace", "Replies"]

MOST_OWED = 256
MOST_OWED_BYTES = 1 << 16
"""Reading continues while replies to at most so many messages or reads, or so many
bytes, are owed."""

STEPS_PER_SECOND = 10
"""A slow reply is sent in so many pieces per second."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The timing of replies.

    Attributes:
        delay_seconds: how long after the message; 0 for at once.
        bytes_per_second: how fast; 0 for as fast as the peer takes them.
    """

    delay_seconds: float = 0.0
    bytes_per_second: float = 0.0


AT_ONCE = Pace()


@implementer(IPushProducer)
class Replies:
    """The replies to one peer, in the order of its messages.

    They are the producer of the connection's transport. Reading from a peer pauses
    while it does not read its replies, or while too many replies are owed.

    Args:
        connection: the connection with the messages.
        reply: makes the answers.
        clock: measures the time.
        fail: called with the reason if the reply fails.
        close: closes the connection, as the answer to a message wants it, given the
            number of the message.
        stalled: called with True when the transport's buffer is full, with False
            when it has room.
        most_bytes: so much is kept of a message that was reported in pieces.
        answers_cut: whether a last message is answered that its peer has not ended.

    Attributes:
        reply: makes the answers from now on.
        pace: the timing of the answers.
        pressed: called when `are_backed_up` may have changed.
    """

    def __init__(
        self,
        connection: Connection,
        reply: Reply,
        *,
        clock: AnyClock,
        fail: Callable[[Failure], None],
        close: Callable[[int | None], None],
        stalled: Callable[[bool], None],
        most_bytes: int = MOST_OWED_BYTES,
        answers_cut: bool = True,
    ) -> None:
        self._answers_cut = answers_cut
        self._connection = connection
        self.reply = reply
        self._clock = clock
        self.pace = AT_ONCE
        self.pressed: Callable[[], None] = _nothing
        self._fail = fail
        self._close = close
        self._stalled = stalled
        self._most_bytes = most_bytes
        self._owed: deque[Owed] = deque()
        self._owed_bytes = 0
        self._messages = 0
        self._abandoned = 0  # messages whose answers are not sent any more
        self._answering = True
        self._stopped = False
        self._paying = False
        self._at_last: list[Callable[[], None]] = []
        self._full = False
        self._turn: IDelayedCall | None = None
        self._computing: set[Deferred[Any]] = set()
        self._pieces = b""  # the start of a message that came in pieces
        connection.took = self._took

    @property
    def are_paid(self) -> bool:
        """Whether no reply is owed."""
        return not self._owed and not self._connection.is_sending

    @property
    def is_full(self) -> bool:
        """Whether the peer does not read."""
        return self._full

    @property
    def are_backed_up(self) -> bool:
        """Whether nothing more should be sent for now."""
        return self._full or self._owe_much()

    @property
    def unanswered(self) -> int:
        """The number of messages that are not fully answered."""
        return self._abandoned + sum(owed.messages for owed in self._owed)

    def greet(self, greeting: Callable[[Peer], Answer]) -> None:
        """Send what a peer gets before it has sent anything."""
        self._owe(greeting, Owed(size=0, due=self._due(), messages=1, before=-1))

    def send(self, data: bytes | Iterator[Piece], *, by_hand: bool = False) -> None:
        """Send bytes, or pieces, when all that is owed is sent.

        Args:
            data: the bytes, or the pieces.
            by_hand: whether reading from the peer goes on while it does not read them.
                A peer that sends back what it gets would otherwise wait for this side,
                and this side for it.
        """
        size = len(data) if isinstance(data, bytes) else 0
        owed = Owed(size=size, due=self._due(), by_hand=by_hand)
        self._owe(lambda _peer: data, owed)

    @property
    def are_ending(self) -> bool:
        """Whether nothing more is sent, besides what is owed."""
        return not self._answering

    def answer(self, chunk: bytes) -> None:
        """Answer the bytes of one read, if the reply answers chunks."""
        if isinstance(self.reply, of_chunks):
            owed = Owed(size=len(chunk), due=self._due())
            self._owe(self.reply.to_chunk, owed, chunk)

    def _took(self, messages: Messages) -> None:
        """Answer messages; a message in pieces is answered at its end."""
        if isinstance(self.reply, of_chunks):
            return
        if messages.mark in GOES_ON:
            self._pieces = (self._pieces + messages.raw())[: self._most_bytes]
            return
        if messages.mark == "unterminated" and not self._answers_cut:
            return
        pieces, self._pieces = self._pieces, b""
        if pieces and messages.mark is not None:
            [last] = messages
            mark = None if messages.mark == "continued" else messages.mark
            messages = Batch(((pieces + last)[: self._most_bytes],), mark)
        before, count = self._messages, len(messages)
        self._messages += count
        size = len(messages.raw())
        owed = Owed(size=size, due=self._due(), messages=count, before=before)
        self._owe(self.reply, owed, messages)

    def _due(self) -> float:
        return self._clock.seconds() + self.pace.delay_seconds

    def _owe(self, reply: Callable[..., Any], owed: Owed, *to: object) -> None:
        if not self._answering:
            return
        self._owed.append(owed)
        self._owed_bytes += owed.size
        try:
            answer = reply(self._connection.peer, *to)
            if not isinstance(answer, bytes) and isinstance(answer, Awaitable):
                self._wait_for(answer, owed)
            else:
                owed.add(answer)
        except Exception:
            self._failed(Failure())
        else:
            self.pay()

    def _wait_for(self, answer: Awaitable[Answer], owed: Owed) -> None:
        def computed(answer: Answer) -> None:
            owed.add(answer)
            self.pay()

        owed.computing = True
        computing: Deferred[Any] = Deferred.fromCoroutine(_awaited(answer))
        self._computing.add(computing)
        computing.addBoth(self._forget, computing)
        computing.addCallback(computed)
        computing.addErrback(self._failed)

    def _forget(self, result: Any, computing: Deferred[Any]) -> Any:
        self._computing.discard(computing)
        return result

    def _failed(self, why: Failure) -> None:
        if not why.check(CancelledError):
            self._fail(why)

    def when_paid(self, act: Callable[[], None]) -> None:
        """Answer no more; call ``act`` when all owed replies are sent."""
        self._answering = False
        self._at_last.append(act)
        self.pay()

    def abandon(self) -> None:
        """Answer no more, not even what is owed."""
        self._answering = False
        self._abandoned = self.unanswered
        self._forget_owed()

    def _forget_owed(self) -> None:
        self._owed.clear()
        self._owed_bytes = 0

    def pay(self) -> None:
        """Send the owed replies, as far as the peer takes them."""
        if self._paying:
            return  # What is due now is sent by the call that is under way.
        self._paying = True
        try:
            while self._owed and self._may_send(self._owed[0]):
                self._send_next(self._owed[0])
        except Exception:
            self._failed(Failure())
            return
        finally:
            self._paying = False
        if not self._owed:
            acts, self._at_last = self._at_last, []
            for act in acts:
                self._connection.when_sent(act)
        if self._connection.verdict is not None:
            return
        if self._owe_much():
            self._connection.hold(Holder.OWED)
        else:
            self._connection.release(Holder.OWED)
        self.pressed()

    def _owe_much(self) -> bool:
        return len(self._owed) > MOST_OWED or self._owed_bytes > MOST_OWED_BYTES

    def _may_send(self, owed: Owed) -> bool:
        busy = self._turn is not None or owed.computing
        if self._full or self._stopped or busy:
            return False
        seconds = owed.due - self._clock.seconds()
        if seconds > 0:
            self._wait(seconds)
        return seconds <= 0

    def _send_next(self, owed: Owed) -> None:
        piece = owed.next_piece()
        if piece is None:
            self._owed_bytes -= self._owed.popleft().size
        elif isinstance(piece, bytes):
            self._send(piece, owed)
        elif isinstance(piece, Next):
            owed.begin_next(piece.messages)
        elif isinstance(piece, Unfitting):
            self._connection.unanswered(owed.begin_next(), piece.message)
        elif isinstance(piece, Delay):
            self._wait(piece.seconds)
        elif isinstance(piece, Close):
            self._forget_owed()
            if not self._at_last:  # Otherwise it is to end, in another way.
                self.when_paid(partial(self._close, owed.number))
        elif isinstance(piece, Awaitable):
            self._wait_for(piece, owed)
        else:
            raise TypeError(f"a piece of it is {type(piece).__name__}, not bytes")

    def _send(self, piece: bytes, owed: Owed) -> None:
        if rate := self.pace.bytes_per_second:
            size = max(1, int(rate / STEPS_PER_SECOND))
            if len(piece) > size:
                owed.add(portions(piece, size))
                return
            self._wait(len(piece) / rate)
        self._connection.write(piece, owed.number)

    def _wait(self, seconds: float) -> None:
        self._turn = self._clock.callLater(seconds, self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        self.pay()

    def stop(self) -> None:
        """Stop sending and computing."""
        self._answering = False
        self._stopped = True
        self._at_last.clear()
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()
        for computing in tuple(self._computing):
            computing.cancel()
        # Break the reference cycle: they refer to the protocol, which refers to this.
        self._fail = self._stalled = self._close = _ignore
        self.pressed = _nothing

    def pauseProducing(self) -> None:
        """Stop reading from the peer: it does not read its replies."""
        self._full = True
        if not self._owed or not self._owed[0].by_hand:
            self._connection.hold(Holder.PEER)
        self._stalled(True)
        self.pressed()

    def resumeProducing(self) -> None:
        """Continue: the peer has read its replies."""
        self._full = False
        self._stalled(False)
        renew(self._connection.transport, self)
        self.pay()
        if not self._full and self._connection.verdict is None:
            self._connection.release(Holder.PEER)

    def stopProducing(self) -> None:
        """Do nothing: the connection is lost, and its end follows."""


async def _awaited(answer: Awaitable[Answer]) -> Answer:
    return await answer


def _ignore(_: object) -> None:
    """Do nothing: the connection has ended."""


def _nothing() -> None:
    """Do nothing: nobody is told."""
