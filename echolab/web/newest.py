"""The newest messages, as the page shows them: so many, and so much of each."""

from __future__ import annotations

from binascii import b2a_base64
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from echolab.events import Received, Sent
from echolab.messages import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.events import Event
    from echolab.messages import Messages

__all__ = ["count_messages", "newest"]

MOST_MESSAGES = 200
MOST_BYTES = 128 << 10
"""So many characters of base64 all of them may take."""
MOST_BYTES_OF_ONE = 4096
IDS = 256
"""So many ids each event has: more than messages are shown."""

Shown: TypeAlias = "tuple[int, int, str, float, str, str, int, str]"
"""Id, number of the peer, peer, time, direction, mark, size, base64."""


def newest(events: Iterable[tuple[int, Event]]) -> list[Shown]:
    """Return the newest messages, in their order.

    Args:
        events: numbered events, the newest first; no more are read than are needed.
    """
    shown: list[Shown] = []
    left = MOST_BYTES
    for number, event in events:
        if not isinstance(event, Received | Sent):
            continue
        for place, message in enumerate(_last(event, MOST_MESSAGES - len(shown))):
            data = b2a_base64(message[:MOST_BYTES_OF_ONE], newline=False).decode()
            left -= len(data)
            if left < 0:
                return shown[::-1]
            name = number * IDS + IDS - 1 - place
            shown.append(_shown(event, name, message, data))
        if len(shown) == MOST_MESSAGES:
            break
    return shown[::-1]


def count_messages(events: Iterable[tuple[int, Event]]) -> int:
    """Return how many messages there are in numbered events."""
    return sum(
        len(event.messages) if isinstance(event, Received) else 1
        for _, event in events
        if isinstance(event, Received | Sent)
    )


def _shown(event: Received | Sent, name: int, message: bytes, data: str) -> Shown:
    mark = event.messages.mark or "" if isinstance(event, Received) else ""
    way = "in" if isinstance(event, Received) else "out"
    peer = event.peer
    size = len(message)
    return name, peer.number, str(peer), event.time, way, mark, size, data


def _last(event: Received | Sent, most: int) -> Iterator[bytes]:
    """Yield the last messages of an event, the newest first."""
    if isinstance(event, Sent):
        return iter((event.data,))
    return islice(_reversed(event.messages, most), most)


def _reversed(messages: Messages, most: int) -> Iterator[bytes]:
    if isinstance(messages, Lines):  # Thousands of lines are not cut for a few.
        return reversed(messages.block[:-1].rsplit(b"\n", most))
    return reversed(list(messages))
