"""Turn a line of a recording into an event; a recording is not trusted.

A recording may come from anywhere. The type and the range of each used member are
checked, so that all code that takes the event can rely on it.
"""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

from echolab.addresses import Peer
from echolab.ends import EndCause
from echolab.events import (
    Accepted,
    Called,
    Chunk,
    Connected,
    Finished,
    HalfClosed,
    Misbehaved,
    Received,
    Refused,
    Sent,
)
from echolab.facts import Diagnosed, Listening, Sampled, SynSaved
from echolab.formats.json import NAMES
from echolab.formats.reframing import Partial, RecordedFraming
from echolab.framing.base import Overlong
from echolab.messages import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.events import Event
    from echolab.messages import Mark

__all__ = ["NOT_AN_EVENT", "event_of", "messages_of"]

NOT_AN_EVENT = ValueError, LookupError, TypeError, RecursionError
"""The errors that reading a line raises if it is not a line of a recording."""

T = TypeVar("T")
Members = dict[str, Any]

MOST = 2**63 - 1
_PEER = (*(field.name for field in fields(Peer)), "path_base64")
_WORD = re.compile(r"[\w.:%-]+", re.ASCII)
MOST_PORT = 65535
LAST_SECOND = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""The last time that can be shown."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", flags=re.ASCII)


def event_of(line: bytes) -> Event | Partial | RecordedFraming:
    """Return the event of one line; or what else stands in a recording.

    Raises:
        ValueError, LookupError, TypeError, RecursionError: it has no event; these
            are `NOT_AN_EVENT`.
    """
    members = _object(_decode(line.decode()))
    if members["event"] == "recording":
        return _recording(members)
    peer, time = _peer(_object(members["peer"])), _time(_text(members, "time"))
    match _text(members, "event"):
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
            return Chunk(peer, time, _bytes("data", members))
        case "received":
            messages = Batch((_bytes("message", members),), _mark(members))
            return Received(peer, time, messages)
        case "sent":
            taken = _optional(_whole, members, "taken_bytes")
            return Sent(peer, time, _bytes("data", members), taken)
        case "misbehaved":
            return Misbehaved(peer, time, _words(members, "behaviour"))
        case "refused":
            cause, detail = _cause(members), _words(members, "detail")
            return Refused(peer, time, cause, detail, _whole(members, "others"))
        case "finished":
            return Finished(
                peer,
                time,
                _cause(members),
                received_bytes=_whole(members, "bytes"),
                messages=_optional(_whole, members, "messages"),
                unterminated_bytes=_whole(members, "unterminated_bytes"),
                unread_bytes=_whole(members, "unread_bytes"),
                seconds=_seconds(members, "seconds"),
                detail=_words(members, "detail") if "detail" in members else "",
                rtt_seconds=_optional(_seconds, members, "rtt_seconds"),
                retransmits=_optional(_whole, members, "retransmits"),
                sent_bytes=_optional(_whole, members, "sent_bytes"),
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
    objects = _decode_pairs(f"[{text}]")
    if len(objects) != len(rests):
        raise ValueError("more than one object in a line")
    return [_bytes("message", {key: value}) for [(key, value)] in objects]


def _unique(pairs: list[tuple[str, Any]]) -> Members:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member stands there twice")
    return members


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_decode = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant
).decode
_decode_pairs = json.JSONDecoder(object_pairs_hook=tuple).decode


def _object(value: object) -> Members:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _recording(members: Members) -> RecordedFraming:
    overlong = _text(members, "overlong")
    if overlong not in get_args(Overlong):
        raise ValueError("overlong is neither split nor close")
    return RecordedFraming(
        _text(members, "framing"),
        _whole(members, "max_message"),
        cast("Overlong", overlong),
    )


def _began(members: Members) -> tuple[Peer | None, float | None]:
    local = members.get("local")
    return (
        None if local is None else _peer(_object(local)),
        _optional(_seconds, members, "monotonic"),
    )


def _called(peer: Peer, time: float, members: Members) -> Called:
    return Called(
        peer,
        time,
        _words(members, "call"),
        arguments=_words(members, "arguments") if "arguments" in members else "",
        result=-1 if members["result"] == -1 else _whole(members, "result"),
        errno=_words(members, "errno") if "errno" in members else "",
        seconds=_seconds(members, "seconds"),
        exact=_text(members, "certainty") == "exact",
        monotonic=_optional(_seconds, members, "monotonic"),
        waited_seconds=_optional(_seconds, members, "waited_seconds"),
        data=_bytes("data", members) if "data_base64" in members else None,
    )


