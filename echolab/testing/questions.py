"""Questions to a transcript: each looks at all events until it has an answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from typing_extensions import override

from echolab.addresses import Peer
from echolab.counting import count
from echolab.events import Accepted, Chunk, Connected, Finished, LeftOut, Received
from echolab.messages import ENDED, GOES_ON, Batch
from echolab.patterns import pattern_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.events import Event
    from echolab.messages import Mark
    from echolab.patterns import Pattern
    from echolab.testing.forgetting import Forgotten

__all__ = [
    "BytesQuestion",
    "EndQuestion",
    "LineQuestion",
    "PeersQuestion",
    "Question",
    "Who",
    "as_bytes",
    "joined",
    "number_of",
    "seconds_of",
]

Who: TypeAlias = "Peer | int | None"
"""A peer, or its number (1 for the first), or None for all."""

T_co = TypeVar("T_co", covariant=True)


class Question(Protocol[T_co]):
    """Looks at every event in order; its ``str`` says what it waits for."""

    def skip(self, gone: Forgotten) -> bool:
        """Skip the forgotten events; return whether that is possible.

        Called before `look_at`.
        """
        ...

    def look_at(self, event: Event) -> None:
        """Look at an event."""
        ...

    def answer(self) -> T_co | None:
        """Return the answer; None if there is none yet."""
        ...


class LineQuestion:
    """Wait for a number of lines that match a pattern."""

    def __init__(self, pattern: Pattern, who: Who, times: int) -> None:
        if times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        self._pattern = pattern_of(pattern)
        self._number = number_of(who)
        self._times = times
        self._left = times
        self._found: bytes | None = None
        self._join = Joiner()
        self._headless: set[int] = set()  # peers whose first line lacks its start

    @override
    def __str__(self) -> str:
        times = f", {self._times} times" if self._times > 1 else ""
        whose = "" if self._number is None else f" of peer {self._number}"
        return f"a line{whose} with {self._pattern.pattern!r}{times}"

    def skip(self, gone: Forgotten) -> bool:
        """Return whether forgotten lines do not matter: if none are to be counted."""
        self._headless = set(gone.begun)
        return self._times == 1 or not gone.has_any_of(self._number)

    def look_at(self, event: Event) -> None:
        """Look at an event."""
        number = event.peer.number
        if self._found is None and self._number in (None, number):
            for each in self._join(event):
                if isinstance(each, Received):
                    self._search(islice(each.messages, number in self._headless, None))
                    self._headless.discard(number)

    def answer(self) -> bytes | None:
        """Return the last of the lines, if all have come."""
        return self._found

    def _search(self, lines: Iterable[bytes]) -> None:
        for line in filter(self._pattern.search, lines):
            self._left -= 1
            if self._left == 0:
                self._found = line


class EndQuestion:
    """Wait for the end of one connection, or until none is open."""

    def __init__(self, who: Who) -> None:
        self._number = number_of(who)
        self._open: set[int] = set()
        self._last: Finished | None = None

    @override
    def __str__(self) -> str:
        whose = "" if self._number is None else f" of peer {self._number}"
        return f"the end of the connection{whose}"

    def skip(self, gone: Forgotten) -> bool:
        """Go on from the summary, unless the wanted end itself is forgotten."""
        if self._number is None:
            self._open |= gone.open
            self._last = gone.last_end
            return True
        self._open |= gone.open & {self._number}
        if gone.last_end and gone.last_end.peer.number == self._number:
            self._last = gone.last_end
        return bool(self._open or self._last or not gone.has_any_of(self._number))

    def look_at(self, event: Event) -> None:
        """Look at an event."""
        number = event.peer.number
        if self._number in (None, number):
            if isinstance(event, Accepted | Connected):
                self._open.add(number)
            elif isinstance(event, Finished):
                self._open.discard(number)
                self._last = event

    def answer(self) -> Finished | None:
        """Return the last end, if no connection is open."""
        return None if self._open else self._last


class BytesQuestion:
    """Wait for a number of bytes."""

    def __init__(self, count: int, who: Who) -> None:
        self._count = count
        self._number = number_of(who)
        self._chunks: list[bytes] = []
        self._left = count

    @override
    def __str__(self) -> str:
        whose = "" if self._number is None else f" of peer {self._number}"
        return f"{count(self._count, 'byte')}{whose}"

    def skip(self, gone: Forgotten) -> bool:
        """Return whether all bytes are remembered: the answer needs all."""
        return not gone.has_any_of(self._number)

    def look_at(self, event: Event) -> None:
        """Look at an event."""
        if isinstance(event, Chunk) and self._number in (None, event.peer.number):
            self._chunks.append(event.data)
            self._left -= len(event.data)

    def answer(self) -> bytes | None:
        """Return all the bytes, if they are enough."""
        return b"".join(self._chunks) if self._left <= 0 else None


class PeersQuestion:
    """Wait for a number of peers to connect."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._peers: list[Peer] = []

    @override
    def __str__(self) -> str:
        return count(self._count, "peer")

    def skip(self, gone: Forgotten) -> bool:
        """Return whether all peers are remembered: the answer needs all."""
        return not gone.connected

    def look_at(self, event: Event) -> None:
        """Look at an event."""
        if isinstance(event, Accepted | Connected):
            self._peers.append(event.peer)

    def answer(self) -> list[Peer] | None:
        """Return the peers, if they are enough."""
        return self._peers if len(self._peers) >= self._count else None


