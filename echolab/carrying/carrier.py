"""A sink that carries events into a stream, a flight of messages at a time.

For each connection with waiting events there is one message in a flight, and the next
flight begins when the engine has acknowledged all of this one. So the order of each
connection holds whatever is lost on the way, and what waits in the meantime makes the
next messages large: this is what makes it fast.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from twisted.internet.defer import succeed
from twisted.logger import Logger
from zope.interface import implementer

from echolab.carrying.packing import Waiting
from echolab.carrying.publishing import Message, subject_of
from echolab.carrying.schema import Stamp, message_id
from echolab.interfaces import ISink
from echolab.outputs.flushes import Flushes
from echolab.outputs.sharing import Producers

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall, IProducer

    from echolab.carrying.packing import Packer
    from echolab.carrying.publishing import Engine
    from echolab.events import Event
    from echolab.interfaces import AnyClock, Producer

__all__ = ["Carrier"]

MAX_WAITING_BYTES = 1 << 20
MAX_WAITING_PIECES = 1 << 14
FLIGHT_BYTES = 512 << 10
FLIGHT_MESSAGES = 256
ANSWER_SECONDS = 3.0
"""How long the engine may take before it is asked whether it is there."""
RETRY_SECONDS = 1.0
"""How long to wait after the engine has refused a message."""

_log = Logger()


class State(Enum):
    """What a carrier knows of its engine."""

    AWAY = auto()
    """It is not there, or may not be there."""
    UP = auto()
    FAILED = auto()
    """It will never be there."""
    CLOSED = auto()
    """The carrier was closed."""


_ENDED = State.FAILED, State.CLOSED


@implementer(ISink)
class Carrier:
    """A sink that carries events into a stream.

    While more than ``max_waiting_bytes`` are not acknowledged, or thousands of events
    wait, the producers are paused: an engine that is slow, full or away holds the
    peers. Nothing is dropped.

    Args:
        engine: publishes the messages.
        packer: makes them of events.
        name: the address of the stream, for users.
        subject: what the subjects begin with.
        receiver: the name of this receiver.
        run: a text that is random for each start.
        clock: tells the time.
        failed: called with the reason if the engine cannot be used at all.
        max_waiting_bytes: how many bytes may wait before the producers are paused.
    """

    def __init__(
        self,
        engine: Engine,
        packer: Packer,
        *,
        name: str,
        subject: str,
        receiver: str,
        run: str,
        clock: AnyClock,
        failed: Callable[[str], None],
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self.name = name
        self.needs = packer.needs
        self._engine = engine
        self._packer = packer
        self._subject = subject
        self._receiver = receiver
        self._run = run
        self._clock = clock
        self._fail = failed
        self._max = max_waiting_bytes
        self._state = State.AWAY
        self._trouble = False  # A line has said that it does not work.
        self._waiting = Waiting()
        self._number = 0
        self._flight: dict[int, Message] = {}
        self._flying_bytes = 0
        self._lost_bytes = 0  # of what came after the engine had failed
        self._timer: IDelayedCall | None = None
        self._producers = Producers(name)
        self._flushes = Flushes(clock, self._left_until)
        engine.listener = self

    def __call__(self, event: Event) -> None:
        """Take an event; it is published at the end of this turn, or when it can be."""
        if self._state is State.CLOSED:
            return  # The owner has counted what is left.
        pieces = self._packer.pieces(event)
        if self._state is State.FAILED:
            self._lost_bytes += sum(piece.size for piece in pieces)
            return
        self._waiting.add(event.peer, pieces)
        if self._is_over(1):
            self._producers.pause()
        if not self._flight and self._timer is None and self._state is State.UP:
            self._in(0, self._begin)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes are not acknowledged."""
        return self._waiting.size + self._flying_bytes + self._lost_bytes

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while too many bytes wait; several can be registered."""
        self._producers.add(producer, streaming)

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Stop pausing a producer."""
        self._producers.remove(producer)

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until the engine has acknowledged all events so far; see `ISink`."""
        if not self.waiting_bytes or self._state in _ENDED:
            return succeed(self.waiting_bytes)
        return self._flushes.wait(self._waiting.arrived, seconds)

    def reopen(self) -> bool:
        """Return False: this is not a file."""
        return False

    def close(self) -> None:
        """Stop carrying."""
        self._state = State.CLOSED
        self._stop()

    def up(self) -> None:
        """Publish what is on its way again, or what waits; see `Listener`."""
        if self._state in _ENDED:
            return
        self._state = State.UP
        if self._flight:
            self._publish()
        else:
            self._works()
            self._begin()

    def down(self, reason: str) -> None:
        """Wait until the engine is there; see `Listener`."""
        if self._state in _ENDED:
            return
        self._state = State.AWAY
        self._cancel()
        self._say(reason)

    def acknowledged(self, number: int) -> None:
        """Forget a message that the engine has; see `Listener`."""
        message = self._flight.pop(number, None)
        if message is None:
            return  # It was published twice.
        self._flying_bytes -= message.size
        if self._flight:
            return
        self._works()
        self._begin()
        if self._flushes:
            flying = [each.first for each in self._flight.values()]
            self._flushes.end(min([*flying, self._waiting.oldest()]) - 1)
        if not self._is_over(2):
            self._producers.resume()

    def rejected(self, number: int, reason: str | None) -> None:
        """Publish a message again in a moment; see `Listener`."""
        if number in self._flight and self._state is State.UP:
            if reason is not None:
                self._say(reason)
            self._in(RETRY_SECONDS, self._publish)

    def failed(self, reason: str) -> None:
        """Carry nothing any more; see `Listener`."""
        self._state = State.FAILED
        self._stop()
        self._fail(reason)

    def _is_over(self, part: int) -> bool:
        """Whether more waits than the bounds, divided by ``part``."""
        pieces = self._waiting.pieces > MAX_WAITING_PIECES // part
        return pieces or self.waiting_bytes > self._max // part

    def _begin(self) -> None:
        """Begin a flight with what waits, if anything does."""
        if self._state is not State.UP:
            return
        self._cancel()
        stored = self._number  # All before this flight.
        left = FLIGHT_BYTES
        while len(self._flight) < FLIGHT_MESSAGES:
            taken = self._waiting.take(left, any_size=not self._flight)
            if taken is None:
                break
            peer, first, pieces = taken
            self._number += 1
            size = sum(piece.size for piece in pieces)
            left -= size
            self._flying_bytes += size
            self._flight[self._number] = Message(
                self._number,
                subject_of(self._subject, self._receiver, peer),
                message_id(self._receiver, self._run, self._number),
                self._packer.content_type,
                self._packer.pack(
                    Stamp(self._receiver, self._run, self._number, stored, peer),
                    pieces,
                ),
                first,
                size,
            )
        if self._flight:
            self._publish()

    def _publish(self) -> None:
        """Publish what is on its way and not acknowledged."""
        self._in(ANSWER_SECONDS, self._doubt)
        self._engine.publish([*self._flight.values()])

    def _doubt(self) -> None:
        self._timer = None
        self._say(f"not acknowledged within {ANSWER_SECONDS:g} s")
        self._engine.doubt()

    def _in(self, seconds: float, what: Callable[[], None]) -> None:
        self._cancel()
        self._timer = self._clock.callLater(seconds, what)

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _say(self, reason: str) -> None:
        """Log one line, until it works again."""
        if not self._trouble:
            self._trouble = True
            _log.error(
                "write {name}: {reason}; waiting until it works",
                name=self.name,
                reason=reason,
            )

    def _works(self) -> None:
        if self._trouble:
            self._trouble = False
            _log.info("write {name}: works again", name=self.name)

    def _stop(self) -> None:
        self._cancel()
        self._flushes.end()
        self._producers.resume()

    def _left_until(self, mark: int) -> int:
        """Return how many bytes have the pieces with a number up to ``mark``."""
        flight = self._flight.values()
        flying = sum(each.size for each in flight if each.first <= mark)
        return flying + self._waiting.size_until(mark)
