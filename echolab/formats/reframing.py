"""Recordings without messages: they are made again of the bytes of the reads.

Such a recording begins with a line that names its framing. It has the bytes of each
read once, and where an unfinished message was shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from echolab.errors import FramingError
from echolab.events import Accepted, Chunk, Connected, Finished, LeftOut, Received
from echolab.framing import (
    DEFAULT_MAX_MESSAGE_BYTES,
    FRAMING_NAMES,
    Framer,
    framing_named,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from echolab.addresses import Peer
    from echolab.events import Event
    from echolab.framing.base import AnyFraming, Overlong
    from echolab.messages import Messages

__all__ = ["Partial", "RecordedFraming", "recorded_framing", "reframed"]


@dataclass(frozen=True, slots=True)
class RecordedFraming:
    """The framing of the messages of a recording.

    Raises:
        ValueError: it is not one of echolab's own: a recording is not trusted to name
            code.
    """

    framing: str
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES
    overlong: Overlong = "split"

    def __post_init__(self) -> None:
        """Check that there is such a framing."""
        if self.framing.partition(":")[0] not in FRAMING_NAMES:
            raise ValueError(f"{self.framing} is not one of echolab's own framings")
        self.make()()

    def make(self) -> Callable[[], Framer]:
        """Return what makes the framer of a connection."""
        return framing_named(self.framing, self.max_message_bytes, self.overlong)


@dataclass(frozen=True, slots=True)
class Partial:
    """The start of an unfinished message was shown; ``time`` in POSIX seconds."""

    peer: Peer
    time: float


def recorded_framing(
    framing: AnyFraming, max_message_bytes: int, overlong: Overlong
) -> RecordedFraming | None:
    """Return a framing as a recording names it; None if it is other people's code."""
    if not isinstance(framing, str):
        return None
    try:
        return RecordedFraming(framing, max_message_bytes, overlong)
    except ValueError:
        return None


def reframed(
    numbered: Iterable[tuple[int, Event | Partial | RecordedFraming]],
) -> Iterator[tuple[int, Event]]:
    """Yield the events of a recording, with the messages that it has not.

    Args:
        numbered: what stands in the lines, each with the number of its line.
    """
    make: Callable[[], Framer] | None = None
    framers: dict[int, Framer | None] = {}  # None for bytes that did not fit

    def made(
        peer: Peer, time: float, frame: Callable[[Framer], Iterable[Messages]]
    ) -> Iterator[Received]:
        if make is not None and peer.number not in framers:
            framers[peer.number] = make()  # It was accepted in an earlier file.
        if framer := framers.get(peer.number):
            try:
                for messages in frame(framer):
                    if messages:
                        yield Received(peer, time, messages)
            except FramingError:
                framers[peer.number] = None  # What came then was not framed.

    for line, event in numbered:
        received: Iterable[Received] = ()
        match event:
            case RecordedFraming():
                make, framers = event.make(), {}
                continue
            case Partial(peer=peer, time=time):
                received = made(peer, time, lambda framer: framer.take())
            case Accepted() | Connected() if make is not None:
                framers[event.peer.number] = make()
            case Chunk(peer=peer, time=time, data=data):
                yield line, event
                received = made(peer, time, partial(_fed, data))
            case LeftOut() if event.received_bytes and make is not None:
                if framers.get(event.peer.number) is not None:
                    framers[event.peer.number] = make()
            case Finished(peer=peer, time=time) if event.unterminated_bytes:
                received = made(peer, time, lambda framer: framer.end())
            case _:
                pass
        for each in received:
            yield line, each
        if isinstance(event, Finished):
            framers.pop(event.peer.number, None)
        if not isinstance(event, Partial | Chunk):
            yield line, event


def _fed(data: bytes, framer: Framer) -> Iterable[Messages]:
    return framer.feed(data)
