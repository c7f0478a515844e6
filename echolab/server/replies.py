"""The replies that one connection owes its peer, sent as fast as it takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
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
"""Reading continues while replies to at most so many messages or reads, or so many
bytes, are owed. And so much is kept of a message that was reported in pieces."""

STEPS_PER_SECOND = 10
"""A slow reply is sent in so many pieces per second."""

_log = Logger()


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


@dataclass(slots=True)
class _Owed:
    """One answer that is not fully sent.

    Attributes:
        pieces: the rest of it; None while it is being computed.
        size: the number of bytes that it answers.
        due: when it may be sent, on the clock.
    """

    pieces: Iterator[bytes] | None
    size: int
    due: float


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
        stalled: called with True when the transport's buffer is full, with False
            when it has room.

    Attributes:
        reply: makes the answers from now on.
        pace: the timing of the answers.
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
        self._pieces = b""  # the start of a message that came in pieces
        connection.took = self._took

    @property
    def are_paid(self) -> bool:
        """Whether no reply is owed."""
        return not self._owed

    def answer(self, chunk: bytes) -> None:
        """Answer the bytes of one read, if the reply answers chunks."""
        if isinstance(self.reply, of_chunks):
            self._owe(self.reply.to_chunk, chunk, len(chunk))

    def _took(self, messages: Messages) -> None:
        """Answer messages; a message in pieces is answered at its end."""
        if isinstance(self.reply, of_chunks):
            return
        if messages.mark in GOES_ON:
            self._pieces = (self._pieces + messages.raw())[:MOST_OWED_BYTES]
            return
        pieces, self._pieces = self._pieces, b""
        if pieces and messages.mark is not None:
            [last] = messages
            mark = None if messages.mark == "continued" else messages.mark
            messages = Batch((pieces + last,), mark)
        self._owe(self.reply, messages, len(messages.raw()))

    def _owe(self, reply: Callable[..., Any], to: object, size: int) -> None:
        if not self._answering:
            return
        owed = _Owed(None, size, self._clock.seconds() + self.pace.delay_seconds)
        self._owed.append(owed)
        self._owed_bytes += size
        try:
            answer = reply(self._connection.peer, to)
            if not isinstance(answer, bytes) and isinstance(answer, Awaitable):
                self._wait_for(answer, owed)
            else:
                owed.pieces = self._in_pieces(answer)
        except Exception:
            self._failed(Failure())
        else:
            self.pay()

    def _wait_for(self, answer: Awaitable[Answer], owed: _Owed) -> None:
        def computed(pieces: Answer) -> None:
            owed.pieces = self._in_pieces(pieces)
            self.pay()

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
            _log.failure("a reply failed", why)
            self._fail(f"the reply failed: {reason_of(why.value)}")

    def _in_pieces(self, answer: Answer) -> Iterator[bytes]:
        pieces: Any = () if answer is None else answer
        if isinstance(pieces, bytes | bytearray | memoryview):
            pieces = (bytes(pieces),)
        elif isinstance(pieces, str) or not isinstance(pieces, Iterable):
            raise TypeError(f"it returned {type(pieces).__name__}, not bytes")
        if not self.pace.bytes_per_second:
            return iter(pieces)
        size = max(1, int(self.pace.bytes_per_second / STEPS_PER_SECOND))
        return (
            piece[at : at + size]
            for piece in pieces
            for at in range(0, len(piece), size)
        )

    def when_paid(self, act: Callable[[], None]) -> None:
        """Answer no more; call ``act`` when all owed replies are sent."""
        self._answering = False
        self._at_last.append(act)
        self.pay()

    def pay(self) -> None:
        """Send the owed replies, as far as the peer takes them."""
        while self._owed and self._may_send(self._owed[0]):
            try:
                piece = next(self._owed[0].pieces or iter(()), None)
                if not isinstance(piece, bytes | None):
                    kind = type(piece).__name__
                    raise TypeError(f"a piece of it is {kind}, not bytes")
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
        """Stop sending and computing."""
        self._answering = False
        self._at_last.clear()
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()
        for computing in tuple(self._computing):
            computing.cancel()
        # Break the reference cycle: they refer to the protocol, which refers to this.
        self._fail = self._stalled = _ignore

    def pauseProducing(self) -> None:
        """Stop reading from the peer: it does not read its replies."""
        self._full = True
        self._connection.hold(Holder.PEER)
        self._stalled(True)

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
