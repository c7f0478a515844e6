"""A sink that remembers events and can be asked about them."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import override

from echolab.counting import count
from echolab.events import (
    LEDGER,
    Accepted,
    Chunk,
    Connected,
    Finished,
    LeftOut,
    Received,
    Sent,
)
from echolab.formats import Log, Style
from echolab.formats.recording import Recording, read_recording
from echolab.messages import Batch
from echolab.testing.forgetting import Forgotten
from echolab.testing.questions import as_bytes, joined, number_of
from echolab.testing.rendering import rendered
from echolab.testing.wording import (
    IN_MESSAGE,
    difference,
    excerpt,
    failure,
    printed,
    unfinished,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from echolab.addresses import Peer
    from echolab.events import Event
    from echolab.framing.base import AnyFraming
    from echolab.testing.questions import Question, Who

__all__ = ["MAX_BYTES", "Remembering"]

T = TypeVar("T")

MAX_BYTES = 64 << 20
EVENT_BYTES = 500
MESSAGE_BYTES = 50
"""Memory for an event, and for a message in it, besides their bytes."""


class Remembering:
    """A sink that remembers events and can be asked about them.

    A "line" here is a message of any framing. Pieces of a message (``partial``,
    ``overlong``) are joined again, so that no answer depends on time.

    Args:
        max_bytes: how much memory it may take. Over that, the oldest events are
            forgotten. After that, questions about all events fail. Waits go on if they
            began before, or do not need the forgotten events.

    Attributes:
        forgotten: how many events were forgotten.
        framing: the framing of its lines, if that is known.
        name: the name of the server or client, for messages.
        options: the options that the server was given, for messages.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        self.forgotten = 0
        self.framing: AnyFraming | None = None
        self.name = "a transcript"
        self.options = ""
        self._over = ""  # or why no more events will come
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: deque[Event] = deque()
        self._gone = Forgotten()
        self._asking: list[Callable[[Event], None]] = []

    def __call__(self, event: Event) -> None:
        """Remember an event; answer the waits for it.

        System calls and what the kernel says are left out: how many there are depends
        on time.
        """
        if isinstance(event, LEDGER):
            return
        self._events.append(event)
        self._bytes += _size(event)
        while self._bytes > self._max_bytes:
            oldest = self._events.popleft()
            self._bytes -= _size(oldest)
            self._gone(oldest)
            self.forgotten += 1
        for look in tuple(self._asking):
            if look in self._asking:  # Another answer may have ended this wait.
                look(event)

    @classmethod
    def load(cls, path: str | Path, *, max_bytes: int = MAX_BYTES) -> Self:
        """Read a recording, made by `save` or by ``echolab server --record``.

        Raises:
            InputError: it cannot be read, or is not a recording.
        """
        transcript = cls(max_bytes=max_bytes)
        for event in read_recording(path):
            transcript(event)
        return transcript

    def save(self, path: str | Path) -> None:
        """Write a recording: all events exactly, one JSON object a line."""
        Path(path).write_bytes(b"".join(map(Recording(), self.events)))

    def refresh(self) -> None:
        """Read the events that have happened by now, if they are not delivered."""

    @property
    def events(self) -> list[Event]:
        """All remembered events, in order."""
        self.refresh()
        return list(self._events)

    @property
    def total(self) -> int:
        """Number of events so far, including forgotten ones."""
        self.refresh()
        return self.forgotten + len(self._events)

    def peers(self) -> list[Peer]:
        """Return all peers that have connected, in order."""
        begins = Accepted | Connected
        return [e.peer for e in self._known() if isinstance(e, begins)]

    def lines(self, peer: Who = None) -> list[bytes]:
        """Return all lines in order; a peer's unterminated line is its last."""
        return [
            line
            for event in joined(self._all(peer))
            if isinstance(event, Received)
            for line in event.messages
        ]

    def chunks(self, peer: Who = None) -> list[bytes]:
        """Return the bytes of each read, in order."""
        return [e.data for e in self._all(peer) if isinstance(e, Chunk)]

    def received(self, peer: Who = None) -> bytes:
        """Return all received bytes, unchanged."""
        return b"".join(self.chunks(peer))

    def sent(self, peer: Who = None) -> bytes:
        """Return all sent bytes."""
        return b"".join(e.data for e in self._all(peer) if isinstance(e, Sent))

    def ends(self, peer: Who = None) -> list[Finished]:
        """Return the ends of the connections, in order."""
        return [e for e in self._known(peer) if isinstance(e, Finished)]

    def assert_lines(self, expected: Iterable[str | bytes], peer: Who = None) -> None:
        """Check that exactly these lines came, in this order.

        Args:
            expected: the lines, without their ends; a str means its UTF-8.
            peer: the peer whose lines are checked; None for all peers.

        Raises:
            AssertionError: the lines differ; the message says how, and how each
                connection ended.
            TypeError: ``expected`` is not a list of lines.
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
        """Return the transcript as stable text, for a file under version control.

        The peers follow one another, as ``peer 1``, ``peer 2``, each with its lines
        and events in order. Each answer follows the message that it answers; all
        other sent bytes stand at the end of the peer's part, since their place among
        the events depends on time. Times, addresses and the cuts of the stream are left
        out.
        """
        shown = [line.encode() + b"\n" for line in (*self._caveat(), *self._gaps())]
        return b"".join([*shown, *rendered(self.events)]).decode()

    @override
    def __str__(self) -> str:
        """Return all events in order, as ``--format log`` prints them."""
        return "\n".join(self._printed())

    def excerpt(self) -> str:
        """Return the same text; of many events, only the first and the last."""
        return excerpt(self._printed())

    def report(self, since: int | None = None) -> str:
        """Return the text for the report of a failed test: options and `excerpt`.

        Args:
            since: how many events are reported already (`total`); return the later
                ones only.
        """
        if since is not None:
            return excerpt(printed(self.events[max(0, since - self.forgotten) :]))
        words = f"(options: {self.options})\n" if self.options else ""
        return words + self.excerpt()

    def of(self, who: Who) -> Iterator[Event]:
        """Return the remembered events of one peer in order; of all peers for None."""
        number = number_of(who)
        return (e for e in self.events if number in (None, e.peer.number))

    def _known(self, who: Who = None) -> Iterator[Event]:
        """Return the same events, if none was forgotten.

        Raises:
            AssertionError: some were, so that any answer might be wrong.
        """
        if any(self._caveat()):
            raise self._cannot_tell(who)
        return self.of(who)

    def _all(self, who: Who = None) -> Iterator[Event]:
        """Return the same events, if none was forgotten or left out.

        Raises:
            AssertionError: some were, so that any answer might be wrong.
        """
        known = self._known(who)
        if any(self._gaps(who)):
            raise self._cannot_tell(who)
        return known

    def _printed(self) -> list[str]:
        words = [*self._caveat(), *self._gaps(), *printed(self.events)]
        return words or ["(nothing has happened)"]

    def _check_lines(self) -> None:
        """Check that lines do not depend on how the stream was cut.

        Raises:
            ValueError: they do.
        """
        if self.framing == "chunk":
            raise ValueError(
                "with the framing chunk, a line is what one read returned: use "
                "wait_for_data, which finds a pattern however the stream is cut"
            )

    def _how_they_ended(self, who: Who) -> Iterator[str]:
        ends = {end.peer: end for end in self.ends(who)}
        form = Log(Style(escape=True), timeless=True)
        for peer in self.peers():
            if number_of(who) in (None, peer.number):
                end = ends.get(peer)
                how = form(end).decode().rstrip() if end else f"{peer} is open"
                yield f"peer {peer.number}: {how}"

    def _caveat(self) -> Iterator[str]:
        """Yield what is not remembered, and why."""
        if gone := self.forgotten:
            bound = count(self._max_bytes, "byte")
            yield f"(the first {gone} events are forgotten: more than {bound})"

    def _gaps(self, who: Who = None) -> Iterator[str]:
        """Yield how many events of a peer, or of all, a loaded recording lacks."""
        gaps = [event for event in self.of(who) if isinstance(event, LeftOut)]
        if gaps:
            numbers = {gap.peer.number for gap in gaps}
            one = f"peer {min(numbers)}"
            whose = one if len(numbers) == 1 else f"{len(numbers)} peers"
            events = count(sum(gap.events for gap in gaps), "event")
            yield f"({events} of {whose} were not kept)"

    def _cannot_tell(self, who: Who = None) -> AssertionError:
        why = (*self._caveat(), *self._gaps(who))
        return failure(f"cannot answer: {' '.join(why)}")

    def _ask(
        self, question: Question[T], tell: Callable[[T], object]
    ) -> Callable[[], None]:
        """Pass the answer to ``tell``, now or later; return a function to cancel.

        Raises:
            AssertionError: the answer needs forgotten events.
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

    def _too_late(self, what: Question[T] | str, why: str) -> AssertionError:
        """Return the error for what has not come; its message has the transcript."""
        total = self.total
        error = failure(f"{what}: {why}; the transcript so far:\n{self.report()}")
        vars(error)[IN_MESSAGE] = self, total
        return error


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
    """Do nothing: there is no wait to cancel."""
