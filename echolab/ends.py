"""Why a connection ended."""

from __future__ import annotations

import enum
import errno
import os
from typing import TYPE_CHECKING

from twisted.internet import error

from echolab.errors import OverlongError, reason_of

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from echolab.errors import FramingError

__all__ = ["ORDERLY", "EndCause", "broken_by", "end_of", "in_words", "unframed"]


class EndCause(enum.Enum):
    """Why a connection ended."""

    EOF = "eof"
    """The peer closed the connection (recv returned 0)."""
    RESET = "reset"
    """The connection broke: a reset, or a network error."""
    MALFORMED = "malformed"
    """The peer's bytes do not fit the framing."""
    OVERLONG = "overlong"
    """The peer sent a message over the bound, and such messages are refused."""
    IDLE = "idle"
    """This side ended the connection, since nothing came for too long, or the peer
    read nothing."""
    TIMEOUT = "timeout"
    """The peer vanished: it did not answer the kernel's probes, or took no bytes
    (ETIMEDOUT); or it did not read what TLS sent it."""
    REFUSED = "refused"
    """The peer was turned away: by its address, or because too many are connected."""
    HANDSHAKE = "handshake"
    """The TLS handshake or the PROXY header failed, so no connection began."""
    STOPPED = "stopped"
    """This side ended the connection."""
    ERROR = "error"
    """Anything else: a fault of the program or of the TLS layer."""


ORDERLY = {EndCause.EOF, EndCause.STOPPED}
"""The end causes that are not errors."""

_CAUSES = {
    0: EndCause.RESET,
    errno.ECONNRESET: EndCause.RESET,
    errno.EPIPE: EndCause.RESET,
    errno.ETIMEDOUT: EndCause.TIMEOUT,
}


def end_of(reason: Failure, error_number: int = 0) -> tuple[EndCause, str]:
    """Translate the reason that Twisted gives to ``connectionLost``.

    Args:
        reason: as given to ``connectionLost``.
        error_number: the errno with which the socket ended; 0 if unknown.

    Returns:
        The end cause; and the reason in a word, such as ``ECONNRESET``, or "".
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
    """Return the end cause for an errno; 0 means that the errno is unknown."""
    return _CAUSES.get(error_number, EndCause.ERROR)


def in_words(detail: str) -> str:
    """Return the text of an errno, as perror(3) prints it; else the detail itself."""
    number = getattr(errno, detail, None)
    return os.strerror(number) if number else detail or "Connection reset by peer"


def unframed(why: FramingError) -> EndCause:
    """Return the end cause for an error of the framing."""
    overlong = isinstance(why, OverlongError)
    return EndCause.OVERLONG if overlong else EndCause.MALFORMED
