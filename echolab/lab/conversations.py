"""The packets of all connections of a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.events import Accepted, Called, Connected, Finished
from echolab.facts import SynSaved
from echolab.lab.conversation import Conversation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.events import Event
    from echolab.lab.made_up import MadePacket

__all__ = ["packets_of"]

MOST_ENDED = 1000
"""How many ended connections are remembered for what the kernel says later."""


def packets_of(
    events: Iterable[Event], number: int | None = None
) -> Iterator[MadePacket]:
    """Yield the packets of a recording's connections.

    Args:
        events: the events of the recording.
        number: the only connection whose packets are wanted; None for all.
    """
    conversations: dict[int, Conversation] = {}
    ended: dict[int, None] = {}  # those of them that are finished, in order
    begun: Accepted | Connected | None = None
    asked: Called | None = None
    for event in events:
        who = event.peer.number
        if begun is not None:
            # If there is a saved SYN, it follows at once.
            saved = (
                event
                if isinstance(event, SynSaved) and event.peer == begun.peer
                else None
            )
            conversation = Conversation(begun, saved, _time_of(asked, begun))
            conversations[begun.peer.number] = conversation
            begun = None
            yield from conversation.open()
        if isinstance(event, Accepted | Connected):
            if number in (None, who):
                begun = event
        elif isinstance(event, Called) and event.call == "connect":
            if asked is None or event.result or asked.peer != event.peer:
                asked = event
        elif who in conversations:
            yield from conversations[who].take(event)
            if isinstance(event, Finished):
                ended[who] = None
            if conversations[who].over and who in ended:
                del conversations[who], ended[who]
            elif len(ended) > MOST_ENDED:
                oldest = next(iter(ended))
                del conversations[oldest], ended[oldest]
    if begun is not None:
        yield from Conversation(begun, asked=_time_of(asked, begun)).open()


def _time_of(asked: Called | None, begun: Accepted | Connected) -> float | None:
    """Return when a client called connect, if that call was for this connection."""
    if asked is None or not isinstance(begun, Connected):
        return None
    there = begun.peer
    if (asked.peer.host, asked.peer.port) != (there.host, there.port):
        return None
    return max(0.0, asked.time - asked.seconds)
