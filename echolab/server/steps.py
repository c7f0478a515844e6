"""The steps of an answer besides bytes: wait, close, go on by other rules."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Close", "Delay", "Next", "Piece", "Then", "Unfitting"]


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait before the rest of the answer, and before later answers.

    Attributes:
        seconds: how long, from 0.

    Raises:
        ValueError: it is less than 0, or no number of seconds.
    """

    seconds: float

    def __post_init__(self) -> None:
        """Check the number."""
        if not isinstance(self.seconds, int | float):
            raise TypeError(f"a delay is a number of seconds, not {self.seconds!r}")
        if not 0 <= self.seconds < float("inf"):
            raise ValueError(f"a delay is from 0 seconds, not {self.seconds}")


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection in order; nothing is answered after it."""


@dataclass(frozen=True, slots=True)
class Then:
    """Answer later messages by another list of answers.

    Attributes:
        name: the name of the list; ``answers`` is the first.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Next:
    """The answer to the next message begins.

    Attributes:
        messages: how many messages were begun to be answered; 1, unless their answers
            were sent as one.
    """

    messages: int = 1


@dataclass(frozen=True, slots=True)
class Unfitting:
    """The next message, which no rule fits: it is not answered."""

    message: bytes


Piece: TypeAlias = bytes | Delay | Close | Next | Unfitting | Awaitable["object"]
"""A piece of an answer: bytes to send, a step, or what will have an answer as its
result."""
