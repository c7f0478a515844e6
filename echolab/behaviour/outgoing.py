"""A stage between those who send and a connection: bytes on their way out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from echolab.behaviour.manners import Write
from echolab.tls.unread import renew

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IDelayedCall

    from echolab.behaviour.cuts import Cuts
    from echolab.behaviour.manners import Manner
    from echolab.interfaces import AnyClock, Producer

__all__ = ["Outgoing"]

MOST_WAITING_BYTES = 1 << 16
"""Whoever sends is paused while more bytes wait."""


@implementer(IPushProducer)
class Outgoing:
    """Passes on bytes in the wrong manners of a connection, and exactly up to its cuts.

    It is the producer of the transport, and the consumer of whoever sends. Until
    `begin`, all bytes wait.

    Args:
        send: sends bytes now, and reports them.
        transport: where they go in the end.
        clock: measures the time.

    Attributes:
        waiting_bytes: how many bytes wait.
        lost_bytes: how many bytes waited when no more might be sent.
    """

    def __init__(
        self, send: Callable[[bytes, int | None], None], transport: Any, clock: AnyClock
    ) -> None:
        self._send = send
        self._transport = transport
        self._clock = clock
        self._turn: IDelayedCall | None = None
        self._not_before = 0.0
        self._manners: Sequence[Manner] = ()
        self._cuts: Cuts | None = None
        self._waiting: deque[Write] = deque()
        self.waiting_bytes = 0
        self.lost_bytes = 0
        self._sent_bytes = 0
        self._sender: Producer | None = None
        self._paused = False  # the sender
        self._full = False
        self._sending = False
        self._over = False
        self._at_last: list[Callable[[], object]] = []

    def begin(self, manners: Sequence[Manner], cuts: Cuts) -> None:
        """Send from now on."""
        self._manners = manners
        self._cuts = cuts
        early, self._waiting, self.waiting_bytes = self._waiting, deque(), 0
        cuts.strike(0)
        for each in early:
            self._put(each)
        self.go_on()

    def write(self, data: bytes, answers: int | None = None) -> None:
        """Take bytes, to send them when and as they are due."""
        if data and not self._over:
            self._put(Write(memoryview(data), answers))
            self.go_on()

    def _put(self, write: Write) -> None:
        if self._over:
            return
        self._waiting.append(write)
        for manner in self._manners:
            manner.put(write, self._waiting, self._clock.seconds())
        self.waiting_bytes += len(write.data)

    def go_on(self) -> None:
        """Send what may be sent now."""
        if self._sending:
            return  # The call that is under way does it.
        self._sending = True
        try:
            while self._may_send():
                self._send_piece()
        finally:
            self._sending = False
        if not self._waiting:
            acts, self._at_last = self._at_last, []
            for act in acts:
                act()
        self._tell()

    def _may_send(self) -> bool:
        if self._cuts is None or self._full or not self._waiting:
            return False
        due = max(self._not_before, self._waiting[0].due)
        seconds = due - self._clock.seconds()
        if seconds > 0:
            self._take_turn_in(seconds)
        return seconds <= 0

    def _take_turn_in(self, seconds: float) -> None:
        if self._turn is None:
            self._turn = self._clock.callLater(seconds, self._take_turn)
        else:
            self._turn.reset(seconds)

    def _take_turn(self) -> None:
        self._turn = None
        self.go_on()

    def _send_piece(self) -> None:
        assert self._cuts is not None
        write = self._waiting[0]
        size = self._cuts.bytes_left(self._sent_bytes)
        size = min(size, *(manner.size() for manner in self._manners), len(write.data))
        piece = bytes(write.data[:size])
        write.data = write.data[size:]
        if not write.data:
            self._waiting.popleft()
        self.waiting_bytes -= size
        for manner in self._manners:
            piece = manner.change(piece, self._sent_bytes)
        pause = max((manner.pause(size) for manner in self._manners), default=0.0)
        self._not_before = self._clock.seconds() + pause
        self._sent_bytes += size
        self._send(piece, write.answers)
        self._cuts.strike(self._sent_bytes)

    def when_sent(self, act: Callable[[], object]) -> None:
        """Call a function when nothing waits any more; nothing more will be written."""
        for manner in self._manners:
            manner.let_go()
        self._at_last.append(act)
        self.go_on()

    def drop(self) -> None:
        """Lose what waits, and all that is still written."""
        self._lose_all()
        self._full = False
        self._transport.unregisterProducer()
        self.go_on()

    def stop(self) -> None:
        """Lose what waits, and take no more: the connection ends."""
        self._at_last.clear()
        self._lose_all()
        self._full = True
        self._tell()

    def _lose_all(self) -> None:
        self._over = True
        self._waiting.clear()
        self.lost_bytes += self.waiting_bytes
        self.waiting_bytes = 0
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()

    def _tell(self) -> None:
        """Pause the sender, or let it go on."""
        paused = self._full or self.waiting_bytes > MOST_WAITING_BYTES
        if self._sender is None or paused is self._paused:
            return
        self._paused = paused
        if paused:
            self._sender.pauseProducing()
        else:
            self._sender.resumeProducing()

    def register(self, sender: Producer) -> None:
        """Pause a sender while much waits, or the transport is full."""
        if self._sender is None and not self._over:
            self._transport.registerProducer(self, True)
        self._sender = sender
        self._paused = False
        self._tell()

    def unregister(self) -> None:
        """Forget the sender; what it wrote is still sent."""
        if self._sender is not None:
            self._sender = None
            if not self._over:
                self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """Send nothing: the transport is full."""
        self._full = True
        self._tell()

    def resumeProducing(self) -> None:
        """Send again."""
        self._full = False
        renew(self._transport, self)
        self.go_on()

    def stopProducing(self) -> None:
        """Stop the sender: the connection is lost."""
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.stopProducing()
