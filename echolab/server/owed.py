"""What a peer is owed for one batch of messages, piece by piece."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Owed", "portions"]


class Owed:
    """Answers that are not fully sent.

    Args:
        size: the number of bytes that they answer.
        due: when they may be sent, on the clock.
        messages: how many messages they answer.
        before: the number of the message before these.
        by_hand: whether they answer nothing, but are sent by hand.

    Attributes:
        computing: whether the next piece is being computed.
        messages: how many messages are not fully answered.
        number: the number of the message that is being answered; None if that is
            unknown, as for answers without marks (`echolab.server.steps.Next`).
    """

    __slots__ = (
        "_before",
        "_rests",
        "by_hand",
        "computing",
        "due",
        "messages",
        "number",
        "size",
    )

    def __init__(
        self,
        *,
        size: int,
        due: float,
        messages: int = 0,
        before: int = 0,
        by_hand: bool = False,
    ) -> None:
        self.size = size
        self.by_hand = by_hand
        self.due = due
        self.messages = messages
        self.computing = True
        self.number: int | None = None
        self._before = before
        self._rests: list[Iterator[Any]] = []

    def add(self, answer: Any) -> None:
        """Put an answer in front of what is left.

        Raises:
            TypeError: it is no answer.
        """
        self._rests.append(_pieces(answer))
        self.computing = False

    def next_piece(self) -> Any:
        """Return the next piece; None at the end."""
        while self._rests:
            piece = next(self._rests[-1], None)
            if piece is not None:
                return piece
            self._rests.pop()
        return None

    def begin_next(self, messages: int = 1) -> int:
        """Begin the answer to the next message; return its number.

        Args:
            messages: how many were begun; all but the last one are answered.
        """
        if self.number is None:
            self.number = self._before
            self.messages += 1
        self.number += messages
        self.messages -= messages
        return self.number


def _pieces(answer: Any) -> Iterator[Any]:
    if answer is None:
        return iter(())
    if isinstance(answer, bytes | bytearray | memoryview):
        return iter((bytes(answer),))
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise TypeError(f"it returned {type(answer).__name__}, not bytes")
    return iter(answer)


def portions(data: bytes, size: int) -> Iterator[bytes]:
    """Yield bytes in portions of at most ``size``."""
    return (data[at : at + size] for at in range(0, len(data), size))
