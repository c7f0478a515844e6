"""Turn a line of a recording into an event; a recording is not trusted.

A recording may come from anywhere. The type and the range of each used member are
checked, so that all code that takes the event can rely on it.
"""

from __future__ import annotations

import base64
from dataclasses import fields
from typing import TYPE_CHECKING, cast, get_args

from echolab.ends import EndCause
from echolab.events import (
    Accepted,
    Called,
    Chunk,
    Connected,
    Finished,
    HalfClosed,
    Introduced,
    LeftOut,
    Misbehaved,
    Mistaken,
    Received,
    Refused,
    Sent,
    Unanswered,
)
from echolab.facts import Diagnosed, Listening, Sampled, SynSaved
from echolab.formats.json import NAMES
from echolab.formats.members import (
    Members,
    as_object,
    decode,
    decode_pairs,
    optional,
    read_bytes,
    read_peer,
    read_seconds,
    read_text,
    read_time,
    read_whole,
    read_words,
)
from echolab.formats.reframing import Partial, RecordedFraming
from echolab.framing.base import Overlong
from echolab.messages import Batch

if TYPE_CHECKING:
    from echolab.addresses import Peer
    from echolab.events import Event
    from echolab.messages import Mark

__all__ = ["NOT_AN_EVENT", "event_of", "event_of_members", "messages_of"]

NOT_AN_EVENT = ValueError, LookupError, TypeError, RecursionError
"""The errors that reading a line raises if it is not a line of a recording."""


def event_of(line: bytes) -> Event | Partial | RecordedFraming:
    """Return the event of one line; or what else stands in a recording.

    Raises:
        ValueError, LookupError, TypeError, RecursionError: it has no event; these
            are `NOT_AN_EVENT`.
    """
    return event_of_members(as_object(decode(line.decode())))


def event_of_members(members: Members) -> Event | Partial | RecordedFraming:
    """Return the event of one line, given the members of its object; see `event_of`."""
    if members["event"] == "recording":
        return _recording(members)
    peer, time = (
        read_peer(as_object(members["peer"])),
        read_time(read_text(members, "time")),
    )
    match read_text(members, "event"):
        case "accepted":
            return Accepted(peer, time, *_began(members))
        case "connected":
            return Connected(peer, time, *_began(members))
        case "called":
            return _called(peer, time, members)
        case "partial":
            return Partial(peer, time)
        case "half_closed":
            return HalfClosed(peer, time)
        case "sampled" | "diagnosed" | "syn" | "listening" as name:
            return _fact(FACTS[name], peer, time, members)
        case "chunk":
            return Chunk(peer, time, read_bytes("data", members))
        case "received":
            messages = Batch((read_bytes("message", members),), _mark(members))
            return Received(peer, time, messages)
        case "sent":
            taken = optional(read_whole, members, "taken_bytes")
            answers = optional(read_whole, members, "answers")
            return Sent(peer, time, read_bytes("data", members), taken, answers)
        case "unanswered":
            number = read_whole(members, "number")
            return Unanswered(peer, time, number, read_bytes("message", members))
        case "introduced":
            client = read_words(members, "client")
            return Introduced(peer, time, client, read_whole(members, "number"))
        case "mistaken":
            return Mistaken(peer, time, read_words(members, "protocol"))
        case "misbehaved":
            return Misbehaved(peer, time, read_words(members, "behaviour"))
        case "refused":
            cause, detail = _cause(members), read_words(members, "detail")
            return Refused(peer, time, cause, detail, read_whole(members, "others"))
        case "left_out":
            names = "events", "received_bytes", "sent_bytes"
            return LeftOut(peer, time, *(read_whole(members, name) for name in names))
        case "finished":
            return Finished(
                peer,
                time,
                _cause(members),
                received_bytes=read_whole(members, "bytes"),
                messages=optional(read_whole, members, "messages"),
                unterminated_bytes=read_whole(members, "unterminated_bytes"),
                unread_bytes=read_whole(members, "unread_bytes"),
                seconds=read_seconds(members, "seconds"),
                detail=read_words(members, "detail") if "detail" in members else "",
                rtt_seconds=optional(read_seconds, members, "rtt_seconds"),
                retransmits=optional(read_whole, members, "retransmits"),
                sent_bytes=optional(read_whole, members, "sent_bytes"),
                unsent_bytes=optional(read_whole, members, "unsent_bytes"),
                unsent_answers=optional(read_whole, members, "unsent_answers") or 0,
            )
        case name:
            raise ValueError(f"no event: {name}")


def messages_of(rests: list[bytes]) -> list[bytes]:
    """Return the messages of lines with the same start, all at once for speed.

    Args:
        rests: each line from its member ``message`` or ``message_base64`` on.

    Raises:
        ValueError, LookupError, TypeError, RecursionError: a line has no message, or
            more members than the message.
    """
    text = b",".join(b"{" + rest for rest in rests).decode()
    # A line cannot extend into the next one: its only value is a string.
    objects = decode_pairs(f"[{text}]")
    if len(objects) != len(rests):
        raise ValueError("more than one object in a line")
    return [read_bytes("message", {key: value}) for [(key, value)] in objects]


def _recording(members: Members) -> RecordedFraming:
    overlong = read_text(members, "overlong")
    if overlong not in get_args(Overlong):
        raise ValueError("overlong is neither split nor close")
    return RecordedFraming(
        read_text(members, "framing"),
        read_whole(members, "max_message"),
        cast("Overlong", overlong),
    )


def _began(members: Members) -> tuple[Peer | None, float | None]:
    local = members.get("local")
    return (
        None if local is None else read_peer(as_object(local)),
        optional(read_seconds, members, "monotonic"),
    )


def _called(peer: Peer, time: float, members: Members) -> Called:
    return Called(
        peer,
        time,
        read_words(members, "call"),
        arguments=read_words(members, "arguments") if "arguments" in members else "",
        result=-1 if members["result"] == -1 else read_whole(members, "result"),
        errno=read_words(members, "errno") if "errno" in members else "",
        seconds=read_seconds(members, "seconds"),
        exact=read_text(members, "certainty") == "exact",
        monotonic=optional(read_seconds, members, "monotonic"),
        waited_seconds=optional(read_seconds, members, "waited_seconds"),
        data=read_bytes("data", members) if "data_base64" in members else None,
    )


Fact = Sampled | Diagnosed | SynSaved | Listening
FACTS: dict[str, type[Fact]] = {name: kind for kind, name in NAMES.items()}


def _fact(kind: type[Fact], peer: Peer, time: float, members: Members) -> Fact:
    """Read a fact: the name of a member tells its kind."""
    known: Members = {}
    for field in fields(kind)[2:]:
        name = field.name
        if name == "packet":
            known[name] = base64.b64decode(read_text(members, "packet_base64"))
        elif members.get(name) is None:
            continue
        elif name.endswith("_seconds"):
            known[name] = read_seconds(members, name)
        elif name == "end":
            known[name] = _end(members)
        elif name == "state":
            known[name] = read_words(members, name)
        else:
            known[name] = read_whole(members, name)
    return kind(peer, time, **known)


def _end(members: Members) -> str:
    if (end := read_text(members, "end")) not in ("own", "peer"):
        raise ValueError("end is neither own nor peer")
    return end


def _cause(members: Members) -> EndCause:
    return EndCause(read_text(members, "cause"))


def _mark(members: Members) -> Mark | None:
    mark: Mark
    for mark in ("overlong", "partial", "continued", "unterminated"):
        if members.get(mark, False) is True:
            return mark
    return None
