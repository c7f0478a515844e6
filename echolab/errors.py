"""The errors, as one small tree; their messages are for users.

Every error names the call that failed, its address (or path) and the reason, as
the lecture's ``perror`` names the call.
"""

from __future__ import annotations

import os

from typing_extensions import override

from echolab.counting import count
from echolab.escaping import escape_line

__all__ = [
    "ConnectError",
    "ConnectionLostError",
    "EcholabError",
    "ExpectationError",
    "FramingError",
    "InputError",
    "ListenError",
    "MalformedError",
    "OutputError",
    "OverlongError",
    "UnverifiedError",
    "missing_extra",
    "reason_of",
]


class EcholabError(Exception):
    """Base class of errors that a user, a peer or the machine can cause.

    Attributes:
        call: the name of the system call that failed: ``bind``.
        address: the address or path: ``0.0.0.0:8888``.
        reason: the reason, in the system's words: ``Address already in use``.
        status: the exit status of a program that ends with this error.
    """

    status = 1

    def __init__(self, call: str, address: str, reason: str) -> None:
        super().__init__(call, address, reason)
        self.call = call
        self.address = address
        self.reason = reason

    @override
    def __str__(self) -> str:
        """One line: ``bind 0.0.0.0:8888: Address already in use``."""
        return escape_line(f"{self.call} {self.address}: {self.reason}")


class ListenError(EcholabError):
    """The server cannot listen on an address."""


class ConnectError(EcholabError):
    """The client cannot reach a server."""


class UnverifiedError(Exception):
    """A TLS server has not proved its identity; a retry would not help."""


class ConnectionLostError(EcholabError):
    """A connection ended before everything was sent, or not in order."""


class ExpectationError(EcholabError):
    """A server did not send what was expected."""

    status = 2


class OutputError(EcholabError):
    """Received data cannot be written to an output."""


class InputError(EcholabError):
    """The input of a client cannot be read."""


class FramingError(Exception):
    """A peer's bytes cannot be framed; the text says why."""


_SHOWN_BYTES = 20


class MalformedError(FramingError):
    """The bytes are not valid in the chosen framing.

    Args:
        why: what is wrong with them.
        data: bytes that the peer sent. The text shows the first of them.
        at: where in ``data`` they go wrong.
    """

    def __init__(self, why: str, data: bytes = b"", at: int = 0) -> None:
        shown = bytes(data[at : at + _SHOWN_BYTES])
        more = "..." if len(data) > at + _SHOWN_BYTES else ""
        super().__init__(f"{why}; got {shown!r}{more}" if shown else why)


class OverlongError(FramingError):
    """A message is over the bound, and the connection is to be closed.

    Attributes:
        max_message_bytes: the bound.
    """

    def __init__(self, max_message_bytes: int) -> None:
        super().__init__(f"a message is longer than {count(max_message_bytes, 'byte')}")
        self.max_message_bytes = max_message_bytes


def missing_extra(what: str, extra: str) -> str:
    """Return which extra to install; from a checkout, since none is published."""
    return (
        f"{what} needs the extra {extra} of txecholab: "
        f"in its source, python3 -m pip install '.[{extra}]'"
    )


def reason_of(error: BaseException | None) -> str:
    """Return in one line why something failed, in the system's words.

    Args:
        error: an ``OSError``, or any error whose text says why. Twisted keeps
            the system's error inside its own; the system's is preferred.
    """
    inner = None
    for name in ("socketError", "osError", "originalException"):
        inner = inner or getattr(error, name, None)
    if isinstance(inner, BaseException):
        return reason_of(inner)
    if isinstance(inner, int):
        # getaddrinfo(3) returns numbers below 0, which are not errno.
        return os.strerror(inner) if inner > 0 else "no such host"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    match error:
        case BaseException(args=([*_, (*_, words)],)):  # an OpenSSL.SSL.Error
            return str(words)
        case _ if type(error).__name__ == "VerificationError":  # service_identity's
            return "the certificate is for another name"
        case _:
            pass
    return " ".join(str(inner or error).split()) or type(error).__name__
