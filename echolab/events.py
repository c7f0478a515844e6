"""What happens to a connection, in order: accepted, received…, finished."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, TypeAlias

from twisted.internet import error
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from typing_extensions import override

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from echolab.messages import Messages

__all__ = [
    "Accepted",
    "Connected",
    "EndCause",
    "Event",
    "Finished",
    "Peer",
    "Received",
    "Sink",
    "cause_of",
    "format_address",
    "tee",
]


def format_address(address: IAddress) -> str:
    """An address as users write it.

    Returns:
        ``127.0.0.1:8888``, ``[::1]:8888``, ``unix:/run/lab.sock``, or the kind
        of the address where it is none of these.
    """
    match address:
        case IPv4Address(host=host, port=port):
            return f"{host}:{port}"
        case IPv6Address(host=host, port=port):
            return f"[{host}]:{port}"
        case UNIXAddress(name=name):
            return f"unix:{_path(name)}"
        case _:
            return type(address).__name__.removesuffix("Address").lower()


def _path(name: bytes | None) -> str:
    """A UNIX path as text, an abstract name with ``@`` for its first NUL."""
    text = (name or b"").decode("utf-8", "surrogateescape")
    return f"@{text[1:]}" if text.startswith("\0") else text


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of one connection.

    Attributes:
        number: 1 for the first connection of a factory, 2 for the second, …
        family: ``IPv4``, ``IPv6``, ``UNIX``, or the name of another kind.
        host: an IP address, or None.
        port: a port, or None.
        path: a UNIX path (``@name`` if abstract), or None. A client's socket
            seldom has one; then it is the path the server listens on.
    """

    number: int
    family: str
    host: str | None = None
    port: int | None = None
    path: str | None = None

    @classmethod
    def of(cls, number: int, remote: IAddress, local: IAddress) -> Peer:
        """The peer at ``remote``, seen from ``local``."""
        match remote:
            case IPv4Address(host=host, port=port):
                return cls(number, "IPv4", host, port)
            case IPv6Address(host=host, port=port):
                return cls(number, "IPv6", host, port)
            case UNIXAddress(name=name):
                name = name or getattr(local, "name", None)
                return cls(number, "UNIX", path=_path(name))
            case _:
                return cls(number, format_address(remote))

    @override
    def __str__(self) -> str:
        """``127.0.0.1:60612``, ``[::1]:60612``, ``unix:/run/lab.sock``."""
        match self.family:
            case "IPv4":
                return f"{self.host}:{self.port}"
            case "IPv6":
                return f"[{self.host}]:{self.port}"
            case "UNIX":
                return f"unix:{self.path}"
            case kind:
                return kind


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
    STOPPED = "stopped"
    """This side ended it."""
    ERROR = "error"
    """Anything else; this is a fault of the program or of the TLS layer."""


def cause_of(reason: Failure, *, stopped: bool) -> EndCause:
    """Translate what Twisted says to ``connectionLost``.

    Args:
        reason: as given to ``connectionLost``.
        stopped: whether this side had asked for the end.
    """
    if stopped or reason.check(error.ConnectionAborted):
        return EndCause.STOPPED
    if reason.check(error.ConnectionDone):
        return EndCause.EOF
    if reason.check(error.ConnectionLost):
        return EndCause.RESET
    return EndCause.ERROR


@dataclass(frozen=True, slots=True)
class Accepted:
    """A client has connected; ``time`` in POSIX seconds."""

    peer: Peer
    time: float


@dataclass(frozen=True, slots=True)
class Connected:
    """A server has been reached; ``time`` in POSIX seconds."""

    peer: Peer
    time: float


@dataclass(frozen=True, slots=True)
class Received:
    """Messages have arrived; ``time`` in POSIX seconds."""

    peer: Peer
    time: float
    messages: Messages


@dataclass(frozen=True, slots=True)
class Finished:
    """A connection has ended.

    Attributes:
        peer: who it was.
        time: when, in POSIX seconds.
        cause: why.
        received_bytes: how many bytes the peer sent.
        messages: how many whole messages they were; None if nobody counted.
        unterminated_bytes: how many bytes were given out of a message that the
            peer never ended.
        seconds: how long it lasted.
    """

    peer: Peer
    time: float
    cause: EndCause
    _: KW_ONLY
    received_bytes: int
    messages: int | None = None
    unterminated_bytes: int = 0
    seconds: float


Event: TypeAlias = Accepted | Connected | Received | Finished
Sink: TypeAlias = Callable[[Event], None]


def tee(*sinks: Sink) -> Sink:
    """One sink that hands each event to all of ``sinks``, in their order."""

    def sink(event: Event) -> None:
        for each in sinks:
            each(event)

    return sink
