"""A dialogue as the input of a client: send this, expect that."""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from echolab.client.protocol import CLOSED
from echolab.client.seeking import Seeker, StreamPattern
from echolab.ends import ORDERLY, EndCause, in_words
from echolab.errors import ExpectationError
from echolab.events import Finished, HalfClosed, Received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.events import Event
    from echolab.interfaces import AnyClock, Taker

__all__ = ["Dialogue"]


class _State(enum.Enum):
    PAUSED = enum.auto()
    RUNNING = enum.auto()
    OVER = enum.auto()


@implementer(IPushProducer)
class Dialogue:
    """Bytes to send and patterns to expect, one after the other.

    It is the source of the client's input, and a sink of its events. Replies are
    searched as they come, also while the next bytes cannot be sent yet.

    Args:
        steps: the bytes and the patterns.
        clock: tells the time.
        name: the server's name for users.
        wait_seconds: how long a pattern may take from the time when it is its turn.
        is_held: whether replies are not read at the moment; that does not count.
        failed: called with the reason if a pattern does not come.
    """

    def __init__(
        self,
        steps: Iterable[bytes | StreamPattern],
        *,
        clock: AnyClock,
        name: str,
        wait_seconds: float,
        is_held: Callable[[], bool],
        failed: Callable[[ExpectationError], None],
    ) -> None:
        self._steps = deque(steps)
        self._missing = deque(
            each for each in self._steps if isinstance(each, StreamPattern)
        )
        self._found = 0  # patterns that were found before their turn
        self._clock = clock
        self._name = name
        self._wait_seconds = wait_seconds
        self._is_held = is_held
        self._failed = failed
        self._seeker = Seeker()
        self._state = _State.PAUSED
        self._timer: IDelayedCall | None = None

    def source(self, taker: Taker) -> Dialogue:
        """Give the input to ``taker``; return the producer that it may pause."""
        self._taker = taker
        return self

    def __call__(self, event: Event) -> None:
        """Take one event of the connection."""
        match event:
            case Received(messages=messages) if self._missing:
                self._seeker.take(messages.raw())
                self._seek(self._seeker.find)
            case HalfClosed():
                self._end(CLOSED)
            case Finished(cause=EndCause.STOPPED, detail=detail) if detail:
                self._end(f"closed by this side ({detail})")
            case Finished(cause=cause, detail=detail):
                self._end(CLOSED if cause in ORDERLY else in_words(detail))
            case _:
                pass

    def resumeProducing(self) -> None:
        """Begin, or go on."""
        if self._state is _State.PAUSED:
            self._state = _State.RUNNING
            self._seek(self._seeker.find)

    def pauseProducing(self) -> None:
        """Send nothing until `resumeProducing`."""
        if self._state is _State.RUNNING:
            self._state = _State.PAUSED

    def stopProducing(self) -> None:
        """Send nothing more. What is missing at the end of the replies is told."""
        self._state = _State.OVER
        self._cancel()

    def _seek(self, find: Callable[[StreamPattern], bool]) -> None:
        while self._missing and find(self._missing[0]):
            self._missing.popleft()
            self._found += 1
            self._cancel()
        self._go_on()

    def _go_on(self) -> None:
        """Do the steps whose turn it is."""
        while self._state is _State.RUNNING:
            step = self._steps.popleft() if self._steps else None
            if step is None:
                self._state = _State.OVER
                self._taker.ended()
            elif isinstance(step, bytes):
                self._taker.received(step)
            elif self._found:
                self._found -= 1
            else:
                self._steps.appendleft(step)
                self._wait()
                return

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(self._wait_seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        if self._is_held():
            self._wait()
        else:
            self._fail(f" within {self._wait_seconds:g} s")

    def _end(self, why: str) -> None:
        """Take the end of the replies."""
        self._seek(self._seeker.find_at_end)
        if self._missing:
            self._fail(f", {why}")

    def _fail(self, why: str) -> None:
        self.stopProducing()
        reason = f"no '{self._missing[0].text}'{why}; {self._seeker.came()}"
        self._missing.clear()
        self._failed(ExpectationError("expect", self._name, reason))

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
