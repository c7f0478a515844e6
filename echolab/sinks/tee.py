"""Several sinks as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echolab.events import Event, Sink

__all__ = ["tee"]


def tee(*sinks: Sink) -> Sink:
    """One sink that hands each event to all of ``sinks``, in their order."""

    def sink(event: Event) -> None:
        for each in sinks:
            each(event)

    return sink
