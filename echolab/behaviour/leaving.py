"""Wait until the peer's kernel has all that was sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from echolab.sockets.flushing import when_flushed
from echolab.sockets.watching import unacknowledged_bytes
from echolab.sockets.wrapped import below_tls

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.behaviour.timers import Timers
    from echolab.interfaces import IStreamTransport

__all__ = ["MOST_SECONDS", "when_left"]

MOST_SECONDS = 2.0
"""How long that may take."""

LOOK_SECONDS = 0.01


def when_left(
    transport: IStreamTransport, timers: Timers, call: Callable[[], object]
) -> None:
    """Call a function when the peer's kernel has all bytes, or `MOST_SECONDS` later.

    Args:
        transport: has no producer; no more is written to it.
        timers: stopped when the connection is lost, and by this call.
        call: called once.
    """
    below = below_tls(transport) or transport

    def finish() -> None:
        timers.stop()
        call()

    def look() -> None:
        if unacknowledged_bytes(below):
            timers.later(LOOK_SECONDS, look)
        else:
            finish()

    timers.later(MOST_SECONDS, finish)
    # TLS encrypts what was written in this turn only in the next one.
    timers.later(0.0, partial(timers.later, 0.0, partial(when_flushed, below, look)))