class Joiner:
    """Join the pieces of messages again: ``partial`` and ``overlong``."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[bytes]] = {}

    def __call__(self, event: Event) -> Iterator[Event]:
        """Take an event; yield the events that are whole now."""
        number = event.peer.number
        match event:
            case Received(messages=messages):
                [first, *others] = messages
                self._pieces.setdefault(number, []).append(first)
                if messages.mark not in GOES_ON:
                    mark = None if messages.mark in ENDED else messages.mark
                    whole = Batch((self._join(number), *others), mark)
                    yield replace(event, messages=whole)
            case Finished():
                yield from self._rest(event, "unterminated")
                yield event
            case LeftOut() if event.received_bytes:
                yield from self._rest(event, "partial")
                yield event
            case _:
                yield event

    def _rest(self, event: Event, mark: Mark) -> Iterator[Event]:
        """Yield the pieces of a message whose rest does not come."""
        number = event.peer.number
        if number in self._pieces:
            rest = Batch((self._join(number),), mark)
            yield Received(event.peer, event.time, rest)

    def _join(self, number: int) -> bytes:
        return b"".join(self._pieces.pop(number))


def joined(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events, with the pieces of messages joined again."""
    join = Joiner()
    for event in events:
        yield from join(event)


def seconds_of(timeout: object) -> float:
    """Return how long a wait may take.

    Raises:
        TypeError: it is no number of seconds.
    """
    if not isinstance(timeout, int | float):
        raise TypeError(f"a timeout is a number of seconds, not {timeout!r}")
    return timeout


def number_of(who: Who) -> int | None:
    """Return the number of a peer; None for all peers.

    Raises:
        TypeError: ``who`` is not a peer.
        ValueError: no peer has such a number.
    """
    if not isinstance(who, Peer | int | None):
        raise TypeError(f"a peer is its number, or an echolab.Peer, not {who!r}")
    number = who.number if isinstance(who, Peer) else who
    if number is not None and number < 0:
        raise ValueError(f"peers are numbered from 1: there is no {number}")
    return number


def as_bytes(text: str | bytes) -> bytes:
    """Return bytes; of a str, its UTF-8.

    Raises:
        TypeError: it is neither str nor bytes.
    """
    if not isinstance(text, str | bytes):
        raise TypeError(f"a line is a str or bytes, not {text!r}")
    return text.encode() if isinstance(text, str) else text
