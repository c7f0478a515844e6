"""Only the first messages of a connection, in any framing."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from echolab.errors import FramingError
from echolab.messages import GOES_ON, Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.framing.base import Framer
    from echolab.messages import Messages

__all__ = ["FirstMessages"]


class FirstMessages:
    """Framer that yields the first messages of another one, and ignores the rest.

    Args:
        framer: makes the messages.
        most: how many messages to yield; the pieces of a message count as one.

    Attributes:
        count: how many messages were yielded.
    """

    def __init__(self, framer: Framer, most: int) -> None:
        self.count = 0
        self._framer = framer
        self._most = most

    @property
    def buffered_bytes(self) -> int:
        """Number of bytes of the unfinished message."""
        return self._framer.buffered_bytes

    def feed(self, chunk: bytes) -> Iterator[Messages]:
        """Yield the messages that the chunk completes."""
        return self._first(self._framer.feed(chunk))

    def take(self) -> Iterator[Messages]:
        """Yield the unfinished message so far."""
        return self._first(self._framer.take())

    def end(self) -> Iterator[Messages]:
        """Yield the unterminated message, if any."""
        return self._first(self._framer.end())

    def _first(self, batches: Iterable[Messages]) -> Iterator[Messages]:
        try:
            for messages in batches:
                room = self._most - self.count
                if not room:
                    return
                if room < len(messages):
                    first = tuple(islice(messages, room))
                    yield self._counted(Batch(first, messages.mark))
                    return
                yield self._counted(messages)
        except FramingError:
            if self.count < self._most:
                raise

    def _counted(self, messages: Messages) -> Messages:
        if messages.mark not in GOES_ON:
            self.count += len(messages)
        return messages
