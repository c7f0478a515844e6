"""A sink that remembers what happened, and can be asked."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import override

from echolab.addresses import Peer
from echolab.counting import count
from echolab.events import Accepted, Chunk, Connected, Finished, Received, Sent
from echolab.formats import Log, Style
from echolab.formats.recording import Recording, read_recording
from echolab.messages import Batch
from echolab.testing.forgetting import Forgotten
from echolab.testing.questions import as_bytes, joined, number_of
from echolab.testing.wording import difference, excerpt, failure, printed, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from echolab.events import Event
    from echolab.testing.questions import Question, Who

__all__ = ["MAX_BYTES", "Remembering"]

T = TypeVar("T")

MAX_BYTES = 64 << 20
EVENT_BYTES = 500
MESSAGE_BYTES = 50
"""What an event, and a message in it, take in memory besides their bytes."""


class Remembering:
    """A sink that remembers events, and can be asked what there was.

    A line, here, is a message of whatever framing; pieces of one (``partial``,
    ``overlong``) are put together again, so that no answer depends on time.

    Args:
        max_bytes: how much memory it may take. What is over that is forgotten,
            the oldest first. Then what asks for all of something fails; waits go on
            if they began before that, or need nothing of what is forgotten.

    Attributes:
        forgotten: how many events were forgotten.
        name: whose transcript it is.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        self.forgotten = 0
        self.name = "a transcript"
        self._over = ""  # or why nothing more will come
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: deque[Event] = deque()
        self._gone = Forgotten()
        self._asking: list[Callable[[Event], None]] = []

    def __call__(self, event: Event) -> None:
        """Remember an event, and tell those that wait for it."""
        self._events.append(event)
        self._bytes += _size(event)
        while self._bytes > self._max_bytes:
            oldest = self._events.popleft()
            self._bytes -= _size(oldest)
            self._gone(oldest)
            self.forgotten += 1
        for look in tuple(self._asking):
            if look in self._asking:  # One answer may have ended another's wait.
                look(event)

    @classmethod
    def load(cls, path: str | Path, *, max_bytes: int = MAX_BYTES) -> Self:
        """Read a recording, made by `save` or by ``echolab server --record``.

        Raises:
            InputError: it cannot be read, or is none.
        """
        transcript = cls(max_bytes=max_bytes)
        for event in read_recording(path):
            transcript(event)
        return transcript

    def save(self, path: str | Path) -> None:
        """Write a recording: all events, one JSON object a line, exactly."""
        Path(path).write_bytes(b"".join(map(Recording(), self.events)))

    def refresh(self) -> None:
        """Take note of what has happened by now, if that does not come by itself."""

    @property
    def events(self) -> list[Event]:
        """All events that are remembered, in order."""
        self.refresh()
        return list(self._events)

    @property
    def total(self) -> int:
        """How many events there were, those that are forgotten included."""
        self.refresh()
        return self.forgotten + len(self._events)

    def peers(self) -> list[Peer]:
        """Everybody who was connected, in order."""
        return [e.peer for e in self._all() if isinstance(e, Accepted | Connected)]

    def lines(self, peer: Who = None) -> list[bytes]:
        """All lines, in order; one that its peer never ended is its last."""
        return [
            line
            for event in joined(self._all(peer))
            if isinstance(event, Received)
            for line in event.messages
        ]

    def chunks(self, peer: Who = None) -> list[bytes]:
        """What each read returned, in order."""
        return [e.data for e in self._all(peer) if isinstance(e, Chunk)]

    def received(self, peer: Who = None) -> bytes:
        """All bytes that came, as they came."""
        return b"".join(self.chunks(peer))

    def sent(self, peer: Who = None) -> bytes:
        """All bytes that were sent."""
        return b"".join(e.data for e in self._all(peer) if isinstance(e, Sent))

    def ends(self, peer: Who = None) -> list[Finished]:
        """How connections ended, in order."""
        return [e for e in self._all(peer) if isinstance(e, Finished)]

    def assert_lines(self, expected: Iterable[str | bytes], peer: Who = None) -> None:
        """Check that these lines came, in this order, and no others.

        Args:
            expected: the lines, without their ends; a str stands for its UTF-8.
            peer: whose they must be.

        Raises:
            AssertionError: it is not so; the message says what came instead, and
                how each connection ended.
            TypeError: these are no lines.
        """
        __tracebackhide__ = True
        if isinstance(expected, str | bytes):
            raise TypeError(f"give a list of lines: [{expected!r}]")
        wanted = [as_bytes(line) for line in expected]
        found = self.lines(peer)
        if found != wanted:
            words = ["not the lines expected (- missing, + unexpected):"]
            words += difference(wanted, found)
            words += self._how_they_ended(peer)
            words += unfinished(self.of(peer))
            raise failure("\n".join(words))

    def render(self) -> str:
        """The transcript as stable text, fit for a file under version control.

        One peer after the other, as ``peer 1``, ``peer 2``: its lines and events
        in order; no times, no addresses, nothing of how the stream was cut, nor of
        what was sent: when that is, in between, depends on time.
        """
        form = Log(Style(escape=True), timeless=True)
        shown = [line.encode() + b"\n" for line in self._caveat()]
        for number in sorted({event.peer.number for event in self.events}):
            peer = Peer(number, f"peer {number}")
            shown += [form(replace(e, peer=peer)) for e in joined(self.of(number))]
        return b"".join(shown).decode()

    @override
    def __str__(self) -> str:
        """All events in order, as ``--format log`` prints them."""
        return "\n".join(self._printed())

    def excerpt(self) -> str:
        """The same; where there are many events, the first and the last."""
        return excerpt(self._printed())

    def of(self, who: Who) -> Iterator[Event]:
        """What is remembered of one peer, in order; of everybody for None."""
        number = number_of(who)
        return (e for e in self.events if number in (None, e.peer.number))

    def _all(self, who: Who = None) -> Iterator[Event]:
        """The same, if nothing of it is forgotten.

        Raises:
            AssertionError: something is, so that any answer might be wrong.
        """
        if any(self._caveat()):
            raise self._cannot_tell()
        return self.of(who)

    def _printed(self) -> list[str]:
        words = [*self._caveat(), *printed(self.events)]
        return words or ["(nothing has happened)"]

    def _how_they_ended(self, who: Who) -> Iterator[str]:
        ends = {end.peer: end for end in self.ends(who)}
        form = Log(Style(escape=True), timeless=True)
        for peer in self.peers():
            if number_of(who) in (None, peer.number):
                end = ends.get(peer)
                how = form(end).decode().rstrip() if end else f"{peer} is open"
                yield f"peer {peer.number}: {how}"

    def _caveat(self) -> Iterator[str]:
        """What is not remembered, and why."""
        if gone := self.forgotten:
            bound = count(self._max_bytes, "byte")
            yield f"(the first {gone} events are forgotten: more than {bound})"

    def _cannot_tell(self) -> AssertionError:
        return failure(f"nobody can tell: {' '.join(self._caveat())}")

    def _ask(
        self, question: Question[T], tell: Callable[[T], object]
    ) -> Callable[[], None]:
        """Have the answer told, now or when it comes; return what ends that.

        Raises:
            AssertionError: the answer needs what is forgotten.
        """
        events = self.events
        if self.forgotten and not question.skip(self._gone):
            raise self._cannot_tell()
        for event in events:
            question.look_at(event)
        answer = question.answer()
        if answer is not None:
            tell(answer)
            return _nothing

        def look(event: Event) -> None:
            question.look_at(event)
            answer = question.answer()
            if answer is not None:
                self._asking.remove(look)
                tell(answer)

        self._asking.append(look)
        return lambda: self._asking.remove(look)

    def _too_late(self, question: Question[T], why: str) -> AssertionError:
        return failure(f"{question}: {why}; the transcript so far:\n{self.excerpt()}")


def _size(event: Event) -> int:
    match event:
        case Received(messages=messages):
            each = MESSAGE_BYTES * len(messages) if isinstance(messages, Batch) else 0
            return EVENT_BYTES + each + len(messages.raw())
        case Chunk(data=data) | Sent(data=data):
            return EVENT_BYTES + len(data)
        case _:
            return EVENT_BYTES


def _nothing() -> None:
    """End nothing."""
