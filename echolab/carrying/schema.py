"""How events travel in a message of a stream, version 1; see docs/carrying.md.

A payload is one line of JSON, the head, and then the bytes that the peer has sent, as
they are. The head says how they are cut. So a payload is little longer than its bytes,
and is made and read at their speed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

from echolab.events import Event, Received
from echolab.formats.json import peer_text
from echolab.formats.members import (
    MOST,
    Members,
    as_object,
    read_peer,
    read_seconds,
    read_text,
    read_whole,
)
from echolab.formats.members import decode as decode_json
from echolab.formats.recorded_event import NOT_AN_EVENT, event_of_members
from echolab.formats.recording import Recording
from echolab.messages import Batch, Lines, Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from echolab.addresses import Peer

__all__ = [
    "CONTENT_TYPE",
    "Carried",
    "NotCarriedError",
    "Part",
    "Stamp",
    "assemble",
    "decode",
    "encode",
    "message_id",
    "part_of",
]

CONTENT_TYPE = "application/vnd.echolab.events; version=1"

_MARKS: frozenset[object] = frozenset(get_args(Mark))
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_NUMBER = re.compile(r"[0-9]{1,19}")
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_record: Callable[[Event], bytes] = Recording()


class NotCarriedError(ValueError):
    """A payload is not one of this schema."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What one message of a stream carries: events of one peer, in order.

    Attributes:
        receiver: the name of the receiver that took the events.
        run: a text that is random for each start of the receiver.
        number: the number of this message in its run, from 1.
        stored: the engine had all messages of the run up to this number when this
            message was first sent. So a copy that a retry has made of one of them is
            not after this message.
        events: the events, at least one; all have the same peer.
        client: the id of a client that has introduced itself, and the number that it
            has given to the first message in here; None for any other client.
    """

    receiver: str
    run: str
    number: int
    stored: int
    events: Sequence[Event]
    client: tuple[str, int] | None = None


class Stamp(NamedTuple):
    """What is in the head of a payload besides the events; see `Carried`."""

    receiver: str
    run: str
    number: int
    stored: int
    peer: Peer


class Part(NamedTuple):
    """One event in a payload.

    Attributes:
        head: what stands for it in the head.
        bodies: its bytes, which follow the head.
    """

    head: str
    bodies: tuple[bytes, ...]


def message_id(receiver: str, run: str, number: int) -> str:
    """Return the header Nats-Msg-Id, by which the engine drops duplicates."""
    return f"{receiver}-{run}-{number}"


def encode(carried: Carried) -> bytes:
    """Return the payload of a message."""
    stamp = Stamp(
        *(carried.receiver, carried.run, carried.number, carried.stored),
        peer=carried.events[0].peer,
    )
    parts = [part_of(event) for event in carried.events]
    return assemble(stamp, parts, carried.client)


def assemble(
    stamp: Stamp, parts: Iterable[Part], client: tuple[str, int] | None = None
) -> bytes:
    """Return the payload of a message, made of its parts; see `Carried`."""
    introduced = ""
    if client is not None:
        introduced = f',"client":{_dumps((client[0], str(client[1])))}'
    events = ",".join([part.head for part in parts])
    head = (
        f'{{"receiver":{_dumps(stamp.receiver)},"run":{_dumps(stamp.run)},'
        f'"number":{stamp.number},"stored":{stamp.stored},'
        f'"peer":{peer_text(stamp.peer)}{introduced},"events":[{events}]}}\n'
    )
    return b"".join([head.encode(), *[body for part in parts for body in part.bodies]])


def part_of(event: Event) -> Part:
    """Return what an event is in a payload."""
    if not isinstance(event, Received):
        peer = f',"peer":{peer_text(event.peer)}'
        return Part(_record(event).decode().rstrip("\n").replace(peer, "", 1), ())
    messages = event.messages
    bodies: tuple[bytes, ...]
    if isinstance(messages, Lines):
        bodies = (messages.block,)
        size = str(len(messages.block))
    else:
        bodies = (*messages,)
        size = f"[{','.join([str(len(body)) for body in bodies])}]"
    mark = f',"{messages.mark}"' if messages.mark else ""
    return Part(f'["received",{event.time!r},{size}{mark}]', bodies)


def decode(payload: bytes) -> Carried:
    """Read the payload of a message. It is checked: anybody may have written it.

    Raises:
        NotCarriedError: it is not one of this schema.
    """
    head, _, body = payload.partition(b"\n")
    try:
        return _decoded(as_object(decode_json(head.decode())), body)
    except NOT_AN_EVENT as why:
        raise NotCarriedError(f"not echolab's events, version 1: {why}") from None


def _decoded(head: Members, body: bytes) -> Carried:
    peer_members = as_object(head["peer"])
    peer = read_peer(peer_members)
    at = 0
    events: list[Event] = []
    for each in _list(head["events"]):
        if isinstance(each, list):
            received, at = _received(peer, each, body, at)
            events.append(received)
            continue
        event = event_of_members({**as_object(each), "peer": peer_members})
        if not isinstance(event, get_args(Event)):
            raise ValueError("a part of a recording that is no event")
        events.append(cast("Event", event))
    if at != len(body):
        raise ValueError(f"{len(body)} bytes follow, the events have {at}")
    if not events:
        raise ValueError("there is no event")
    return Carried(
        receiver=_word(read_text(head, "receiver")),
        run=_word(read_text(head, "run")),
        number=read_whole(head, "number"),
        stored=read_whole(head, "stored"),
        events=tuple(events),
        client=_client(head["client"]) if "client" in head else None,
    )


def _received(
    peer: Peer, members: list[Any], body: bytes, at: int
) -> tuple[Received, int]:
    """Read a received event whose bytes begin at ``at``; return also their end."""
    name, time, sizes, *marks = members
    if name != "received" or len(marks) > 1 or not _MARKS.issuperset(marks):
        raise ValueError("a list that is no received event")
    mark: Mark | None = marks[0] if marks else None
    messages: Lines | Batch
    if isinstance(sizes, list):
        parts: list[bytes] = []
        for size in sizes:
            end = at + _size(size)
            parts.append(body[at:end])
            at = end
        messages = Batch(tuple(parts), mark)
    else:
        end = at + _size(sizes)
        messages = Lines(body[at:end], mark)
        if not messages.block.endswith(b"\n"):
            raise ValueError("the last line has no end")
        at = end
    if at > len(body):
        raise ValueError(f"{len(body)} bytes follow, the events have more")
    if len(messages) != 1 if mark else not len(messages):
        raise ValueError(f"{len(messages)} messages in a received event")
    return Received(peer, read_seconds({"time": time}, "time"), messages), at


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _size(value: object) -> int:
    return read_whole({"size": value}, "size")


def _client(value: object) -> tuple[str, int]:
    name, number = _list(value)
    if not (isinstance(name, str) and isinstance(number, str)):
        raise TypeError("client is no pair of texts")
    if not _NUMBER.fullmatch(number) or int(number) > MOST:
        raise ValueError("the number of a client's message is out of range")
    return _word(name), int(number)


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError("a name is empty, too long or has other characters")
    return text
