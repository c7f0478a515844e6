"""Recordings: events on disk, one JSON object a line, and back again.

A recording is what ``--format json`` prints, and more: what each read returned
(``chunk``), and times with all their digits. So it can be sent again as it came.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

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
    from collections.abc import Iterator, Sequence

    from echolab.events import Event
    from echolab.messages import Mark

__all__ = ["NotAnEventError", "Recording", "events_of", "read_recording"]

Recording = partial(Json, recording=True)
"""The form in which a `echolab.Printer` prints a recording."""

_log = Logger()

_WRONG = ValueError, LookupError, TypeError, AttributeError, RecursionError

_WORD = re.compile(r"[\w.:%-]+", re.ASCII)
_NUMBERS = "port", "pid", "uid"
_TEXTS = "family", "host", "path", "name"
_PEER = {field.name for field in fields(Peer)}
_MESSAGE = b',"message'
BATCH_BYTES = 1 << 20
LONGEST_WORD = len("\\u0000")


class NotAnEventError(ValueError):
    """A line is not of a recording.

    Attributes:
        index: which one of the lines.
    """

    def __init__(self, index: int) -> None:
        super().__init__(f"line {index + 1} is not of a recording")
        self.index = index


def read_recording(path: str | Path, *, again: bool = False) -> Iterator[Event]:
    """Read a recording, one event at a time.

    Args:
        path: what ``echolab server --record`` or a transcript's ``save`` wrote.
            What ``--format json`` prints will do too; it only has no chunks. Where
            several runs were appended, the peers of the later ones are numbered on.
        again: whether it was read before, so that its state has been logged.

    Raises:
        InputError: it cannot be read, or a line is of something else. One that is
            cut off, as by a crash, is left out, and that is logged.
    """
    highest = before = 0  # numbers of peers: of all, and of those of earlier runs
    for event in _read(path, again=again):
        if isinstance(event, Accepted | Connected):
            if event.peer.number + before <= highest:
                before = highest
            highest = event.peer.number + before
        yield _renumbered(event, before) if before else event


def _read(path: str | Path, *, again: bool) -> Iterator[Event]:
    number = 0
    try:
        with Path(path).open("rb") as file:
            while lines := file.readlines(BATCH_BYTES):
                while lines:
                    try:
                        yield from events_of(lines)
                        read = len(lines)
                    except NotAnEventError as error:
                        read = error.index + 1
                        why = f"line {number + read} is not of a recording"
                        if not _is_cut_off(lines[error.index]):
                            raise InputError("read", str(path), why) from None
                        if not again:
                            _log.warn("{path}: {why}: cut off", path=path, why=why)
                    number += read
                    del lines[:read]
    except OSError as error:
        raise InputError("open", str(path), reason_of(error)) from None


def _is_cut_off(line: bytes) -> bool:
    """Whether it is the beginning of a line, as a crash or a full disk leaves it."""
    text = line.removesuffix(b"\n").decode(errors="replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        at_the_end = error.pos + LONGEST_WORD >= len(text)
        return text[:1] == "{" and (at_the_end or error.msg.startswith("Unterminated"))
    except RecursionError:
        pass
    return False


def _renumbered(event: Event, before: int) -> Event:
    number = event.peer.number
    peer = replace(event.peer, number=number + before) if number else event.peer
    return replace(event, peer=peer)


def events_of(lines: Sequence[bytes]) -> Iterator[Event]:
    """The events of lines of a recording; the messages of one read are one event.

    Raises:
        NotAnEventError: there is none in one of the lines.
    """
    at = 0
    while at < len(lines):
        event = _checked(lines, at)
        at += 1
        if isinstance(event, Received) and event.messages.mark is None:
            first = at
            start = lines[at - 1].partition(_MESSAGE)[0] + _MESSAGE
            while at < len(lines) and lines[at].startswith(start):
                at += 1
            try:
                rest = _messages(lines[first:at], len(start))
            except _WRONG:
                at = next(n for n in range(first, at) if not _is_event(lines[n]))
                rest = _messages(lines[first:at], len(start))
            if rest:
                event = replace(event, messages=Batch((*event.messages, *rest)))
        yield event


def _messages(lines: Sequence[bytes], start: int) -> list[bytes]:
    """The messages of lines that begin alike: all at once, since that is faster."""
    objects = b",".join(b'{"message' + line[start:] for line in lines)
    return [_bytes("message", each) for each in json.loads(b"[%b]" % objects)]


def _is_event(line: bytes) -> bool:
    try:
        _event_of(line)
    except _WRONG:
        return False
    return True


def _checked(lines: Sequence[bytes], at: int) -> Event:
    try:
        return _event_of(lines[at])
    except _WRONG:
        raise NotAnEventError(at) from None


def _event_of(line: bytes) -> Event:
    members = json.loads(line)
    time = _seconds(members["time"])
    peer = _peer(members["peer"])
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


def _peer(members: dict[str, Any]) -> Peer:
    """The peer; nothing of it may look like another part of its label."""
    known = {k: v for k, v in members.items() if k in _PEER}
    if "path_base64" in members:
        path = _bytes("path", members)
        known["path"] = path.decode("utf-8", "surrogateescape")
    if not isinstance(known["number"], int) or known["number"] < 0:
        raise ValueError("peers are numbered from 1")
    if not all(isinstance(known.get(name), int | None) for name in _NUMBERS):
        raise ValueError("not a number")
    if not all(isinstance(known.get(name), str | None) for name in _TEXTS):
        raise ValueError("not a text")
    if not _WORD.fullmatch(f"{known['family']}{known.get('host')}"):
        raise ValueError("no address")
    return Peer(**known)


def _bytes(name: str, members: dict[str, Any]) -> bytes:
    text = members.get(name)
    if text is None:
        return base64.b64decode(members[f"{name}_base64"], validate=True)
    return bytes(text, "utf-8")


def _mark(members: dict[str, Any]) -> Mark | None:
    mark: Mark
    for mark in ("overlong", "partial", "continued", "unterminated"):
        if members.get(mark):
            return mark
    return None


def _seconds(time: str) -> float:
    """The inverse of `echolab.style.rfc3339_exactly`."""
    whole, _, fraction = time.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return moment.timestamp() + float(f"0.{fraction}")
