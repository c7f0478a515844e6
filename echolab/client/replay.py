"""A recording as the input of a client."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from echolab.errors import InputError
from echolab.events import Accepted, Chunk, Connected, Finished, LeftOut
from echolab.formats.recording import NO_CHUNKS, numbered_events, read_recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Recorded", "Replayer"]

LONGEST_GAP_SECONDS = 3600.0
"""The longest gap that is waited for by default."""


class Recorded:
    """One peer's side of a recording on disk; read as it is needed.

    Args:
        path: the recording.
        number: the peer; None if there is only one.
        any_gap: whether a gap between two events of the peer may have any length.

    Raises:
        InputError: the file cannot be read, is not a recording, has no chunks of this
            peer, or not all, or has a gap of over an hour.

    Attributes:
        began: when the peer connected, in POSIX seconds.
    """

    def __init__(
        self, path: str, number: int | None = None, *, any_gap: bool = False
    ) -> None:
        with suppress(OSError):  # Opening it reports the error.
            if not stat.S_ISREG(Path(path).stat().st_mode):
                raise InputError("read", path, "not a file")  # It is read twice.
        self._path = path
        began: dict[int, float] = {}
        latest: dict[int, float] = {}
        gaps: dict[int, tuple[int, float]] = {}  # the first long one: line, seconds
        incomplete: dict[int, int] = {}  # the first line where bytes are missing
        chunks = 0
        for line, event in numbered_events(path):
            who, time = event.peer.number, event.time
            if isinstance(event, Accepted | Connected):
                began.setdefault(who, time)
            elif isinstance(event, Chunk):
                chunks += number in (None, who)
            elif isinstance(event, LeftOut) and event.received_bytes:
                incomplete.setdefault(who, line)
                continue
            elif not isinstance(event, Finished):
                continue
            seconds = time - latest.get(who, time)
            if seconds > LONGEST_GAP_SECONDS:
                gaps.setdefault(who, (line, seconds))
            latest[who] = max(time, latest.get(who, time))
        if number is None and len(began) == 1:
            [number] = began
        if number is None and began:
            why = f"{len(began)} peers in it; say which with --peer"
        elif number not in began:
            why = "no connection in it" if number is None else f"no peer {number}"
        elif number in incomplete:
            why = f"line {incomplete[number]}: bytes of peer {number} were not kept"
        elif not chunks:
            why = NO_CHUNKS
        elif number in gaps and not any_gap:
            line, seconds = gaps[number]
            why = (
                f"line {line} comes {seconds / 3600:.1f} hours after the one before; "
                "--speed 1 waits so long, --speed max does not"
            )
        else:
            self.began, self._number = began[number], number
            return
        raise InputError("read", path, why)

    def __iter__(self) -> Iterator[Chunk | Finished]:
        """Yield the peer's chunks, and its end if that is known."""
        for event in read_recording(self._path, again=True):
            if event.peer.number == self._number:
                if isinstance(event, Chunk):
                    yield event
                elif isinstance(event, Finished):
                    yield event
                    return


@implementer(IPushProducer)
class Replayer:
    """Replay what a peer once sent: the same chunks, the same gaps.

    Each chunk is one write to the socket, because each comes in its own turn of the
    reactor. A pause does not change the gaps after it.

    Args:
        clock: tells the time.
        recorded: the recording to send.
        speed: how many times as fast; 0 for as fast as possible.
        received: takes each chunk.
        ended: called once, at the end.
        failed: called instead if the file has changed and is not a recording any more.

    Raises:
        InputError: the file has changed so already.
    """

    def __init__(
        self,
        clock: IReactorTime,
        recorded: Recorded,
        *,
        speed: float,
        received: Callable[[bytes], None],
        ended: Callable[[], None],
        failed: Callable[[InputError], None],
    ) -> None:
        self._clock = clock
        self._recorded = recorded
        self._speed = speed
        self._received = received
        self._ended = ended
        self._failed = failed
        self._events = iter(recorded)
        self._next: Chunk | Finished | None = next(self._events, None)
        self._began: float | None = None
        self._due: IDelayedCall | None = None

    def pauseProducing(self) -> None:
        """Pause until `resumeProducing`."""
        due, self._due = self._due, None
        if due is not None:
            due.cancel()

    def resumeProducing(self) -> None:
        """Start or resume the replay."""
        if self._began is None:
            self._began = self._clock.seconds()
        if self._due is None:
            late = -self._seconds_left()
            if late > 0:
                self._began += late
            self._wait()

    def stopProducing(self) -> None:
        """Stop the replay for good; do not call ``ended``."""
        self.pauseProducing()
        self._next = None
        self._events = iter(())

    def _seconds_left(self) -> float:
        """Return the seconds until the next event is due."""
        if self._next is None or not self._speed:
            return 0.0
        assert self._began is not None
        after = (self._next.time - self._recorded.began) / self._speed
        return self._began + after - self._clock.seconds()

    def _wait(self) -> None:
        self._due = self._clock.callLater(max(0.0, self._seconds_left()), self._go_on)

    def _go_on(self) -> None:
        self._due = None
        event = self._next
        try:
            self._next = next(self._events, None)
        except InputError as why:
            self.stopProducing()
            self._failed(why)
            return
        if isinstance(event, Chunk):
            self._wait()  # First, because the receiver of the chunk may pause this.
            self._received(event.data)
        else:
            self._ended()
