"""Framing without boundaries: each read is one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.errors import OverlongError
from echolab.framing.base import DEFAULT_MAX_MESSAGE_BYTES, Overlong, check_bound
from echolab.messages import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ChunkFramer"]


class ChunkFramer:
    """Framer whose messages are what each recv(2) returned.

    Args:
        max_message_bytes: the longest message, at least 1.
        overlong: what to do with a longer one.
    """

    __slots__ = ("_max", "_overlong")

    def __init__(
        self,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        overlong: Overlong = "split",
    ) -> None:
        self._max = check_bound(max_message_bytes)
        self._overlong = overlong

    @property
    def buffered_bytes(self) -> int:
        """Always 0: nothing is buffered."""
        return 0

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Yield the chunk, split if it is over the bound."""
        at = 0
        while len(chunk) - at > self._max:
            if self._overlong == "close":
                raise OverlongError(self._max)
            yield Batch((chunk[at : at + self._max],), mark="overlong")
            at += self._max
        if len(chunk) > at:
            yield Batch((chunk[at:],), mark="continued" if at else None)

    def take(self) -> Iterator[Batch]:
        """Return no messages: a read is always complete."""
        return iter(())

    end = take
