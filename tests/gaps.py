"""Recordings with gaps, made of whole ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab import Chunk, LeftOut, Sent
from tests.sessions import TIME, Pair

if TYPE_CHECKING:
    from echolab import Event

__all__ = ["echoes", "without"]


def without(events: list[Event], first: int, last: int) -> list[Event]:
    """Return events of one peer without those from ``first`` up to ``last``."""
    gone = events[first:last]
    received = sum(len(event.data) for event in gone if isinstance(event, Chunk))
    sent = sum(len(event.data) for event in gone if isinstance(event, Sent))
    end = gone[-1]
    left = LeftOut(end.peer, end.time, len(gone), received, sent)
    return [*events[:first], left, *events[last:]]


def echoes(*, number: int = 6, late_bytes: int = 0) -> Pair:
    """Return a session in which the server echoes, with both recordings.

    Args:
        number: how many messages there are, each of another length.
        late_bytes: how many bytes the kernel takes only with the send that follows.
    """
    pair = Pair()
    pair.connects()
    given = taken = 0
    for at in range(number):
        data = bytes([65 + at]) * (10 + at) + b"\n"
        time = 1.0 + at
        pair.client_sends(time, data)
        pair.at_client[-2] = Sent(pair.server, TIME + time, data, given)
        pair.server_receives(time + 0.1, data)
        pair.at_server.append(Sent(pair.client, TIME + time + 0.2, data, taken))
        given += len(data)
        now = given - taken - (late_bytes if at < number - 1 else 0)
        pair.server_calls(time + 0.3, "send", given - taken, now)
        pair.client_calls(time + 0.4, "recv", 65536, now)
        chunk = (b"".join(sent_by(pair)))[taken : taken + now]
        pair.at_client.append(Chunk(pair.server, TIME + time + 0.4, chunk))
        taken += now
    pair.ends(9.0, given)
    return pair


def sent_by(pair: Pair) -> list[bytes]:
    """Return the bytes that the server has given to the transport."""
    return [event.data for event in pair.at_server if isinstance(event, Sent)]
