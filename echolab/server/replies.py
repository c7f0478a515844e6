"""What one connection owes its peer: replies, sent as fast as the peer takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from echolab.connection.core import Holder
from echolab.errors import reason_of
from echolab.messages import GOES_ON, Batch
from echolab.server.reply import of_chunks
from echolab.tls.unread import renew

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.interfaces import IDelayedCall

    from echolab.connection.core import Connection
    from echolab.interfaces import AnyClock
    from echolab.messages import Messages
    from echolab.server.reply import Answer, Reply

__all__ = ["AT_ONCE", "Pace", "Replies"]

MOST_OWED = 256
MOST_OWED_BYTES = 1 << 16
"""To so many messages or reads, or so many bytes, replies may be owed while reading
goes on; and so much is kept of a message that was given out in pieces."""

STEPS_PER_SECOND = 10
"""What is sent slowly is sent in so many pieces a second."""

_log = Logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How replies are sent.

    Attributes:
        delay_seconds: how long after what they answer; 0 for at once.
        bytes_per_second: how fast; 0 for as fast as the peer takes them.
    """

    delay_seconds: float = 0.0
    bytes_per_second: float = 0.0


AT_ONCE = Pace()


@dataclass(slots=True)
class _Owed:
    """One answer that is not all sent.

    Attributes:
        pieces: what is left of it; None while it is being computed.
        size: how many bytes it answers.
        due: when it may be sent, by the clock.
    """

    pieces: Iterator[bytes] | None
    size: int
    due: float


@implementer(IPushProducer)
class Replies:
    """The replies to one peer, in the order of what they answer.

    They are the producer of the connection's transport. A peer that does not read
    its replies is not read from, until it does; nor is one that is owed too much.

    Args:
        connection: whose messages are answered.
        reply: says what to answer.
        clock: measures the time.
        fail: called with the reason if the reply fails.
        stalled: called with whether the transport holds much.

    Attributes:
        reply: says what to answer from now on.
        pace: how that is sent.
    """

    def __init__(
        self,
        connection: Connection,
        reply: Reply,
        *,
        clock: AnyClock,
        fail: Callable[[str], None],
        stalled: Callable[[bool], None],
    ) -> None:
        self._connection = connection
        self.reply = reply
        self._clock = clock
        self.pace = AT_ONCE
        self._fail = fail
        self._stalled = stalled
        self._owed: deque[_Owed] = deque()
        self._owed_bytes = 0
        self._answering = True
        self._at_last: list[Callable[[], None]] = []
        self._full = False
        self._turn: IDelayedCall | None = None
        self._computing: set[Deferred[Any]] = set()
        self._pieces = b""  # of a message that goes on
        connection.took = self._took

    @property
    def are_paid(self) -> bool:
        """Whether nothing is owed."""
        return not self._owed

    def answer(self, chunk: bytes) -> None:
        """Answer the bytes of one read, if the reply is to chunks."""
        if isinstance(self.reply, of_chunks):
            self._owe(self.reply.to_chunk, chunk, len(chunk))

    def _took(self, messages: Messages) -> None:
        """Answer messages; one that came in pieces when its end is there."""
        if isinstance(self.reply, of_chunks):
            return
        if messages.mark in GOES_ON:
            self._pieces = (self._pieces + messages.raw())[:MOST_OWED_BYTES]
            return
        if self._pieces:
            [last] = messages
            mark = None if messages.mark == "continued" else messages.mark
            messages = Batch((self._pieces + last,), mark)
            self._pieces = b""
        self._owe(self.reply, messages, len(messages.raw()))

    def _owe(self, reply: Callable[..., Any], to: object, size: int) -> None:
        if not self._answering:
            return
        owed = _Owed(None, size, self._clock.seconds() + self.pace.delay_seconds)
        self._owed.append(owed)
        self._owed_bytes += size
        try:
            answer = reply(self._connection.peer, to)
        except Exception:
            self._failed(Failure())
            return
        if not isinstance(answer, bytes) and isinstance(answer, Awaitable):
            self._wait_for(answer, owed)
        else:
            owed.pieces = self._in_pieces(answer)
        self.pay()

    def _wait_for(self, answer: Awaitable[Answer], owed: _Owed) -> None:
        def computed(pieces: Answer) -> None:
            owed.pieces = self._in_pieces(pieces)
            self.pay()

        computing: Deferred[Any] = ensureDeferred(answer)  # type: ignore[arg-type]
        self._computing.add(computing)
        computing.addBoth(self._forget, computing)
        computing.addCallback(computed)
        computing.addErrback(self._failed)

    def _forget(self, result: Any, computing: Deferred[Any]) -> Any:
        self._computing.discard(computing)
        return result

    def _failed(self, why: Failure) -> None:
        if not why.check(CancelledError):
            _log.failure("a reply failed", why)
            self._fail(f"the reply failed: {reason_of(why.value)}")

    def _in_pieces(self, answer: Answer) -> Iterator[bytes]:
        pieces = () if answer is None else answer
        if isinstance(pieces, bytes):
            pieces = (pieces,)
        if not self.pace.bytes_per_second:
            return iter(pieces)
        size = max(1, int(self.pace.bytes_per_second / STEPS_PER_SECOND))
        return (
            piece[at : at + size]
            for piece in pieces
            for at in range(0, len(piece), size)
        )

    def when_paid(self, act: Callable[[], None]) -> None:
        """Answer nothing more; act when all that is owed is sent."""
        self._answering = False
        self._at_last.append(act)
        self.pay()

    def pay(self) -> None:
        """Send what is owed, as far as the peer takes it."""
        while self._owed and self._may_send(self._owed[0]):
            try:
                piece = next(self._owed[0].pieces or iter(()), None)
            except Exception:
                self._failed(Failure())
                return
            if piece is None:
                self._owed_bytes -= self._owed.popleft().size
            else:
                self._send(piece)
        if not self._owed:
            acts, self._at_last = self._at_last, []
            for act in acts:
                act()
        if self._connection.verdict is not None:
            return
        if len(self._owed) > MOST_OWED or self._owed_bytes > MOST_OWED_BYTES:
            self._connection.hold(Holder.OWED)
        else:
            self._connection.release(Holder.OWED)

    def _may_send(self, owed: _Owed) -> bool:
        if self._full or self._turn is not None or owed.pieces is None:
            return False
        seconds = owed.due - self._clock.seconds()
        if seconds > 0:
            self._wait(seconds)
        return seconds <= 0

    def _send(self, piece: bytes) -> None:
        self._connection.write(piece)
        if rate := self.pace.bytes_per_second:
            self._wait(len(piece) / rate)

    def _wait(self, seconds: float) -> None:
        self._turn = self._clock.callLater(seconds, self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        self.pay()

    def stop(self) -> None:
        """Send nothing more."""
        self._answering = False
        self._at_last.clear()
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()
        for computing in tuple(self._computing):
            computing.cancel()
        # They know the protocol, which knows this.
        self._fail = self._stalled = _ignore

    def pauseProducing(self) -> None:
        """The peer does not read its replies: read nothing from it."""
        self._full = True
        self._connection.hold(Holder.PEER)
        self._stalled(True)

    def resumeProducing(self) -> None:
        """It has read them."""
        self._full = False
        self._stalled(False)
        renew(self._connection.transport, self)
        self.pay()
        if not self._full and self._connection.verdict is None:
            self._connection.release(Holder.PEER)

    def stopProducing(self) -> None:
        """Nothing can be sent any more; the end comes by itself."""


def _ignore(_: object) -> None:
    """Do nothing: it has ended."""
