"""What is new of a client's messages: those that it has sent before are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.messages import GOES_ON, without_first
from echolab.server.clients import Taken, begins_introduction, introduction_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from echolab.framing import Framer
    from echolab.messages import Messages
    from echolab.server.clients import Introduction

__all__ = ["Intake"]


class Intake:
    """Framer that yields the messages of another one which were not taken before.

    A message counts as taken when its sinks were given it as a whole: the start of a
    message that a client has not ended is not yielded, since the client sends it again.
    Only of a message over the bound each piece counts.

    Args:
        framer: makes the messages.
        introduced: called if the first message is an introduction, which is then not
            yielded; returns what was taken from the client.
        go_on: called with the number of the next message that is yielded, at first and
            where the numbers jump, if there was an introduction.
        took: called when messages were yielded, or left out.

    Attributes:
        taken: what was taken from the client; None until its first message has come.
        last: the number of the last message that has come on this connection.
        cut_bytes: how many bytes of a last message without an end were left out.
    """

    def __init__(
        self,
        framer: Framer,
        *,
        introduced: Callable[[Introduction], Taken],
        go_on: Callable[[int], None],
        took: Callable[[], None],
    ) -> None:
        self.taken: Taken | None = None
        self.last = 0
        self.cut_bytes = 0
        self._framer = framer
        self._introduced = introduced
        self._go_on = go_on
        self._took = took
        self._is_known = False  # Otherwise it has not introduced itself.
        self._expected = 1
        self._pieces = 0

    @property
    def buffered_bytes(self) -> int:
        """Number of bytes of the unfinished message."""
        return self._framer.buffered_bytes

    def feed(self, chunk: bytes) -> Iterator[Messages]:
        """Yield the new messages that the chunk completes."""
        return self._new(self._framer.feed(chunk))

    def take(self) -> Iterable[Messages]:
        """Yield the unfinished message so far, unless it may come again."""
        if self.taken is None or self._is_known:
            return ()
        return self._new(self._framer.take())

    def end(self) -> Iterator[Messages]:
        """Yield the unterminated message, if any, unless it will come again."""
        return self._new(self._framer.end())

    def stop(self) -> None:
        """Drop the callbacks, so that an ended connection is freed at once."""
        self._introduced, self._go_on, self._took = _taken, _ignore, _nothing

    def _new(self, batches: Iterable[Messages]) -> Iterator[Messages]:
        for messages in batches:
            if not messages:
                continue
            if self.taken is None:
                yield from self._first(messages)
            else:
                yield from self._not_taken(messages, self.taken)

    def _first(self, messages: Messages) -> Iterator[Messages]:
        introduction = None
        if messages.mark is None:
            introduction = introduction_in(next(iter(messages)))
        elif messages.mark == "unterminated" and begins_introduction(messages.raw()):
            self.cut_bytes += len(messages.raw())
            return
        if introduction is None:
            self.taken = Taken()
            yield from self._not_taken(messages, self.taken)
            return
        self._is_known = True
        self.last = introduction.first - 1
        self.taken = taken = self._introduced(introduction)
        self._tell(max(introduction.first, taken.number + 1))
        if len(messages) > 1:
            yield from self._not_taken(without_first(messages, 1), taken)

    def _not_taken(self, messages: Messages, taken: Taken) -> Iterator[Messages]:
        if messages.mark in GOES_ON:
            self._pieces += 1
            if self.last == taken.number and self._pieces > taken.pieces:
                taken.pieces = self._pieces
                self._jump(self.last + 1)
                yield messages
        elif messages.mark == "unterminated":
            if self._is_known:
                self.cut_bytes += len(messages.raw())
            else:
                yield messages
        else:
            count = len(messages)
            self.last += count
            self._pieces = 0
            new = self.last - taken.number
            if new > 0:
                taken.number = self.last
                taken.pieces = 0
                self._jump(self.last - min(new, count) + 1)
                self._expected = self.last + 1
                yield messages if new >= count else without_first(messages, count - new)
                taken.reported = max(taken.reported, self.last)
            self._took()

    def _jump(self, number: int) -> None:
        if number != self._expected and self._is_known:
            self._tell(number)

    def _tell(self, number: int) -> None:
        self._expected = number
        self._go_on(number)


def _taken(_: Introduction) -> Taken:
    return Taken()


def _ignore(_: int) -> None:
    """Tell nobody: the connection has ended."""


def _nothing() -> None:
    """Tell nobody: the connection has ended."""
