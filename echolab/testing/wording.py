"""The texts of failing tests, kept short."""

from __future__ import annotations

import difflib
import reprlib
import sys
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from typing_extensions import override

from echolab.behaviour.values import Behaviour
from echolab.errors import reason_of
from echolab.escaping import escape
from echolab.events import Chunk, Finished
from echolab.formats import Log, Style

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from twisted.python.failure import Failure

    from echolab.addresses import Peer
    from echolab.events import Event

__all__ = [
    "IN_MESSAGE",
    "complaint",
    "difference",
    "excerpt",
    "failure",
    "in_words",
    "printed",
    "raise_first",
    "unfinished",
]

IN_MESSAGE = "_echolab_transcript"
"""An attribute of an error: the transcript in its message, and how many events."""

FIRST_LINES = 50
LAST_LINES = 100
LINE_CHARACTERS = 300
DIFFERENT_LINES = 50
ALIKE_LINES = 3
SHOWN_BYTES = 80
VALUE_CHARACTERS = 100


def failure(text: str) -> AssertionError:
    """Return the error of a failed test; trial has its own class for failures."""
    trial = sys.modules.get("twisted.trial.unittest")
    kind: type[AssertionError] = trial.FailTest if trial else AssertionError
    return kind(text)


def raise_first(failures: list[Failure]) -> None:
    """Raise for the first failure of a reply, if there is one; forget them all.

    Raises:
        AssertionError: there is one; the message has its traceback.
    """
    if failures:
        first = failures[0]
        failures.clear()
        reason = f"{type(first.value).__name__}: {reason_of(first.value)}"
        raise failure(f"a reply failed: {reason}\n{first.getTraceback()}") from None


def complaint(status: int, said: str) -> str:
    """Return why a server in its own process has failed, the reason first.

    Args:
        status: its exit status.
        said: what it has said on stderr.
    """
    said_before, traceback, rest = said.partition("Traceback (")
    if not traceback:
        return f"the server ended with status {status}:\n{said}"
    *_, title = said_before.splitlines() or [""]
    # Its frames are indented twice; the reason is the line behind them.
    lines = (line[2:] for line in rest.splitlines()[1:])
    reason = next((line for line in lines if line[:1].strip()), "an error")
    return f"the server failed: {reason}\n{title}\n{traceback}{rest}"


class _Values(reprlib.Repr):
    """Values of options in short: functions by name, behaviours as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = VALUE_CHARACTERS
        self.maxlist = self.maxtuple = self.maxdict = 10

    @override
    def repr_instance(self, x: object, level: int) -> str:
        if isinstance(x, Behaviour):
            x = str(x)
        elif name := getattr(x, "__qualname__", ""):
            return str(name)
        return super().repr_instance(x, level)


def in_words(options: Iterable[str], keywords: Mapping[str, object]) -> str:
    """Return options as a call is written, without long values."""
    short = _Values().repr
    words = [*map(short, options), *(f"{k}={short(v)}" for k, v in keywords.items())]
    return ", ".join(words)


def printed(events: Sequence[Event]) -> Iterator[str]:
    """Yield all events in order, as with ``--format log``; then unfinished messages."""
    form = Log(Style(escape=True, sent=True), exact=True)
    for event in events:
        yield from form(event).decode().splitlines()
    yield from unfinished(events)


def unfinished(events: Iterable[Event]) -> Iterator[str]:
    """Yield the last chunk of each open connection that did not end a message."""
    last: dict[Peer, bytes] = {}
    for event in events:
        if isinstance(event, Chunk):
            last[event.peer] = event.data
        elif isinstance(event, Finished):
            last.pop(event.peer, None)
    for peer, data in last.items():
        if not data.endswith(b"\n"):
            yield f"({peer} is open; its last bytes were {data[-SHOWN_BYTES:]!r})"


def excerpt(lines: Iterable[str]) -> str:
    """Return the first and the last lines, and cut long ones."""
    lines = iter(lines)
    first = list(islice(lines, FIRST_LINES))
    last: deque[str] = deque(maxlen=LAST_LINES)
    others = 0
    for line in lines:
        others += 1
        last.append(line)
    if others > len(last):
        first.append(f"... {others - len(last)} lines are left out ...")
    return "\n".join(map(_cut, [*first, *last]))


def difference(wanted: Sequence[bytes], found: Sequence[bytes]) -> Iterator[str]:
    """Yield where the two first differ: missing (-) and unexpected (+) lines."""
    alike = _alike(wanted, found)
    if alike < min(len(wanted), len(found)):
        same = _alike(wanted[alike], found[alike])
        if same > SHOWN_BYTES:
            yield f"  (line {alike + 1} differs after {same} bytes)"
    start, end = max(0, alike - ALIKE_LINES), alike + DIFFERENT_LINES
    if start:
        yield f"  ... {start} lines are as expected ..."
    for line in difflib.ndiff(_shown(wanted[start:end]), _shown(found[start:end])):
        if not line.startswith("?"):
            yield line
    for what, lines in ("- ", wanted[end:]), ("+ ", found[end:]):
        if lines:
            yield f"{what}... and {len(lines)} more"


def _alike(one: Sequence[object], two: Sequence[object]) -> int:
    """Return how many items at the start are the same."""
    pairs = enumerate(zip(one, two, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(two)))


def _shown(lines: Iterable[bytes]) -> list[str]:
    return [_cut(escape(line).decode().replace("\n", "\\n")) for line in lines]


def _cut(line: str) -> str:
    if len(line) <= LINE_CHARACTERS:
        return line
    return f"{line[:LINE_CHARACTERS]}... ({len(line)} characters)"
