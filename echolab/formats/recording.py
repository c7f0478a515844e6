"""Recordings: events on disk, one JSON object per line.

A recording has what ``--format json`` prints, and also the result of each read
(``chunk``), the sent bytes (``sent``), and times with all their digits. So it can be
sent again in the same way.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from twisted.logger import Logger

from echolab.errors import InputError, reason_of
from echolab.events import Accepted, Connected, Received
from echolab.formats.json import Json
from echolab.formats.recorded_event import NOT_AN_EVENT, event_of, messages_of
from echolab.formats.reframing import Partial, RecordedFraming, reframed
from echolab.messages import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echolab.events import Event

__all__ = [
    "NO_CHUNKS",
    "NotAnEventError",
    "Recording",
    "events_of",
    "numbered_events",
    "read_recording",
]

Recording = partial(Json, recording=True)
"""The format with which an `echolab.Printer` prints a recording."""

_log = Logger()

NO_CHUNKS = "no chunks in it: it was not made by --record, or its stream was no ledger"
_MESSAGE = b',"message'
BATCH_BYTES = 1 << 20
LONGEST_LINE_BYTES = 256 << 20
"""What has longer lines is no recording, but for example a device."""
LONGEST_WORD = len("\\u0000")


class NotAnEventError(ValueError):
    """A line is not a line of a recording.

    Attributes:
        index: the index of the line.
    """

    def __init__(self, index: int) -> None:
        super().__init__(f"line {index + 1} is not of a recording")
        self.index = index


def read_recording(path: str | Path, *, again: bool = False) -> Iterator[Event]:
    """Read a recording, one event at a time.

    Args:
        path: a file of ``echolab server --record`` or of a transcript's ``save``. The
            output of ``--format json`` works too, but it has no chunks. If several
            runs were appended, the numbers of peers continue from run to run.
        again: whether the file was read before, so that warnings were logged already.

    Raises:
        InputError: the file cannot be read, or a line is not one of a recording. A
            line that is cut off, for example by a crash, is left out and logged. A
            line may have up to 256 MiB.
    """
    for _, event in numbered_events(path, again=again):
        yield event


def numbered_events(
    path: str | Path, *, again: bool = False
) -> Iterator[tuple[int, Event]]:
    """Read a recording like `read_recording`, with the line number of each event."""
    highest = before = 0  # the highest peer number: of all runs, of earlier runs
    for line, event in reframed(_read(path, again=again)):
        if isinstance(event, Accepted | Connected):
            if event.peer.number + before <= highest:
                before = highest
            highest = event.peer.number + before
        yield line, _renumbered(event, before) if before else event


def _read(
    path: str | Path, *, again: bool
) -> Iterator[tuple[int, Event | Partial | RecordedFraming]]:
    before = 0  # lines of earlier batches
    cut_off = 0
    try:
        with Path(path).open("rb") as file:
            while lines := _batch(file):
                if len(lines[-1]) > LONGEST_LINE_BYTES:
                    why = f"line {before + len(lines)} is too long for a recording"
                    raise InputError("read", str(path), why)
                at = 0
                while at < len(lines):
                    try:
                        for index, event in _indexed_events(lines, at):
                            yield before + index + 1, event
                        at = len(lines)
                    except NotAnEventError as error:
                        at = error.index + 1
                        why = f"line {before + at} is not of a recording"
                        if not _is_cut_off(lines[error.index]):
                            raise InputError("read", str(path), why) from None
                        if not (again or cut_off):
                            _log.warn("{path}: {why}: cut off", path=path, why=why)
                        cut_off += 1
                before += len(lines)
    except OSError as error:
        raise InputError("open", str(path), reason_of(error)) from None
    if cut_off > 1 and not again:
        _log.warn("{path}: {n} more lines are cut off", path=path, n=cut_off - 1)


def _batch(file: BinaryIO) -> list[bytes]:
    """Return the next lines; nothing is read after one that is too long."""
    lines: list[bytes] = []
    size = 0
    while line := file.readline(LONGEST_LINE_BYTES + 1):
        lines.append(line)
        size += len(line)
        if size >= BATCH_BYTES or len(line) > LONGEST_LINE_BYTES:
            break
    return lines


def _is_cut_off(line: bytes) -> bool:
    """Whether a line is cut off, as after a crash or on a full disk."""
    text = line.removesuffix(b"\n").decode(errors="replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        at_the_end = error.pos + LONGEST_WORD >= len(text)
        return text[:1] == "{" and (at_the_end or error.msg.startswith("Unterminated"))
    except (ValueError, RecursionError):
        pass  # A number is too long, or there are too many brackets.
    return False


def _renumbered(event: Event, before: int) -> Event:
    number = event.peer.number
    peer = replace(event.peer, number=number + before) if number else event.peer
    return replace(event, peer=peer)


def events_of(lines: Sequence[bytes]) -> Iterator[Event]:
    """Return the events of a recording's lines; all messages of a read are one event.

    Raises:
        NotAnEventError: a line has no event.
    """
    for _, event in reframed(_indexed_events(lines)):
        yield event


def _indexed_events(
    lines: Sequence[bytes], at: int = 0
) -> Iterator[tuple[int, Event | Partial | RecordedFraming]]:
    """Yield the events of the lines from ``at`` on, each with its first index."""
    while at < len(lines):
        first = at
        event = _checked(lines, at)
        at += 1
        if isinstance(event, Received) and event.messages.mark is None:
            start = lines[first].partition(_MESSAGE)[0] + _MESSAGE
            end = at
            while end < len(lines) and lines[end].startswith(start):
                end += 1
            if rest := _messages(lines[at:end], len(start)):
                at += len(rest)
                event = replace(event, messages=Batch((*event.messages, *rest)))
        yield first, event


def _messages(lines: Sequence[bytes], start: int) -> list[bytes]:
    """Return the messages of the first lines, as far as they have the same start."""
    rests = [b'"message' + line[start:] for line in lines]
    try:
        return messages_of(rests)
    except NOT_AN_EVENT:
        pass
    messages: list[bytes] = []
    with suppress(*NOT_AN_EVENT):
        for rest in rests:
            messages += messages_of([rest])
    return messages


def _checked(lines: Sequence[bytes], at: int) -> Event | Partial | RecordedFraming:
    try:
        return event_of(lines[at])
    except NOT_AN_EVENT:
        raise NotAnEventError(at) from None
