"""When received bytes had arrived: SO_TIMESTAMPNS in socket(7), for TCP on Linux."""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["STAMP_SPACE", "ask_for_stamps", "waited"]

SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
STAMP_SPACE = socket.CMSG_SPACE(_TIMESPEC.size)
"""The room that a time needs beside the bytes, for recvmsg(2)."""
NANO = 1e-9


def ask_for_stamps(connected: socket.socket) -> bool:
    """Let the kernel tell when bytes had arrived; return whether it will."""
    if sys.platform != "linux" or connected.family == socket.AF_UNIX:
        return False
    try:
        connected.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


def waited(ancillary: Sequence[tuple[int, int, bytes]]) -> float | None:
    """Return how long the last of the bytes had waited in the kernel, in seconds.

    Args:
        ancillary: what recvmsg returned beside the bytes.

    Returns:
        The seconds, by the time of day; None if the kernel does not tell.
    """
    for level, kind, data in ancillary:
        if (level, kind, len(data)) == (
            socket.SOL_SOCKET,
            SO_TIMESTAMPNS,
            _TIMESPEC.size,
        ):
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            past: float = time.time() - seconds - nanoseconds * NANO
            return max(0.0, past)
    return None
