"""Sinks that remember what happened, and can be asked and waited for."""

from __future__ import annotations

import difflib
import sys
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from typing_extensions import override

from echolab.escaping import escape
from echolab.events import Accepted, Chunk, Connected, Finished, Peer, Received
from echolab.formats import Log, Style
from echolab.recording import Recording, read_recording
from echolab.testing.questions import (
    BytesQuestion,
    EndQuestion,
    LineQuestion,
    PeersQuestion,
    as_bytes,
    joined,
    number_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from twisted.internet.interfaces import IReactorTime

    from echolab.events import Event
    from echolab.testing.questions import Pattern, Question, Who

__all__ = ["MAX_BYTES", "Remembering", "Transcript"]

T = TypeVar("T")

MAX_BYTES = 64 << 20
SHOWN_BYTES = 80
EVENT_BYTES = 500
MESSAGE_BYTES = 50
"""What an event, and a message in it, take in memory besides their bytes."""


class Remembering:
    """A sink that remembers events, and can be asked what there was.

    A line, here, is a message of whatever framing; pieces of one (``partial``,
    ``overlong``) are put together again, so that no answer depends on time.

    Args:
        max_bytes: how much memory it may take. What is over that is forgotten,
            the oldest first, and then no lines are as expected any more.

    Attributes:
        forgotten: how many events were forgotten.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        self.forgotten = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: deque[Event] = deque()
        self._asking: list[Callable[[Event], None]] = []

    def __call__(self, event: Event) -> None:
        """Remember an event, and tell those that wait for it."""
        self._events.append(event)
        self._bytes += _size(event)
        while self._bytes > self._max_bytes:
            self._bytes -= _size(self._events.popleft())
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

    def peers(self) -> list[Peer]:
        """Everybody who was connected, in order."""
        return [e.peer for e in self.events if isinstance(e, Accepted | Connected)]

    def lines(self, peer: Who = None) -> list[bytes]:
        """All lines, in order; one that its peer never ended is its last."""
        return [
            line
            for event in joined(self.of(peer))
            if isinstance(event, Received)
            for line in event.messages
        ]

    def chunks(self, peer: Who = None) -> list[bytes]:
        """What each read returned, in order."""
        return [e.data for e in self.of(peer) if isinstance(e, Chunk)]

    def received(self, peer: Who = None) -> bytes:
        """All bytes that came, as they came."""
        return b"".join(self.chunks(peer))

    def ends(self, peer: Who = None) -> list[Finished]:
        """How connections ended, in order."""
        return [e for e in self.of(peer) if isinstance(e, Finished)]

    def assert_lines(self, expected: Iterable[str | bytes], peer: Who = None) -> None:
        """Check that these lines came, in this order, and no others.

        Args:
            expected: the lines, without their ends; a str stands for its UTF-8.
            peer: whose they must be.

        Raises:
            AssertionError: it is not so; the message says what came instead, and
                how each connection ended.
        """
        __tracebackhide__ = True
        wanted = [as_bytes(line) for line in expected]
        found = self.lines(peer)
        if found == wanted and not self.forgotten:
            return
        words = ["not the lines expected (- missing, + unexpected):"]
        difference = difflib.ndiff(_shown(wanted), _shown(found))
        words += [line for line in difference if not line.startswith("?")]
        words += self._how_they_ended(peer)
        raise failure("\n".join(words + self._caveat()))

    def render(self) -> str:
        """The transcript as stable text, fit for a file under version control.

        One peer after the other, as ``peer 1``, ``peer 2``: its lines and events
        in order; no times, no addresses, nothing of how the stream was cut.
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
        shown = b"".join(map(Log(Style(escape=True)), self.events)).decode()
        words = [*self._caveat(), *shown.splitlines(), *self._unfinished()]
        return "\n".join(words) or "(nothing happened)"

    def of(self, who: Who) -> Iterator[Event]:
        """All events of one peer, in order; of everybody for None."""
        number = number_of(who)
        return (e for e in self.events if number in (None, e.peer.number))

    def _how_they_ended(self, who: Who) -> Iterator[str]:
        ends = {end.peer: end for end in self.ends(who)}
        form = Log(Style(escape=True), timeless=True)
        for peer in self.peers():
            if number_of(who) in (None, peer.number):
                end = ends.get(peer)
                how = form(end).decode().rstrip() if end else f"{peer} is open"
                yield f"peer {peer.number}: {how}"

    def _unfinished(self) -> Iterator[str]:
        """What was last read from those that are open, if no message ended there."""
        last: dict[Peer, bytes] = {}
        for event in self.events:
            if isinstance(event, Chunk):
                last[event.peer] = event.data
            elif isinstance(event, Finished):
                last.pop(event.peer, None)
        for peer, data in last.items():
            if not data.endswith(b"\n"):
                yield f"({peer} is open, and has last sent {data[-SHOWN_BYTES:]!r})"

    def _caveat(self) -> list[str]:
        if not self.forgotten:
            return []
        bound = f"{self._max_bytes} bytes"
        return [f"({self.forgotten} events were forgotten: more than {bound})"]

    def _ask(
        self, question: Question[T], tell: Callable[[T], object]
    ) -> Callable[[], None]:
        """Have the answer told, now or when it comes; return what ends that."""
        for event in self.events:
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
        return failure(f"{question}: {why}; the transcript so far:\n{self}")


class Transcript(Remembering):
    """A sink that remembers, and can be waited for with Deferreds.

    A wait looks at what is remembered first, and then at what comes. When its
    time is over it fails with an AssertionError that shows the transcript so far.

    Args:
        clock: measures how long it waits: a reactor, or a test's ``Clock``; the
            installed reactor if none is given.
        max_bytes: how much memory it may take.
    """

    def __init__(
        self, *, clock: IReactorTime | None = None, max_bytes: int = MAX_BYTES
    ) -> None:
        super().__init__(max_bytes=max_bytes)
        self._clock = clock
        self._pending: list[Callable[[str], None]] = []

    def give_up(self, why: str) -> None:
        """Have all waits fail, since nothing more will come."""
        for give_up in tuple(self._pending):
            give_up(why)

    def wait_for_line(
        self, pattern: Pattern, peer: Who = None, timeout: float = 5.0, times: int = 1
    ) -> Deferred[bytes]:
        """Wait for a line in which ``pattern`` is found.

        Args:
            pattern: a regular expression; a str stands for its UTF-8.
            peer: whose line it must be.
            timeout: how many seconds to wait at most.
            times: how many such lines are to have come.

        Returns:
            A Deferred that fires with the line, the last of them.
        """
        return self._wait(LineQuestion(pattern, peer, times), timeout)

    def wait_for_bytes(
        self, count: int, peer: Who = None, timeout: float = 5.0
    ) -> Deferred[bytes]:
        """Wait for so many bytes, whatever lines they are of.

        Returns:
            A Deferred that fires with all that came until then.
        """
        return self._wait(BytesQuestion(count, peer), timeout)

    def wait_for_end(
        self, peer: Who = None, timeout: float = 5.0
    ) -> Deferred[Finished]:
        """Wait for the end of a peer's connection; for None, until none is open.

        That is, of those that have connected: if more are to come, wait for them
        first (`wait_for_peers`).

        Returns:
            A Deferred that fires with the end, the last of them.
        """
        return self._wait(EndQuestion(peer), timeout)

    def wait_for_peers(self, count: int, timeout: float = 5.0) -> Deferred[list[Peer]]:
        """Wait until so many have connected, those that have left included.

        Returns:
            A Deferred that fires with these peers, in order.
        """
        return self._wait(PeersQuestion(count), timeout)

    def _wait(self, question: Question[T], timeout: float) -> Deferred[T]:
        answered: Deferred[T] = Deferred(lambda _: forget())
        forget = self._ask(question, answered.callback)
        if answered.called:
            return answered

        def too_late(_result: object, seconds: float) -> Failure:
            return Failure(self._too_late(question, f"not within {seconds:g} s"))

        def give_up(why: str) -> None:
            forget()
            answered.errback(self._too_late(question, why))

        def done(result: T) -> T:
            self._pending.remove(give_up)
            return result

        clock = _installed_reactor() if self._clock is None else self._clock
        self._pending.append(give_up)
        answered.addTimeout(timeout, clock, too_late).addBoth(done)
        return answered


def failure(text: str) -> AssertionError:
    """What a test fails by; under trial its own, which it does not call an error."""
    trial = sys.modules.get("twisted.trial.unittest")
    kind: type[AssertionError] = trial.FailTest if trial else AssertionError
    return kind(text)


def _size(event: Event) -> int:
    match event:
        case Received(messages=messages):
            return EVENT_BYTES + MESSAGE_BYTES * len(messages) + len(messages.raw())
        case Chunk(data=data):
            return EVENT_BYTES + len(data)
        case _:
            return EVENT_BYTES


def _shown(lines: Iterable[bytes]) -> list[str]:
    return [escape(line).decode().replace("\n", "\\n") for line in lines]


def _installed_reactor() -> IReactorTime:
    from twisted.internet import reactor

    return cast("IReactorTime", reactor)


def _nothing() -> None:
    """End nothing."""
