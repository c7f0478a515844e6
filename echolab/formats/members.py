"""The members of a recording's line, read with checks: a recording is not trusted."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from echolab.addresses import Peer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Members",
    "as_object",
    "decode",
    "decode_pairs",
    "optional",
    "read_bytes",
    "read_peer",
    "read_seconds",
    "read_text",
    "read_time",
    "read_whole",
    "read_words",
]

T = TypeVar("T")
Members = dict[str, Any]

MOST = 2**63 - 1
_PEER = (*(field.name for field in fields(Peer)), "path_base64")
_WORD = re.compile(r"[\w.:%-]+", re.ASCII)
MOST_PORT = 65535
LAST_SECOND = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""The last time that can be shown."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", flags=re.ASCII)


def _unique(pairs: list[tuple[str, Any]]) -> Members:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member stands there twice")
    return members


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant).decode
decode_pairs = json.JSONDecoder(object_pairs_hook=tuple).decode


def as_object(value: object) -> Members:
    """Return a JSON value that must be an object."""
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def read_text(members: Members, name: str) -> str:
    """Read a text, of whole characters."""
    value = members[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    value.encode()  # Raises if it contains half of a surrogate pair.
    return value


def read_whole(members: Members, name: str, most: int = MOST) -> int:
    """Read a whole number from 0 to ``most``."""
    value = members[name]
    if type(value) is not int:  # A bool is an int in Python.
        raise TypeError(f"{name} is no whole number")
    if not 0 <= value <= most:
        raise ValueError(f"{name} is out of range")
    return value


def _port(members: Members, name: str) -> int:
    return read_whole(members, name, MOST_PORT)


def read_seconds(members: Members, name: str) -> float:
    """Read seconds, from 0 to the last time that can be shown."""
    value = members[name]
    if type(value) not in (int, float):
        raise TypeError(f"{name} is no number")
    seconds = float(value)
    if not (math.isfinite(seconds) and 0 <= seconds <= LAST_SECOND):
        raise ValueError(f"{name} is out of range")
    return seconds


def optional(
    read: Callable[[Members, str], T], members: Members, name: str
) -> T | None:
    """Read a member with ``read``; None if it is missing or null."""
    return None if members.get(name) is None else read(members, name)


def read_peer(members: Members) -> Peer:
    """Read what `Peer` is made of."""
    return _checked_peer(*map(members.get, _PEER))


@lru_cache(maxsize=1024, typed=True)  # Otherwise True would equal 1.
def _checked_peer(*values: object) -> Peer:
    members = dict(zip(_PEER, values, strict=True))
    return Peer(
        read_whole(members, "number"),
        _word(members, "family"),
        host=optional(_word, members, "host"),
        port=optional(_port, members, "port"),
        path=_path(members),
        pid=optional(read_whole, members, "pid"),
        uid=optional(read_whole, members, "uid"),
        name=optional(read_text, members, "name"),
        receiver=optional(read_text, members, "receiver"),
    )


def _word(members: Members, name: str) -> str:
    """Read a kind or an address, which must not look like another part of a label."""
    text = read_text(members, name)
    if not _WORD.fullmatch(text):
        raise ValueError(f"{name} is no address")
    return text


def _path(members: Members) -> str | None:
    if members["path_base64"] is None:
        return optional(read_text, members, "path")
    path = base64.b64decode(read_text(members, "path_base64"), validate=True)
    return path.decode("utf-8", "surrogateescape")


def read_words(members: Members, name: str) -> str:
    """Read a text that echolab wrote: without line ends, harmless for a terminal."""
    text = read_text(members, name)
    if not text.isprintable():
        raise ValueError(f"{name} is not printable")
    return text


def read_bytes(name: str, members: Members) -> bytes:
    """Read bytes: a text, or base64 in the member ``name_base64``."""
    if name in members:
        return read_text(members, name).encode()
    return base64.b64decode(read_text(members, f"{name}_base64"), validate=True)


def read_time(text: str) -> float:
    """The inverse of `echolab.formats.times.rfc3339_exactly`."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    whole, fraction = found.groups(default="0")
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    seconds = moment.timestamp() + float(f"0.{fraction}")
    if not 0 <= seconds <= LAST_SECOND:
        raise ValueError("not a time of our days")
    return seconds
