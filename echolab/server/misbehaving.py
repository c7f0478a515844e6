"""The receiving side that does wrong what it is told to."""

from __future__ import annotations

import sys
from collections import deque
from functools import partial
from itertools import islice, repeat
from typing import TYPE_CHECKING

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import connectionDone
from typing_extensions import override

from echolab.ends import EndCause
from echolab.events import Misbehaved
from echolab.messages import GOES_ON, Batch
from echolab.server.replying import ReplyingProtocol, in_pieces, no_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from echolab.framing import Framer
    from echolab.messages import Messages
    from echolab.server.behaviour import Behaviour, Fault
    from echolab.server.replying import Reply

__all__ = ["GARBAGE", "MisbehavingProtocol"]

GARBAGE = bytes(range(0xFF, 0x7F, -1)) + b"\n"
"""No UTF-8, no number, too large for a length; but a line."""

READ_BYTES = 1 << 16
MOST_OWED = 256
MOST_OWED_BYTES = 1 << 16
"""To so many reads, or so many bytes, replies may be owed while reading goes on."""

STEPS_PER_SECOND = 10
"""What is done slowly is done in so many steps."""

_ENDS = {"reset", "close"}
_STEPS = {"stop-reading", "half-close", *_ENDS}
"""What strikes when so much has been read."""
_ANSWERS = {"answer-nothing", "answer-garbage", "answer-late", "answer-slowly"}


