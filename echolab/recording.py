"""Recordings: events on disk, one JSON object a line, and back again.

A recording is what ``--format json`` prints, and more: what each read returned
(``chunk``), and times with all their digits. So it can be sent again as it came.
"""

from __future__ import annotations

import base64
import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echolab.errors import InputError, reason_of
from echolab.events import (
    Accepted,
    Chunk,
    Connected,
    EndCause,
    Finished,
    Misbehaved,
    Peer,
    Received,
    Refused,
)
from echolab.json_format import Json
from echolab.messages import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event
    from echolab.messages import Mark

__all__ = ["NOT_AN_EVENT", "Recording", "event_of", "read_recording"]

Recording = partial(Json, recording=True)
"""The form in which a `echolab.Printer` prints a recording."""

NOT_AN_EVENT = ValueError, LookupError, TypeError, AttributeError, RecursionError

_PEER = {field.name for field in fields(Peer)}


def read_recording(path: str | Path) -> Iterator[Event]:
    """Read a recording, one event at a time.

    Args:
        path: what ``echolab server --record`` or a transcript's ``save`` wrote.
            What ``--format json`` prints will do too; it only has no chunks. Where
            several runs were appended, the peers of the later ones are numbered on.

    Raises:
        InputError: it cannot be read, or a line is of something else. A last line
            that is torn, as by a crash, is left out.
    """
    highest = before = 0  # numbers of peers: of all, and of those of earlier runs
    try:
        with Path(path).open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    event = event_of(line)
                except NOT_AN_EVENT:
                    why = f"line {number} is not of a recording"
                    raise InputError("read", str(path), why) from None
                if isinstance(event, Accepted | Connected):
                    if event.peer.number + before <= highest:
                        before = highest
                    highest = event.peer.number + before
                yield _renumbered(event, before) if before else event
    except OSError as error:
        raise InputError("open", str(path), reason_of(error)) from None


def _renumbered(event: Event, before: int) -> Event:
    number = event.peer.number
    peer = replace(event.peer, number=number + before) if number else event.peer
    return replace(event, peer=peer)


def event_of(line: bytes) -> Event:
    """The event of one line of a recording.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, RecursionError: there is
            none in it (``NOT_AN_EVENT``).
    """
    members = json.loads(line)
    time = _seconds(members["time"])
    peer = Peer(**{k: v for k, v in members["peer"].items() if k in _PEER})
    match members["event"]:
        case "accepted":
            return Accepted(peer, time)
        case "connected":
            return Connected(peer, time)
        case "chunk":
            return Chunk(peer, time, _bytes("data", members))
        case "received":
            messages = Batch((_bytes("message", members),), _mark(members))
            return Received(peer, time, messages)
        case "misbehaved":
            return Misbehaved(peer, time, str(members["behaviour"]))
        case "refused":
            cause, others = EndCause(members["cause"]), int(members["others"])
            return Refused(peer, time, cause, str(members["detail"]), others)
        case "finished":
            return Finished(
                peer,
                time,
                EndCause(members["cause"]),
                received_bytes=members["bytes"],
                messages=members["messages"],
                unterminated_bytes=members["unterminated_bytes"],
                unread_bytes=members["unread_bytes"],
                seconds=members["seconds"],
                detail=members.get("detail", ""),
                rtt_seconds=members.get("rtt_seconds"),
                retransmits=members.get("retransmits"),
            )
        case name:
            raise ValueError(f"no event: {name}")


def _bytes(name: str, members: dict[str, Any]) -> bytes:
    text = members.get(name)
    if text is None:
        return base64.b64decode(members[f"{name}_base64"], validate=True)
    return bytes(text, "utf-8")


def _mark(members: dict[str, Any]) -> Mark | None:
    mark: Mark
    for mark in ("overlong", "partial", "unterminated"):
        if members.get(mark):
            return mark
    return None


def _seconds(time: str) -> float:
    """The inverse of `echolab.style.rfc3339_exactly`."""
    whole, _, fraction = time.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return moment.timestamp() + float(f"0.{fraction}")
