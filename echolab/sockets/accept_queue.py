"""Connections that the kernel has made and nobody has accepted yet; see listen(2)."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from echolab.descriptors import is_ready

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["accept_waiting", "turn_away_waiting"]

MOST_TURNED_AWAY = 65_536


def accept_waiting(port: Any, is_late: Callable[[], bool]) -> None:
    """Have a port accept all who wait.

    By itself a port of Twisted's accepts some of them each time the reactor asks
    it, and none once it is told to stop listening.

    Args:
        port: the port; nothing is done if it has no descriptor.
        is_late: whether to accept no more of them.
    """
    fd = _descriptor(port)
    while fd is not None and is_ready(fd, select.POLLIN) and not is_late():
        port.doRead()


def turn_away_waiting(port: Any) -> int:
    """Close the connections that still wait at a port; return how many."""
    if _descriptor(port) is None:
        return 0
    for number in range(MOST_TURNED_AWAY):
        try:
            connection, _ = port.socket.accept()
        except OSError:  # Nobody waits any more.
            return number
        connection.close()
    return MOST_TURNED_AWAY


def _descriptor(port: Any) -> int | None:
    """The descriptor of a port that listens; None for any other."""
    try:
        fd = int(port.fileno())
    except (AttributeError, TypeError, ValueError):
        return None  # A port of somebody else's, or one that has stopped.
    return fd if fd >= 0 and hasattr(port, "socket") else None
