"""What can go wrong, as one small tree whose messages are for users.

Every error names the call that failed, the address (or path) it was about and
the reason, the way the lecture's ``perror`` names the call.
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
    """Anything a user, a peer or the machine can cause.

    Attributes:
        call: what failed, by the name of its system call: ``bind``.
        address: what it was about: ``0.0.0.0:8888``, a path.
        reason: why, in the system's words: ``Address already in use``.
    """

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
    """An address cannot be listened on."""


class ConnectError(EcholabError):
    """A server cannot be reached."""


class UnverifiedError(Exception):
    """A TLS server has not proved who it is; to try again would not help."""


class ConnectionLostError(EcholabError):
    """A connection ended before everything was sent in order."""


class OutputError(EcholabError):
    """What was received cannot be written where it should go."""


class InputError(EcholabError):
    """What is to be sent cannot be read."""


class FramingError(Exception):
    """What a peer sent cannot be made messages of; the text says why."""


class MalformedError(FramingError):
    """The bytes are not of the framing that was asked for."""


class OverlongError(FramingError):
    """A message is longer than the bound, and that is refused.

    Attributes:
        max_message_bytes: the bound.
    """

    def __init__(self, max_message_bytes: int) -> None:
        super().__init__(f"a message is longer than {count(max_message_bytes, 'byte')}")
        self.max_message_bytes = max_message_bytes


def missing_extra(what: str, extra: str) -> str:
    """Say what to install: the extra of a checkout, since none is published."""
    return (
        f"{what} needs the extra {extra} of txecholab: "
        f"in its source, python3 -m pip install '.[{extra}]'"
    )


def reason_of(error: BaseException | None) -> str:
    """Say in one line why something failed, in the system's own words.

    Args:
        error: An ``OSError``, or anything whose text says why. Twisted keeps
            the system's error inside its own; that one is preferred.
    """
    inner = None
    for name in ("socketError", "osError", "originalException"):
        inner = inner or getattr(error, name, None)
    if isinstance(inner, BaseException):
        return reason_of(inner)
    if isinstance(inner, int):
        # What getaddrinfo(3) returns is below 0, and no errno.
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
