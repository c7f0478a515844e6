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
from echolab.lab.streams import Streams

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
            remarks.append(_remark(sender, writes, reads))
    return rows, remarks


def _moves(account: Account, streams: Streams, end: End, *, sends: bool) -> list[_Move]:
    """Return the calls of an end, or what its program did, if there are no calls."""
    moves: list[_Move] = []
    have_calls = all(streams.has_calls(each) for each in End)
    place = 0
    for entry in account.entries:
        what = entry.what
        match what:
            case Called(call=name, result=number):
                right = have_calls and name in (SENDS if sends else RECEIVES)
                right = right and number > 0
            case Data(kind="write" | "read" as name, size=number):
                right = not have_calls and sends == (name == "write")
            case _:
                continue
        if right and entry.end is end:
            moves.append(_Move(len(moves) + 1, name, entry.time, place, place + number))
            place += number
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
        write = writes[write_at] if write_at < len(writes) else None
        read = reads[read_at] if read_at < len(reads) else None
        texts = {
            sender: "not recorded" if write is None else write.text(start),
            sender.other: "not read" if read is None else read.text(start),
        }
        yield Row(
            (write or read or writes[0]).time,
            is_timed=write is not None and write.start == start,
            texts=texts,
            arrow=_arrow(streams, sender, start, end) if write and read else None,
        )


def _arrow(streams: Streams, sender: End, start: int, end: int) -> Arrow:
    number = end - start
    label = f"byte {start}" if number == 1 else f"bytes {start}-{end - 1}"
    head = streams.head(sender, start, number, sends=True)
    shown = preview(head, PREVIEW_CELLS, whole=len(head) == number) if head else ""
    return Arrow(sender.other, Line.SEEN, label, (start, number), head=shown)


def _remark(sender: End, writes: Sequence[_Move], reads: Sequence[_Move]) -> str:
    """Say how many sends became how many recvs, and whether they are the same."""
    whole = {(move.start, move.end) for move in writes}
    same = sum((move.start, move.end) in whole for move in reads)
    names = writes[0].name if writes else "send", reads[0].name if reads else "recv"
    have = "has" if same == 1 else "have"
    return (
        f"{count(len(writes), names[0])} of the {sender.value} became "
        f"{count(len(reads), names[1])} of the {sender.other.value}; "
        f"{same} of these {have} exactly the bytes of one {names[0]}"
    )
