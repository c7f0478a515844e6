"""The question for a pattern in a stream, to a transcript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from echolab.events import Chunk, Finished, Sent
from echolab.patterns import pattern_of
from echolab.testing.questions import number_of
from echolab.testing.stream import MATCH_BYTES, Stream

if TYPE_CHECKING:
    from echolab.events import Event
    from echolab.patterns import Pattern
    from echolab.testing.forgetting import Forgotten
    from echolab.testing.questions import Who

__all__ = ["DataQuestion"]


class DataQuestion:
    """Wait for a pattern in the bytes of one connection, in one direction.

    Args:
        pattern: what to search for.
        who: the peer; None for any.
        sent: whether to search what was sent to the peer, not what it sent.
    """

    def __init__(self, pattern: Pattern, who: Who, *, sent: bool = False) -> None:
        self._pattern = pattern_of(pattern)
        self._number = number_of(who)
        self._kind = Sent if sent else Chunk
        self._streams: dict[int, Stream] = {}
        self._searched: dict[int, int] = {}
        self._unsearched: set[int] = set()
        self._found: bytes | None = None

    @override
    def __str__(self) -> str:
        whose = "a peer" if self._number is None else f"peer {self._number}"
        way = "sent to" if self._kind is Sent else "of"
        return f"{self._pattern.pattern!r} in the bytes {way} {whose}"

    @property
    def kept_bytes(self) -> int:
        """How many bytes are kept to search in them again."""
        return sum(len(stream.data) for stream in self._streams.values())

    def skip(self, gone: Forgotten) -> bool:
        """Go on from the remembered bytes: a stream's start may be forgotten."""
        cut = gone.sent if self._kind is Sent else gone.received
        self._streams = {number: Stream(is_cut=True) for number in cut}
        return True

    def look_at(self, event: Event) -> None:
        """Look at an event; `answer` searches."""
        number = event.peer.number
        if self._number not in (None, number):
            return
        if isinstance(event, Chunk | Sent) and isinstance(event, self._kind):
            self._streams.setdefault(number, Stream()).append(event.data)
            self._unsearched.add(number)
        elif isinstance(event, Finished) and number in self._streams:
            self._streams[number].has_ended = True
            self._unsearched.add(number)

    def answer(self) -> bytes | None:
        """Return the first match, if there is one."""
        for number in sorted(self._unsearched):
            stream = self._streams[number]
            match = stream.search(self._pattern, self._searched.get(number, 0))
            if match and self._found is None:
                self._found = match[0]
            self._searched[number] = stream.end
            stream.drop(stream.end - 2 * MATCH_BYTES)
            if stream.has_ended:
                del self._streams[number], self._searched[number]
        self._unsearched.clear()
        return self._found
