"""A sink that says, in the log, what was not in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from echolab.admission import Throttle
from echolab.events import ORDERLY, Finished, Misbehaved, Refused
from echolab.style import Style

if TYPE_CHECKING:
    from echolab.events import Event, Peer

__all__ = ["Reporter"]

_log = Logger()


class Reporter:
    """Logs misbehaviour and ends that were not in order, at a bounded rate."""

    def __init__(self) -> None:
        self._throttle = Throttle()
        self._style = Style()

    def __call__(self, event: Event) -> None:
        """Log one event, if it is one of these."""
        match event:
            case Finished(cause=cause) if cause not in ORDERLY:
                others = self._throttle(event.time)
                if others is not None:
                    after = f"after {event.received_bytes} bytes"
                    if event.unread_bytes:
                        after += f", and {event.unread_bytes} unread"
                    self._say(event.peer, cause.value, event.detail, after, others)
            case Misbehaved(peer=peer, behaviour=behaviour):
                others = self._throttle(event.time)
                if others is not None:
                    self._say(peer, "misbehaved", behaviour, "", others)
            case Refused(cause=cause, others=others):
                self._say(event.peer, cause.value, event.detail, "", others)
            case _:
                pass

    def _say(
        self, peer: Peer, cause: str, detail: str, after: str, others: int
    ) -> None:
        detail = f" ({detail})" if detail else ""
        text = f"{cause}{detail} {after}".rstrip()
        if others:
            text += f"; and {others} other{'s' * (others > 1)}"
        _log.info("{peer}: {text}", peer=self._style.name(peer).decode(), text=text)
