"""Find what is in a stream twice: copies of messages, and lines sent again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.carrying.latest import Latest
from echolab.events import Received
from echolab.messages import without_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echolab.carrying.schema import Carried
    from echolab.events import Event

__all__ = ["Deduplicator"]

MOST_MESSAGES = 1 << 16
MOST_RUNS = 1 << 12
MOST_CLIENTS = 1 << 16


class Deduplicator:
    """Drops what it was given before, of the messages of one stream.

    An engine keeps two copies of a message if it is published again long after it was
    stored, because the acknowledgement was lost. And a client that sends again what was
    not acknowledged may do so by way of another receiver. An engine also delivers
    messages again to a reader that was slow to acknowledge them, or has lost another
    reader; those are not twice in the stream. So the places in the stream count: what
    is known from a message tells of later places only.

    Its memory is bounded: the oldest is forgotten.

    Args:
        most_messages: how many of the last messages are known by their numbers.
        most_runs: of how many runs of receivers it is known what the engine has.
        most_clients: of how many clients the highest number is known.
    """

    def __init__(
        self,
        *,
        most_messages: int = MOST_MESSAGES,
        most_runs: int = MOST_RUNS,
        most_clients: int = MOST_CLIENTS,
    ) -> None:
        self._messages: Latest[tuple[str, str, int], None] = Latest(most_messages)
        # Up to which number, and the place from which on that is known.
        self._stored: Latest[tuple[str, str], tuple[int, int]] = Latest(most_runs)
        self._clients: Latest[str, tuple[int, int]] = Latest(most_clients)

    def fresh(self, carried: Carried, place: int) -> Sequence[Event]:
        """Return the events that did not come before; some may have fewer messages.

        Args:
            carried: a message's content.
            place: the message's place in the stream (its sequence number).
        """
        if self._is_copy(carried, place):
            return ()
        if carried.client is None:
            return carried.events
        return self._not_sent_before(carried.events, *carried.client, place)

    def _is_copy(self, carried: Carried, place: int) -> bool:
        run = carried.receiver, carried.run
        message = (*run, carried.number)
        stored, since = self._stored.get(run, (0, place))
        known = message in self._messages
        if known or (carried.number <= stored and place > since):
            return True
        self._messages.put(message, None)
        if carried.stored > stored:
            self._stored.put(run, (carried.stored, place))
        return False

    def _not_sent_before(
        self, events: Sequence[Event], client: str, number: int, place: int
    ) -> list[Event]:
        """Return the events without messages whose numbers the client has used.

        A message in pieces has one number, and has been sent when its last piece was.

        Args:
            events: the events.
            client: the client's id.
            number: the number of the first message.
            place: the place in the stream.
        """
        highest, since = self._clients.get(client, (0, place))
        known = highest if place > since else 0
        fresh: list[Event] = []
        for event in events:
            if not isinstance(event, Received):
                fresh.append(event)
                continue
            messages = event.messages
            again = known - number + 1
            if messages.mark is None:
                number += len(messages)
                if 0 < again < len(messages):
                    event = replace(event, messages=without_first(messages, again))
                    again = 0
            elif messages.mark == "continued":
                number += 1
            if again <= 0:
                fresh.append(event)
        if number - 1 > highest:
            self._clients.put(client, (number - 1, place))
        return fresh
