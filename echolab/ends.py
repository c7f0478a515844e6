"""Why a connection ended."""

from __future__ import annotations

import enum
import errno
from typing import TYPE_CHECKING

from twisted.internet import error

from echolab.errors import OverlongError, reason_of

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from echolab.errors import FramingError

__all__ = ["ORDERLY", "EndCause", "broken_by", "end_of", "unframed"]


class EndCause(enum.Enum):
    """Why a connection ended."""

    EOF = "eof"
    """The peer ended it in order (recv returned 0)."""
    RESET = "reset"
    """The connection broke: a reset, or an error of the network."""
    MALFORMED = "malformed"
    """What the peer sent is not of the framing that was asked for."""
    OVERLONG = "overlong"
    """The peer sent a message over the bound, and that is refused."""
    IDLE = "idle"
    """Nothing came for so long that this side ended it."""
    TIMEOUT = "timeout"
    """The peer vanished: it answered none of the kernel's probes (ETIMEDOUT), or
    read nothing of what TLS sent it."""
    REFUSED = "refused"
    """It was turned away: by its address, or because too many are open."""
    HANDSHAKE = "handshake"
    """It never was a connection: its TLS handshake or PROXY header failed."""
    STOPPED = "stopped"
    """This side ended it."""
    ERROR = "error"
    """Anything else; this is a fault of the program or of the TLS layer."""


ORDERLY = {EndCause.EOF, EndCause.STOPPED}
"""The ends that are as they should be."""

_CAUSES = {
    0: EndCause.RESET,
    errno.ECONNRESET: EndCause.RESET,
    errno.EPIPE: EndCause.RESET,
    errno.ETIMEDOUT: EndCause.TIMEOUT,
}


def end_of(reason: Failure, error_number: int = 0) -> tuple[EndCause, str]:
    """Translate what Twisted says to ``connectionLost``.

    Args:
        reason: as given to ``connectionLost``.
        error_number: the errno that the socket ended with, if that is known.

    Returns:
        The cause, and in a word why the end was not in order: ``ECONNRESET``.
    """
    match reason.value:
        case error.ConnectionDone():
            return EndCause.EOF, ""
        case error.ConnectionAborted():
            return EndCause.STOPPED, ""
        case error.ConnectionLost():
            return broken_by(error_number), errno.errorcode.get(error_number, "")
        case other:
            return EndCause.ERROR, reason_of(other)


def broken_by(error_number: int) -> EndCause:
    """The cause of an end that an errno tells; 0 if it is unknown."""
    return _CAUSES.get(error_number, EndCause.ERROR)


def unframed(why: FramingError) -> EndCause:
    """The cause of an end that is due to the framing."""
    overlong = isinstance(why, OverlongError)
    return EndCause.OVERLONG if overlong else EndCause.MALFORMED
