"""Downloads of what is kept: as a recording, or as a capture for Wireshark.

They are made while they are sent: a browser that reads slowly does not let them grow.
All together take no more than a share of the time, so they do not hold up the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from echolab import __version__
from echolab.events import Chunk, LeftOut, Received
from echolab.formats.json import Json
from echolab.lab.conversations import packets_of
from echolab.lab.made_packets import MadePackets
from echolab.lab.pcapng import Pcapng
from echolab.web.answers import Answer, pour, start
from echolab.web.share import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from echolab.events import Event
    from echolab.interfaces import AnyClock
    from echolab.web.request import PageRequest

__all__ = ["FORMS", "Downloads"]

MOST_DOWNLOADS = 4
PIECE_BYTES = 32 << 10
PIECE_SECONDS = 0.001
"""A piece ends when it is so large, or has cost so much."""
SHARE = 0.2
"""All downloads together may take this share of the time."""


def _recording(events: Iterable[Event], _: int | None) -> Iterator[bytes]:
    return map(Json(recording=True), events)


def _with_gaps(events: Iterable[Event]) -> Iterator[Event]:
    """Yield events, with a gap for messages whose reads are not known.

    A stream has only the messages, unless it was carried as a ledger.
    """
    read: set[int] = set()
    for event in events:
        number = event.peer.number
        if isinstance(event, Chunk):
            read.add(number)
        elif isinstance(event, Received) and number not in read:
            yield LeftOut(event.peer, event.time, 1, len(event.messages.raw()), 0)
        yield event


def _capture(events: Iterable[Event], number: int | None) -> Iterator[bytes]:
    blocks: list[bytes] = []
    made = MadePackets(Pcapng(blocks.append, f"echolab {__version__}"))
    for packet in packets_of(_with_gaps(events), number):
        made.write(packet)
        yield b"".join(blocks)
        blocks.clear()
    yield b"".join(blocks)


def _in_pieces(parts: Iterator[bytes], cost: Callable[[], float]) -> Iterator[bytes]:
    """Join parts to pieces that are worth a write."""
    piece: list[bytes] = []
    size = 0
    began = cost()
    for part in parts:
        piece.append(part)
        size += len(part)
        if size >= PIECE_BYTES or cost() - began >= PIECE_SECONDS:
            yield b"".join(piece)
            piece.clear()
            size = 0
            began = cost()
    yield b"".join(piece)


class Download(NamedTuple):
    """A form of downloads.

    Attributes:
        kind: the content type.
        parts: makes the bytes of events, perhaps only of the connection with a number.
    """

    kind: str
    parts: Callable[[Iterable[Event], int | None], Iterator[bytes]]


FORMS = {
    "jsonl": Download("application/x-ndjson", _recording),
    "pcapng": Download("application/x-pcapng", _capture),
}
"""The forms, by the end of the file's name."""


class Downloads:
    """Sends what is kept, to a few browsers at a time.

    Args:
        clock: calls later.
        cost: tells how much time was taken so far, in seconds.
    """

    def __init__(self, *, clock: AnyClock, cost: Callable[[], float]) -> None:
        self._clock = clock
        self._cost = cost
        self._share = Share(SHARE, clock=clock, cost=cost)
        self._under_way = 0

    @property
    def are_too_many(self) -> bool:
        """Whether so many are under way that no other may begin."""
        return self._under_way >= MOST_DOWNLOADS

    def begin(
        self,
        request: PageRequest,
        form: str,
        events: Iterable[Event],
        number: int | None = None,
    ) -> None:
        """Send events as a file.

        Args:
            request: the request.
            form: one of `FORMS`.
            events: the events; they are read while the answer is sent.
            number: the only connection whose events they are; None for all.
        """
        kind, parts = FORMS[form]
        name = f"echolab.{form}" if number is None else f"echolab-{number}.{form}"
        disposition = "Content-Disposition", f'attachment; filename="{name}"'
        start(request, Answer(b"", kind, headers=(disposition,)))
        if request.method == b"HEAD":
            request.finish()
            return
        request.write(b"")  # The headers do not wait for their turn.
        self._under_way += 1
        pieces = _in_pieces(parts(events, number), self._cost)
        pour(request, pieces, self._clock, share=self._share, gone=self._ended)

    def _ended(self) -> None:
        self._under_way -= 1
