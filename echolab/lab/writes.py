"""The write-to-read map: how the sends of one end became the recvs of the other.

TCP carries a stream of bytes. One send is not one recv: the bytes of a send may be cut,
and those of several sends may be read together.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from echolab.counting import count
from echolab.events import Called
from echolab.formats.figure_words import preview, size
from echolab.lab.ledger import RECEIVES, SENDS, Data, End
from echolab.lab.rows import Arrow, Line, Row
from echolab.lab.streams import UNKNOWN, Streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echolab.lab.joining import Account

__all__ = ["map_writes"]

PREVIEW_CELLS = 22
GOES_ON = "…"


class _Move(NamedTuple):
    """A send or a recv, and the bytes that it has moved."""

    number: int
    name: str
    time: float
    start: int
    end: int

    def text(self, at: int) -> str:
        """Return what stands beside its bytes from ``at`` on."""
        if at > self.start:
            return f"{GOES_ON} {self.name} {self.number}"
        return f"{self.name} {self.number}: {size(self.end - self.start)}"


def map_writes(account: Account) -> tuple[list[Row], list[str]]:
    """Return the rows of the map, and a remark on each direction.

    Args:
        account: a connection, recorded at both ends.
    """
    streams = Streams(account)
    rows: list[Row] = []
    remarks = []
    for sender in End:
        writes = _moves(account, streams, sender, sends=True)
        reads = _moves(account, streams, sender.other, sends=False)
        if writes or reads:
            rows += _pieces(streams, sender, writes, reads)
            lacks = any(streams.has_gaps(end) for end in End)
            remarks.append(_remark(sender, writes, reads, lacks=lacks))
    return rows, remarks


def _moves(account: Account, streams: Streams, end: End, *, sends: bool) -> list[_Move]:
    """Return the calls of an end, or what its program did, if there are no calls."""
    moves: list[_Move] = []
    have_calls = all(streams.has_calls(each) for each in End)
    for entry in account.entries:
        if entry.end is not end:
            continue
        match entry.what:
            case Called(call=name, result=number) as call:
                is_wanted = have_calls and name in (SENDS if sends else RECEIVES)
                if not is_wanted or number <= 0:
                    continue
                start, _ = streams.span(end, call)
            case Data(kind="write" | "read" as name, start=start, size=number) as data:
                is_called = have_calls and streams.is_called(end, data) is not None
                if is_called or sends != (name == "write"):
                    continue
            case _:
                continue
        if start != UNKNOWN:
            place = len(moves) + 1
            moves.append(_Move(place, name, entry.time, start, start + number))
    return moves


def _pieces(
    streams: Streams, sender: End, writes: Sequence[_Move], reads: Sequence[_Move]
) -> Iterator[Row]:
    """Yield a row for each piece that one send and one recv have in common."""
    ends = {move.end for move in (*writes, *reads)}
    starts = {move.start for move in (*writes, *reads)}
    write_at = read_at = 0
    for start, end in pairwise(sorted(starts | ends)):
        while write_at < len(writes) and writes[write_at].end <= start:
            write_at += 1
        while read_at < len(reads) and reads[read_at].end <= start:
            read_at += 1
        write, read = (
            _covering(writes, write_at, start),
            _covering(reads, read_at, start),
        )
        if write is None and read is None:
            continue  # Neither end has kept it.
        texts = {
            sender: _said(write, streams, sender, start, sends=True),
            sender.other: _said(read, streams, sender.other, start, sends=False),
        }
        yield Row(
            (write or read or writes[0]).time,
            is_timed=write is not None and write.start == start,
            texts=texts,
            arrow=_arrow(streams, sender, start, end) if write and read else None,
        )


def _covering(moves: Sequence[_Move], at: int, start: int) -> _Move | None:
    """Return a move if it has begun before or at a byte."""
    return moves[at] if at < len(moves) and moves[at].start <= start else None


def _said(
    move: _Move | None, streams: Streams, end: End, start: int, *, sends: bool
) -> str:
    """Return what an end has to say of the bytes from ``start`` on."""
    if move is not None:
        return move.text(start)
    if streams.lacks(end, start, sends=sends):
        return "not kept"
    return "not recorded" if sends else "not read"


def _arrow(streams: Streams, sender: End, start: int, end: int) -> Arrow:
    number = end - start
    label = f"byte {start}" if number == 1 else f"bytes {start}-{end - 1}"
    head = streams.head(sender, start, number, sends=True)
    shown = preview(head, PREVIEW_CELLS, whole=len(head) == number) if head else ""
    return Arrow(sender.other, Line.SEEN, label, (start, number), head=shown)


def _remark(
    sender: End, writes: Sequence[_Move], reads: Sequence[_Move], *, lacks: bool
) -> str:
    """Say how many sends became how many recvs, and whether they are the same."""
    whole = {(move.start, move.end) for move in writes}
    same = sum((move.start, move.end) in whole for move in reads)
    names = writes[-1].name if writes else "send", reads[-1].name if reads else "recv"
    have = "has" if same == 1 else "have"
    sent, got = count(len(writes), names[0]), count(len(reads), names[1])
    # Those that were not kept are not counted.
    how = (" and", " were kept") if lacks else (" became", "")
    return (
        f"{sent} of the {sender.value}{how[0]} {got} of the {sender.other.value}"
        f"{how[1]}; {same} of these {have} exactly the bytes of one {names[0]}"
    )