Fact = Sampled | Diagnosed | SynSaved | Listening
FACTS: dict[str, type[Fact]] = {name: kind for kind, name in NAMES.items()}


def _fact(kind: type[Fact], peer: Peer, time: float, members: Members) -> Fact:
    """Read a fact: the name of a member tells its kind."""
    known: Members = {}
    for field in fields(kind)[2:]:
        name = field.name
        if name == "packet":
            known[name] = base64.b64decode(_text(members, "packet_base64"))
        elif members.get(name) is None:
            continue
        elif name.endswith("_seconds"):
            known[name] = _seconds(members, name)
        elif name == "end":
            known[name] = _end(members)
        elif name == "state":
            known[name] = _words(members, name)
        else:
            known[name] = _whole(members, name)
    return kind(peer, time, **known)


def _end(members: Members) -> str:
    if (end := _text(members, "end")) not in ("own", "peer"):
        raise ValueError("end is neither own nor peer")
    return end


def _text(members: Members, name: str) -> str:
    value = members[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    value.encode()  # Raises if it contains half of a surrogate pair.
    return value


def _whole(members: Members, name: str, most: int = MOST) -> int:
    value = members[name]
    if type(value) is not int:  # A bool is an int in Python.
        raise TypeError(f"{name} is no whole number")
    if not 0 <= value <= most:
        raise ValueError(f"{name} is out of range")
    return value


def _port(members: Members, name: str) -> int:
    return _whole(members, name, MOST_PORT)


def _seconds(members: Members, name: str) -> float:
    value = members[name]
    if type(value) not in (int, float):
        raise TypeError(f"{name} is no number")
    seconds = float(value)
    if not (math.isfinite(seconds) and 0 <= seconds <= LAST_SECOND):
        raise ValueError(f"{name} is out of range")
    return seconds


def _optional(
    read: Callable[[Members, str], T], members: Members, name: str
) -> T | None:
    return None if members.get(name) is None else read(members, name)


def _peer(members: Members) -> Peer:
    return _checked_peer(*map(members.get, _PEER))


@lru_cache(maxsize=1024, typed=True)  # Otherwise True would equal 1.
def _checked_peer(*values: object) -> Peer:
    members = dict(zip(_PEER, values, strict=True))
    return Peer(
        _whole(members, "number"),
        _word(members, "family"),
        host=_optional(_word, members, "host"),
        port=_optional(_port, members, "port"),
        path=_path(members),
        pid=_optional(_whole, members, "pid"),
        uid=_optional(_whole, members, "uid"),
        name=_optional(_text, members, "name"),
    )


def _word(members: Members, name: str) -> str:
    """Read a kind or an address, which must not look like another part of a label."""
    text = _text(members, name)
    if not _WORD.fullmatch(text):
        raise ValueError(f"{name} is no address")
    return text


def _path(members: Members) -> str | None:
    if members["path_base64"] is None:
        return _optional(_text, members, "path")
    path = base64.b64decode(_text(members, "path_base64"), validate=True)
    return path.decode("utf-8", "surrogateescape")


def _words(members: Members, name: str) -> str:
    """Read a text that echolab wrote: without line ends, harmless for a terminal."""
    text = _text(members, name)
    if not text.isprintable():
        raise ValueError(f"{name} is not printable")
    return text


def _cause(members: Members) -> EndCause:
    return EndCause(_text(members, "cause"))


def _bytes(name: str, members: Members) -> bytes:
    if name in members:
        return _text(members, name).encode()
    return base64.b64decode(_text(members, f"{name}_base64"), validate=True)


def _mark(members: Members) -> Mark | None:
    mark: Mark
    for mark in ("overlong", "partial", "continued", "unterminated"):
        if members.get(mark, False) is True:
            return mark
    return None


def _time(text: str) -> float:
    """The inverse of `echolab.formats.style.rfc3339_exactly`."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    whole, fraction = found.groups(default="0")
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    seconds = moment.timestamp() + float(f"0.{fraction}")
    if not 0 <= seconds <= LAST_SECOND:
        raise ValueError("not a time of our days")
    return seconds
