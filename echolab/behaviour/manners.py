"""The wrong manners of sending: late, slowly, in pieces, corrupted, out of order."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable, Iterator

    from echolab.behaviour.fault import Fault

__all__ = ["Manner", "Write", "manners_of"]

STEPS_PER_SECOND = 10
"""What is sent slowly is sent in so many pieces a second."""

MOST_SEEDS = 1_000_000


@dataclass(slots=True, eq=False)
class Write:
    """What a sender has given, as far as it is not sent.

    Attributes:
        data: its bytes.
        answers: the number of the message that they answer; None if they answer none.
        due: when they may be sent, on the clock.
    """

    data: memoryview
    answers: int | None
    due: float = 0.0


class Manner:
    """One thing that is done wrong to what is sent; this one does nothing.

    Args:
        fault: which.
        say: reports that it strikes.
    """

    def __init__(self, fault: Fault, say: Callable[[Fault], None]) -> None:
        self.fault = fault
        self._say = say
        self._said = False

    def strike(self) -> None:
        """Report that it strikes, once."""
        if not self._said:
            self._said = True
            self._say(self.fault)

    def put(self, write: Write, waiting: deque[Write], now: float) -> None:
        """Change, delay or move a write, which is the last one that waits."""

    def let_go(self) -> None:
        """Delay nothing for the sake of what may follow: nothing will."""

    def size(self) -> int:
        """Return how many bytes the next piece may have."""
        return sys.maxsize

    def change(self, piece: bytes, before: int) -> bytes:
        """Return a piece as it is to be sent, after so many bytes."""
        return piece

    def pause(self, size: int) -> float:
        """Return how many seconds to wait after a piece of this size."""
        return 0.0


class Twice(Manner):
    """Sends each write twice."""

    @override
    def put(self, write: Write, waiting: deque[Write], now: float) -> None:
        self.strike()
        write.data = memoryview(bytes(write.data) * 2)


class OutOfOrder(Manner):
    """Exchanges every two writes; one that waits too long for another goes alone."""

    _first: Write | None = None

    @override
    def put(self, write: Write, waiting: deque[Write], now: float) -> None:
        first, self._first = self._first, None
        if first is None or first.due <= now:
            self._first = write
            write.due = max(write.due, now + (self.fault.seconds or 0.0))
        else:
            self.strike()
            first.due = now
            waiting[-1], waiting[-2] = first, write

    @override
    def let_go(self) -> None:
        if self._first is not None:
            self._first.due = 0.0
            self._first = None


class InPieces(Manner):
    """Sends in pieces, with a pause after each."""

    @override
    def size(self) -> int:
        return self.fault.bytes_per_piece or 1

    @override
    def change(self, piece: bytes, before: int) -> bytes:
        self.strike()
        return piece

    @override
    def pause(self, size: int) -> float:
        return self.fault.seconds or 0.0


class Slowly(Manner):
    """Sends so many bytes a second."""

    @override
    def size(self) -> int:
        return max(1, int((self.fault.bytes_per_second or 0) / STEPS_PER_SECOND))

    @override
    def change(self, piece: bytes, before: int) -> bytes:
        self.strike()
        return piece

    @override
    def pause(self, size: int) -> float:
        return size / (self.fault.bytes_per_second or 1)


class Corrupted(Manner):
    """Inverts all bits of one byte."""

    @override
    def change(self, piece: bytes, before: int) -> bytes:
        at = (self.fault.after_sent_bytes or 0) - before
        if not 0 <= at < len(piece):
            return piece
        self.strike()
        return piece[:at] + bytes((piece[at] ^ 0xFF,)) + piece[at + 1 :]


class Jitter(Manner):
    """Delays each write by a random time; none overtakes another."""

    def __init__(self, fault: Fault, say: Callable[[Fault], None]) -> None:
        seed = random.randrange(MOST_SEEDS) if fault.seed is None else fault.seed
        super().__init__(replace(fault, seed=seed), say)
        self._random = random.Random(seed)

    @override
    def put(self, write: Write, waiting: deque[Write], now: float) -> None:
        self.strike()
        delay = self._random.uniform(0.0, self.fault.seconds or 0.0)
        write.due = max(write.due, now + delay)


_MANNERS: dict[str, type[Manner]] = {
    "answer-twice": Twice,
    "jitter": Jitter,
    "answer-out-of-order": OutOfOrder,
    "send-in-pieces": InPieces,
    "send-slowly": Slowly,
    "send-corrupted": Corrupted,
}
"""In the order in which a write passes them."""

_SEVERAL = {"send-corrupted"}
"""Of these there may be several; of the others, the last one counts."""


def manners_of(
    faults: Iterable[Fault], say: Callable[[Fault], None]
) -> Iterator[Manner]:
    """Make what faults do to the bytes that a connection sends.

    Args:
        faults: all faults of the connection.
        say: reports one that strikes.
    """
    known = {kind: [f for f in faults if f.kind == kind] for kind in _MANNERS}
    for kind, make in _MANNERS.items():
        of_kind = known[kind] if kind in _SEVERAL else known[kind][-1:]
        yield from (make(fault, say) for fault in of_kind)
