"""Figures of accounts: which connections, which part of them, and their titles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.ends import ORDERLY
from echolab.events import Finished
from echolab.formats.figure_words import duration, size
from echolab.lab.closings import closing_of, first_captured
from echolab.lab.folding import GAP_SECONDS, fold, fold_middle, with_gaps
from echolab.lab.layout import lay_out
from echolab.lab.ledger import End
from echolab.lab.rows import Figure, Row
from echolab.lab.streams import Streams
from echolab.lab.writes import map_writes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.lab.joining import Account

__all__ = ["figure_of", "title_of"]


def figure_of(
    account: Account,
    kind: str,
    *,
    between: tuple[float, float] | None = None,
    unfolded: bool = False,
) -> Figure:
    """Return the figure of a connection.

    Args:
        account: the connection.
        kind: ``calls``, ``packets`` or ``both``; or ``writes``, if both ends were
            recorded.
        between: show only what happened between these times, in seconds from the
            beginning.
        unfolded: whether to show every row, even if thousands repeat.
    """
    rows, remarks = _rows(account, kind)
    began = _began(rows)
    if between is not None:
        first, last = (began + each for each in between)
        rows = [row for row in rows if _is_between(row, first, last)]
    if not rows:
        rows = [Row(began, is_timed=False, note="… nothing happened …")]
    if not unfolded:
        rows = fold_middle(rows) if kind == "writes" else fold(rows)
    return Figure(
        title_of(account),
        {end: _lane(account, end) for end in End},
        (*_remarks(account), *remarks),
        tuple(rows if kind == "writes" else with_gaps(rows)),
        began,
    )


def _is_between(row: Row, first: float, last: float) -> bool:
    """Whether a row is between two times; or a part of the gap that it tells of."""
    start = row.at if row.since is None else row.since
    return start <= last and row.at >= first


def _rows(account: Account, kind: str) -> tuple[list[Row], list[str]]:
    """Return all rows of a figure, and what is to be said of them."""
    if kind == "writes":
        return map_writes(account)
    rows = lay_out(account, kind)
    remarks = [*_verdict(account), *_stalls(rows)] if account.was_made else []
    return rows, remarks


def _stalls(rows: list[Row]) -> Iterator[str]:
    """Say which side has waited long, or let the other wait: who was first, first."""
    said: list[tuple[float, str]] = []
    for end in End:
        who, whom = end.value, end.other.value
        waits = [(row.waits[end], row.at) for row in rows if end in row.waits]
        unseen = [(row.unseen[end], row.at) for row in rows if end in row.unseen]
        both = [*waits, *unseen]
        longest, _ = max(both, default=(0.0, 0.0))
        if longest >= GAP_SECONDS:
            total = sum(seconds for seconds, _ in both)
            text = f"the {who} waited {duration(total)} for the {whom}'s window"
            began = min(at - seconds for seconds, at in both if seconds >= GAP_SECONDS)
            # In a gap, nobody has seen how many waits there were.
            if duration(longest) != duration(total) and not unseen:
                text += f", {duration(longest)} of it at once"
            said.append((began, text))
        rests = [(row.rests[end], row.at) for row in rows if end in row.rests]
        longest, at = max(rests, default=(0.0, 0.0))
        if longest >= GAP_SECONDS:
            text = f"the {who} left bytes unread for {duration(longest)}"
            said.append((at - longest, text))
    yield from (text for _, text in sorted(said))


def _began(rows: Iterable[Row]) -> float:
    """Return the first known time of a connection, without its listening socket."""
    timed = [row.at for row in rows if row.is_timed]
    return min(timed or (row.at for row in rows), default=0.0)


def _verdict(account: Account) -> Iterator[str]:
    """Say which side has ended the connection, or its half of it, first."""
    found: tuple[End | None, str] | None = first_captured(account)
    if found is None:
        closing = closing_of(account)
        if not closing.is_ordered:
            yield "nobody has seen which side ended first"
            return
        if closing.first is not None:
            found = closing.first.end, closing.first.kind
        elif closing.held is not None:
            who = closing.held.value
            yield f"the {who} ended its side; its FIN still waited behind unsent bytes"
    if found is not None:
        end, kind = found
        how = "ended first" if kind == "FIN" else "reset the connection"
        yield f"{f'the {end.value}' if end else 'one side'} {how}"


def title_of(account: Account) -> str:
    """Return which connection it is, and how much was sent."""
    if not account.was_made:
        return "no connection"
    return f"connection {account.number}: {', '.join(_totals(account))}"


def _totals(account: Account) -> Iterator[str]:
    streams = Streams(account)
    for side, received, sent in (
        (account.server, "to the server", "to the client"),
        (account.client, "to the client", "to the server"),
    ):
        if side is None:
            continue
        for entry in side.entries:
            if isinstance(entry.what, Finished):
                yield f"{size(entry.what.received_bytes)} {received}"
                number = None if side.is_continued else streams.sent_bytes(side.end)
                number = _taken(entry.what) if number is None else number
                if number is not None:
                    yield f"{size(number)} {sent}"
                if entry.what.cause not in ORDERLY:
                    yield f"ended by {entry.what.cause.value}"
                return
    yield "not ended"


def _taken(finished: Finished) -> int | None:
    """Return how many of the sent bytes the kernel took; all, if that is unknown."""
    if finished.sent_bytes is None:
        return None
    return max(0, finished.sent_bytes - (finished.unsent_bytes or 0))


def _lane(account: Account, end: End) -> str:
    client = end is End.CLIENT
    address = account.client_address if client else account.server_address
    return end.value if address is None else f"{end.value} {address}"


def _remarks(account: Account) -> Iterator[str]:
    if account.is_captured:
        yield "with a capture: its packets are drawn, and nothing is deduced"
    if account.clocks:
        yield f"two recordings: {account.clocks}"
    else:
        told = End.SERVER if account.server else End.CLIENT
        other = told.other.value
        yield f"only the {told.value}'s recording: the {other} is as seen there"
    if account.sender != account.client_address:
        yield f"the client is behind {account.sender}: its packets are from there"
    streams = Streams(account)
    for end in End:
        if streams.has_gaps(end):
            yield f"not all events of the {end.value} were kept"
    if account.is_continued:
        yield "the beginning of the connection is not in the recording"
