"""A sink that says, in the log, what was not in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from echolab.admission import Throttle
from echolab.counting import count
from echolab.errors import ConnectionLostError
from echolab.events import ORDERLY, Finished, Misbehaved, Mistaken, Refused

if TYPE_CHECKING:
    from echolab.events import EndCause, Event, Peer

__all__ = ["Reporter", "connection_lost"]

_log = Logger()


def connection_lost(event: Finished) -> ConnectionLostError:
    """Return the error for an end that was not in order."""
    return ConnectionLostError("recv", str(event.peer), _ending(event))


def _ending(event: Finished) -> str:
    """Say why a connection ended: ``reset (ECONNRESET) after 13 bytes``."""
    because = _because(event.cause, event.detail)
    text = f"{because} after {count(event.received_bytes, 'byte')}"
    return f"{text}, and {event.unread_bytes} unread" if event.unread_bytes else text


def _because(cause: EndCause, detail: str) -> str:
    return f"{cause.value} ({detail})" if detail else cause.value


class Reporter:
    """Logs misbehaviour, mistakes and disorderly ends, at a bounded rate."""

    def __init__(self) -> None:
        self._throttle = Throttle()

    def __call__(self, event: Event) -> None:
        """Log one event, if it is one of these."""
        match event:
            case Finished(cause=cause) if cause not in ORDERLY:
                others = self._throttle(event.time)
                if others is not None:
                    self._say(event.peer, _ending(event), others)
            case Misbehaved(peer=peer, behaviour=behaviour):
                others = self._throttle(event.time)
                if others is not None:
                    self._say(peer, f"misbehaved ({behaviour})", others)
            case Mistaken(peer=peer, protocol=protocol):
                others = self._throttle(event.time)
                if others is not None:
                    what = f"speaks {protocol} at a port that does not"
                    self._say(peer, what, others)
            case Refused(cause=cause, others=others):
                self._say(event.peer, _because(cause, event.detail), others)
            case _:
                pass

    def _say(self, peer: Peer, text: str, others: int) -> None:
        if others:
            text += f"; and {count(others, 'other')}"
        _log.info("{peer}: {text}", peer=str(peer), text=text)
