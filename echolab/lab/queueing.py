"""Which connections the looks at an accept queue have seen."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING

from echolab.events import Accepted, Called
from echolab.facts import Listening
from echolab.lab.ledger import End

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.lab.ledger import Entry, Side

__all__ = ["note_queued"]


def note_queued(sides: Iterable[Side]) -> None:
    """Note the first look at the accept queue that had a connection in it.

    The queue is first in, first out: if a look has seen that two wait, these are the
    two that are accepted next.

    Args:
        sides: the connections of one recording.
    """
    accepts: dict[object, list[float]] = defaultdict(list)
    servers = [side for side in sides if side.end is End.SERVER]
    for side in servers:
        accepts[_port(side)].append(_accepted(side))
    for times in accepts.values():
        times.sort()
    for side in servers:
        times = accepts[_port(side)]
        place = bisect_left(times, _accepted(side))
        looks = (each for each in side.listener if _sees(each, times, place))
        side.queued = next(looks, None)


def _sees(entry: Entry, times: list[float], place: int) -> bool:
    """Whether a look at the queue has seen what was accepted in this place."""
    if not isinstance(entry.what, Listening):
        return False
    before = place - bisect_right(times, entry.latest)
    return 0 <= before < entry.what.waiting


def _port(side: Side) -> object:
    local = side.local or side.peer
    return local.path or local.port


def _accepted(side: Side) -> float:
    """Return when the server called accept for a connection."""
    for entry in side.entries:
        what = entry.what
        if isinstance(what, Accepted) or (
            isinstance(what, Called) and what.call == "accept"
        ):
            return entry.earliest
    return side.entries[0].earliest
