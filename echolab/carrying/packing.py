"""Events as parts of a stream's messages: pieces that fit, in order per connection."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from echolab.carrying.schema import CONTENT_TYPE, Part, assemble, part_of
from echolab.events import (
    LEDGER,
    Chunk,
    Finished,
    Introduced,
    LeftOut,
    Received,
    Sent,
)
from echolab.formats.style import Needs, needs_of
from echolab.messages import ENDED, Batch, Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.addresses import Peer
    from echolab.carrying.schema import Stamp
    from echolab.events import Event
    from echolab.formats import Form

__all__ = ["EventPacker", "Packer", "Piece", "TextPacker", "Waiting"]

TEXT = "text/plain; charset=utf-8"
JSON_LINES = "application/x-ndjson"

PIECE_BYTES = 1 << 18
"""An event of more bytes than this is cut, if it can be."""
MOST_BYTES = 1000 << 10
"""The longest part that fits into a message of a server with default settings."""


class Piece(NamedTuple):
    """A part of a message that waits.

    Attributes:
        part: what is to be written.
        size: how many bytes it has.
        client: the client, and the number of the first message in it, if the client
            has introduced itself.
        begins: whether a message must begin with it.
    """

    part: Part
    size: int
    client: tuple[str, int] | None = None
    begins: bool = False


class Packer(Protocol):
    """Turns events into pieces, and pieces into payloads.

    Attributes:
        content_type: what the payloads are.
        needs: the events that it needs.
    """

    content_type: str
    needs: Needs

    def pieces(self, event: Event) -> Iterable[Piece]:
        """Return what an event is; nothing if it is not carried."""
        ...

    def pack(self, stamp: Stamp, pieces: list[Piece], /) -> bytes:
        """Return the payload of a message; see `echolab.carrying.schema.Carried`."""
        ...


class EventPacker:
    """Carries the events themselves; see `echolab.carrying.schema`.

    Args:
        ledger: whether to carry all that a recording has.
    """

    content_type = CONTENT_TYPE

    def __init__(self, *, ledger: bool = False) -> None:
        self.needs = Needs(sent=True, chunks=ledger, ledger=ledger)
        self._left_out = () if ledger else (Chunk, *LEDGER)
        self._clients: dict[int, tuple[str, int]] = {}

    def pieces(self, event: Event) -> Iterable[Piece]:
        """Return what an event is; one of many bytes is cut between its messages."""
        if isinstance(event, Received):
            return self._received(event)
        if isinstance(event, self._left_out):
            return ()
        number = event.peer.number
        if isinstance(event, Introduced):
            self._clients[number] = event.client, event.number
            client = self._clients[number]
            return [_of_client(each, client, begins=True) for each in _cut(event)]
        client_now = self._clients.get(number)
        if isinstance(event, Finished):
            self._clients.pop(number, None)
        return [_of_client(each, client_now) for each in _cut(event)]

    def _received(self, event: Received) -> list[Piece]:
        number = event.peer.number
        client = self._clients.get(number) if self._clients else None
        messages = event.messages
        if (
            client is None
            and isinstance(messages, Lines)
            and len(messages.block) <= PIECE_BYTES
        ):
            return [_piece(part_of(event))]
        pieces = []
        for each in _shorter(event):
            pieces += [_of_client(piece, client) for piece in _cut(each)]
            if client is not None and each.messages.mark in ENDED:
                name, first = client
                client = self._clients[number] = name, first + len(each.messages)
        return pieces

    def pack(self, stamp: Stamp, pieces: list[Piece], /) -> bytes:
        """Return the payload of a message."""
        return assemble(stamp, [piece.part for piece in pieces], pieces[0].client)


def _of_client(
    piece: Piece, client: tuple[str, int] | None, *, begins: bool = False
) -> Piece:
    """Return a piece with the client that it is of."""
    if client is None:
        return piece
    return Piece(piece.part, piece.size, client, begins)


def _cut(event: Event) -> list[Piece]:
    """Return an event as pieces that fit into a message."""
    if isinstance(event, Sent) and len(event.data) > PIECE_BYTES // 4:
        return [piece for each in _shorter_sent(event) for piece in _cut(each)]
    piece = _piece(part_of(event))
    if piece.size > MOST_BYTES:
        received = event.messages.raw() if isinstance(event, Received) else b""
        piece = _piece(part_of(LeftOut(event.peer, event.time, 1, len(received), 0)))
    return [piece]


def _piece(part: Part) -> Piece:
    return Piece(part, len(part.head.encode()) + sum(map(len, part.bodies)))


def _shorter(event: Received) -> Iterator[Received]:
    """Cut an event of many bytes between its messages."""
    messages = event.messages
    if isinstance(messages, Lines):
        block = messages.block
        at = 0
        while at < len(block):
            end = block.rfind(b"\n", at, at + PIECE_BYTES) + 1
            end = end or block.find(b"\n", at) + 1
            yield replace(event, messages=Lines(block[at:end], messages.mark))
            at = end
        return
    some: list[bytes] = []
    size = 0
    for message in messages:
        if some and size + len(message) > PIECE_BYTES:
            yield replace(event, messages=Batch(tuple(some), messages.mark))
            some, size = [], 0
        some.append(message)
        size += len(message) + 8  # as its size takes in the head
    yield replace(event, messages=Batch(tuple(some), messages.mark))


def _shorter_sent(event: Sent) -> Iterator[Sent]:
    step = PIECE_BYTES // 4  # A byte may become six characters.
    for at in range(0, len(event.data), step):
        taken = event.taken_bytes if at == 0 else None
        yield replace(event, data=event.data[at : at + step], taken_bytes=taken)


class TextPacker:
    """Carries what a format prints, and nothing else.

    Args:
        form: prints the events.
        json: whether it prints JSON.
    """

    def __init__(self, form: Form, *, json: bool = False) -> None:
        self.content_type = JSON_LINES if json else TEXT
        self.needs = needs_of(form)
        self._form = form

    def pieces(self, event: Event) -> Iterator[Piece]:
        """Return what is printed for an event, cut at the ends of its lines."""
        printed = self._form(event)
        at = 0
        while at < len(printed):
            end = len(printed)
            if end - at > PIECE_BYTES:
                end = printed.rfind(b"\n", at, at + PIECE_BYTES) + 1
                end = end or at + PIECE_BYTES
            yield Piece(Part("", (printed[at:end],)), end - at)
            at = end

    def pack(self, _stamp: Stamp, pieces: list[Piece], /) -> bytes:
        """Return the payload of a message."""
        return b"".join([body for piece in pieces for body in piece.part.bodies])


class Waiting:
    """Pieces that wait, of each connection in their order.

    Attributes:
        size: how many bytes they have.
        pieces: how many they are.
        arrived: how many pieces have ever come.
    """

    def __init__(self) -> None:
        self.size = self.pieces = 0
        self.arrived = 0
        self._queues: dict[int | Peer, tuple[Peer, deque[tuple[int, Piece]]]] = {}

    def __bool__(self) -> bool:
        """Whether any piece waits."""
        return bool(self._queues)

    def add(self, peer: Peer, pieces: Iterable[Piece]) -> None:
        """Take the pieces of an event."""
        key = peer.number or peer
        for piece in pieces:
            self.arrived += 1
            self.size += piece.size
            self.pieces += 1
            _, queue = self._queues.setdefault(key, (peer, deque()))
            queue.append((self.arrived, piece))

    def take(
        self, most_bytes: int, *, any_size: bool
    ) -> tuple[Peer, int, list[Piece]] | None:
        """Take the pieces for one message.

        Its connection is the one whose turn it is; if more of it waits, its next turn
        comes after those of the others.

        Args:
            most_bytes: how many bytes they may have.
            any_size: whether the first piece may have more.

        Returns:
            The peer, the number of the first piece and the pieces; None if there are
            none, or if the first has too many bytes.
        """
        for key, (peer, queue) in self._queues.items():
            first = queue[0][0]
            pieces: list[Piece] = []
            size = 0
            while queue:
                piece = queue[0][1]
                fits = size + piece.size <= most_bytes or (any_size and not pieces)
                if not fits or (pieces and piece.begins):
                    break
                queue.popleft()
                pieces.append(piece)
                size += piece.size
            if not pieces:
                return None
            self.size -= size
            self.pieces -= len(pieces)
            del self._queues[key]
            if queue:
                self._queues[key] = peer, queue
            return peer, first, pieces
        return None

    def oldest(self) -> int:
        """Return the number of the oldest piece; beyond all if none waits."""
        firsts = [queue[0][0] for _, queue in self._queues.values()]
        return min(firsts, default=self.arrived + 1)

    def size_until(self, mark: int) -> int:
        """Return how many bytes have the pieces with a number up to ``mark``."""
        return sum(
            piece.size
            for _, queue in self._queues.values()
            for number, piece in queue
            if number <= mark
        )
