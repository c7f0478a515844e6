"""The accept queue: connections not accepted yet; see listen(2)."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from echolab.descriptors import is_ready

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["accept_waiting", "turn_away_waiting"]

MOST_TURNED_AWAY = 65_536

MOST_FAILURES = 10
"""After so many failures in a row, no more connections are accepted."""


def accept_waiting(port: Any, is_late: Callable[[], bool]) -> None:
    """Accept all waiting connections of a port.

    Twisted's ports accept only some connections in each turn of the reactor, and
    none after ``stopListening``. If the system cannot open more files (ENFILE), the
    others are left in the queue.

    Args:
        port: the port; without a descriptor, nothing is done.
        is_late: whether to stop accepting.
    """
    fd = _descriptor(port)
    failures = 0
    while fd is not None and is_ready(fd, select.POLLIN) and not is_late():
        most = port.numberAccepts
        port.doRead()
        # If Twisted accepts as many as it may, it may accept more the next time.
        failures = failures + 1 if most == port.numberAccepts == 1 else 0
        if failures == MOST_FAILURES:
            return


def turn_away_waiting(port: Any) -> int:
    """Close the waiting connections of a port; return how many."""
    if _descriptor(port) is None:
        return 0
    for number in range(MOST_TURNED_AWAY):
        try:
            connection, _ = port.socket.accept()
        except OSError:  # The queue is empty.
            return number
        connection.close()
    return MOST_TURNED_AWAY


def _descriptor(port: Any) -> int | None:
    """Return the descriptor of a port that listens; None for any other."""
    try:
        fd = int(port.fileno())
    except (AttributeError, TypeError, ValueError):
        return None  # Not one of Twisted's ports, or one that has stopped.
    return fd if fd >= 0 and hasattr(port, "socket") else None
