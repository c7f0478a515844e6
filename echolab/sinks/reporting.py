"""A sink that logs errors of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from echolab.counting import count
from echolab.ends import ORDERLY, EndCause
from echolab.errors import ConnectionLostError
from echolab.events import (
    Accepted,
    Called,
    Chunk,
    Connected,
    Finished,
    Misbehaved,
    Mistaken,
    Received,
    Refused,
    Sent,
    Unanswered,
)
from echolab.facts import Listening, Sampled
from echolab.formats.kernel import said
from echolab.sinks.bounded_reports import BoundedReports

if TYPE_CHECKING:
    from echolab.addresses import Peer
    from echolab.events import Event
    from echolab.interfaces import AnyClock

__all__ = ["Reporter", "connection_lost"]

SHOWN_BYTES = 80
"""So much of an unanswered message is shown."""

_log = Logger()


def connection_lost(event: Finished) -> ConnectionLostError:
    """Return the error for an end that was not orderly."""
    return ConnectionLostError("recv", str(event.peer), _ending(event))


def _ending(event: Finished) -> str:
    """Return why a connection ended: ``reset (ECONNRESET) after 13 bytes``."""
    because = _because(event.cause, event.detail)
    text = f"{because} after {count(event.received_bytes, 'byte')}"
    if event.cause is EndCause.EOF:
        text += ", in the middle of a message"
    return f"{text}, and {event.unread_bytes} unread" if event.unread_bytes else text


def _because(cause: EndCause, detail: str) -> str:
    return f"{cause.value} ({detail})" if detail else cause.value


_UNSAID = {Accepted, Connected, Called, Chunk, Received, Sent, Sampled}


class Reporter:
    """Logs misbehaviour, mistakes and disorderly ends, at a bounded rate.

    Args:
        clock: measures the seconds.
        of_cut: whether to log also an orderly end in the middle of a message.
    """

    def __init__(self, clock: AnyClock, *, of_cut: bool = False) -> None:
        self._of_cut = of_cut
        self._reports = BoundedReports(clock, _say)

    def __call__(self, event: Event) -> None:
        """Log one event, if it is one of those."""
        if type(event) in _UNSAID:
            return  # Most events are of these types.
        match event:
            case Finished(cause=cause) if cause not in ORDERLY:
                self._reports(event)
            case Finished(cause=EndCause.EOF, unterminated_bytes=cut) if cut:
                if self._of_cut:
                    self._reports(event)
            case Misbehaved() | Mistaken() | Unanswered():
                self._reports(event)
            case Refused(others=others):
                _say(event, others)
            case _:
                pass

    def catch_up(self) -> None:
        """Log the suppressed events: this is the end."""
        self._reports.catch_up()


class BacklogReporter:
    """Logs the backlog of each listening socket, and the system's limits for it."""

    def __init__(self) -> None:
        self._known: set[Peer] = set()

    def __call__(self, event: Event) -> None:
        """Log one event, if it is the first of a listening socket."""
        if isinstance(event, Listening) and event.peer not in self._known:
            self._known.add(event.peer)
            _log.info("{peer}: {said}", peer=str(event.peer), said=said(event))


_Reported = Finished | Misbehaved | Mistaken | Unanswered | Refused


def _say(event: _Reported, others: int) -> None:
    text = _fault(event)
    if others:
        text += f"; and {count(others, 'other')}"
    _log.info("{peer}: {text}", peer=str(event.peer), text=text)


def _fault(event: _Reported) -> str:
    match event:
        case Finished():
            return _ending(event)
        case Unanswered(message=message):
            shown = message if len(message) <= SHOWN_BYTES else message[:SHOWN_BYTES]
            return f"no answer fits {shown!r}"
        case Misbehaved(behaviour=behaviour):
            return f"misbehaved ({behaviour})"
        case Mistaken(protocol=protocol):
            return f"speaks {protocol} at a port that does not"
        case Refused(cause=cause, detail=detail):
            return _because(cause, detail)