class MisbehavingProtocol(ReplyingProtocol):
    """One accepted connection that is ill-treated; what strikes is an event.

    Args:
        framer: makes messages of what comes.
        reply: says what to answer.
        behaviour: what to do wrong.
    """

    def __init__(self, framer: Framer, reply: Reply, behaviour: Behaviour) -> None:
        super().__init__(framer, _wrong_reply(behaviour, reply))
        self._faults = {fault.kind: fault for fault in behaviour}
        self._to_come = [fault for fault in behaviour if fault.kind in _STEPS]
        self._unsaid = [fault for fault in behaviour if fault.kind in _ANSWERS]
        self._most_messages = _fewest(behaviour, _ENDS)
        self._most_answers = _fewest(behaviour, {"half-close"})
        self._taken_messages = 0
        self._pending = bytearray()  # what the transport has read too early
        self._held: set[Fault] = set()  # what keeps it from reading now
        self._mute = False
        self._at_last: Callable[[], None] | None = None
        self._pacing = False
        self._half_closed = False
        self._behind = False  # with the replies, so that nothing more is read
        # Of the last replies that are owed: when they are due, to how many bytes.
        self._debts: deque[tuple[float, int]] = deque()
        self._timers: set[IDelayedCall] = set()

    @override
    def begin(self) -> None:
        if late := self._faults.get("accept-late"):
            self._hold(late)
            self._later(late.seconds, partial(self._begin_late, late))
        else:
            super().begin()

    def _begin_late(self, late: Fault) -> None:
        if self._ended is None:
            super().begin()
            self._release(late)

    @override
    def accept(self, name: str | None = None) -> None:
        super().accept(name)
        for kind in ("accept-late", "read-bytewise", "read-slowly"):
            if kind in self._faults:
                self._say(self._faults[kind])
        self._strike()
        self._read()

    @override
    def dataReceived(self, data: bytes) -> None:
        self._pending += data
        if self._may_read():
            self.handshakeCompleted()  # Reads; so not when a portion was taken.
        self._read()

    @override
    def resume(self) -> None:
        self._read()
        if self._may_read():
            super().resume()

    @override
    def unread_bytes(self) -> int:
        return super().unread_bytes() + len(self._pending)

    @override
    def take(self, messages: Messages, now: float) -> None:
        room = self._room()
        if room < len(messages):
            messages = Batch(tuple(islice(messages, room)), messages.mark)
        if messages.mark not in GOES_ON:
            self._taken_messages += len(messages)
        if room:
            super().take(messages, now)

    def _room(self) -> int:
        """How many messages there may be still.

        What stands behind the one that ends the connection was never read.
        """
        return self._most_messages - self._taken_messages

    @override
    def end(self, cause: EndCause, detail: str = "") -> None:
        if cause is EndCause.STOPPED or self._room():
            super().end(cause, detail)
            if self.connected and ISSLTransport.providedBy(self.transport):
                # TLS waits for the peer's end, which is read too.
                self.transport.resumeProducing()

    @override
    def may_answer(self) -> bool:
        if self._pacing or not super().may_answer():
            return False
        due, _ = self._debts[-len(self._owed)]
        seconds = due - self.connections.clock.seconds()
        if seconds > 0:
            self._pace(seconds)
        return seconds <= 0

    @override
    def send(self, piece: bytes) -> None:
        super().send(piece)
        if slow := self._faults.get("answer-slowly"):
            self._pace(_seconds_for(slow, piece))

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        super().connectionLost(reason)

    def _may_read(self) -> bool:
        held = self._held or self._full or self._behind or self.connections.paused
        return not held and self._ended is None

    def _read(self) -> None:
        """Take what may be read now, in portions of the right size."""
        slow = self._faults.get("read-slowly")
        while self._pending and self._may_read():
            portion = bytes(self._pending[: self._portion()])
            del self._pending[: len(portion)]
            super().dataReceived(portion)
            self._strike()
            if slow:
                self._hold(slow, _seconds_for(slow, portion))
        if isinstance(self.transport, FileDescriptor):
            # Then it is the kernel that keeps the rest, and closes its window.
            self.transport.bufferSize = self._portion()

    def _portion(self) -> int:
        """How many bytes may be read at a time."""
        size = 1 if "read-bytewise" in self._faults else READ_BYTES
        if slow := self._faults.get("read-slowly"):
            size = min(size, _step(slow))
        for fault in self._to_come:
            if fault.after_bytes is not None:
                size = min(size, fault.after_bytes - self._received_bytes)
        return size

    def _strike(self) -> None:
        """Do what is due after so many bytes or messages."""
        for fault in tuple(self._to_come):
            if self._ended is None and self._is_due(fault):
                self._to_come.remove(fault)
                self._say(fault)
                match fault.kind:
                    case "stop-reading":
                        self._hold(fault, fault.seconds)
                    case "half-close":
                        if self._at_last is None:  # Else a close is due.
                            self._when_paid(self._half_close)
                    case "close":
                        self._hold(fault)
                        self._when_paid(partial(self.end, EndCause.STOPPED, str(fault)))
                    case _:
                        self._ended, self._detail = EndCause.STOPPED, str(fault)
                        self.transport.abortConnection()

    def _is_due(self, fault: Fault) -> bool:
        if fault.after_messages:
            return self._taken_messages >= fault.after_messages
        return self._received_bytes >= (fault.after_bytes or 0)

    def _half_close(self) -> None:
        if not self._half_closed:
            self._half_closed = True
            self.transport.unregisterProducer()
            self.transport.loseWriteConnection()

    def _when_paid(self, act: Callable[[], None]) -> None:
        """Answer no more; do this when all that is owed is sent."""
        self._mute = True
        self._at_last = act
        self._pay()

    @override
    def _pay(self) -> None:
        super()._pay()
        act = self._at_last
        if act is not None and not self._owed:
            self._at_last = None
            act()
        self._heed_debts()

    def _heed_debts(self) -> None:
        """Read nothing while too much has to be answered."""
        owed = len(self._owed)
        to_bytes = sum(size for _, size in islice(reversed(self._debts), owed))
        behind = owed > MOST_OWED or to_bytes > MOST_OWED_BYTES
        if behind and not self._behind:
            self._behind = True
            self.pause()
        elif self._behind and not behind:
            self._behind = False
            if not self.connections.paused:
                self.resume()

    @override
    def _answer(self, chunk: bytes) -> None:
        if self._mute:
            self._pay()
            return
        before = self._taken_messages - self._whole
        self._whole = min(self._whole, self._most_answers - before)
        now = self.connections.clock.seconds()
        late = self._faults.get("answer-late") if self._whole or chunk else None
        if self._whole:
            unsaid, self._unsaid = self._unsaid, []
            for fault in unsaid:
                self._say(fault)
        while len(self._debts) > len(self._owed):
            self._debts.popleft()
        self._debts.append((now + (late.seconds or 0) if late else now, len(chunk)))
        super()._answer(chunk)

    def _pace(self, seconds: float) -> None:
        self._pacing = True
        self._later(seconds, self._go_on_answering)

    def _go_on_answering(self) -> None:
        self._pacing = False
        self._pay()

    def _hold(self, fault: Fault, seconds: float | None = None) -> None:
        """Read nothing, for so long, or until `_release`."""
        self._held.add(fault)
        self.pause()
        if seconds is not None:
            self._later(seconds, partial(self._release, fault))

    def _release(self, fault: Fault) -> None:
        self._held.discard(fault)
        if not self.connections.paused:
            self.resume()

    def _say(self, fault: Fault) -> None:
        assert self._peer is not None
        self.connections.sink(Misbehaved(self._peer, self.now(), str(fault)))

    def _later(self, seconds: float | None, call: Callable[[], None]) -> None:
        def due() -> None:
            self._timers.discard(timer)
            call()

        timer = self.connections.clock.callLater(seconds or 0, due)
        self._timers.add(timer)


def _fewest(behaviour: Behaviour, kinds: set[str]) -> int:
    """After how many messages the first of these kinds strikes."""
    counts = (fault.after_messages for fault in behaviour if fault.kind in kinds)
    return min(filter(None, counts), default=sys.maxsize)


def _step(slow: Fault) -> int:
    """How many bytes are one step of what is done slowly."""
    return max(1, int((slow.bytes_per_second or 0) / STEPS_PER_SECOND))


def _seconds_for(slow: Fault, data: bytes) -> float:
    assert slow.bytes_per_second is not None
    return len(data) / slow.bytes_per_second


def _garbage(_chunk: bytes, messages: int) -> Iterator[bytes]:
    return repeat(GARBAGE, messages)


def _wrong_reply(behaviour: Behaviour, reply: Reply) -> Reply:
    faults = {fault.kind: fault for fault in behaviour}
    if "answer-nothing" in faults:
        return no_reply
    if "answer-garbage" in faults:
        reply = _garbage
    if slow := faults.get("answer-slowly"):
        reply = in_pieces(reply, _step(slow))
    return reply
