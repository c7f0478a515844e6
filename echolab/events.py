"""What happens to a connection, in order: accepted, received…, finished."""

from __future__ import annotations

import enum
import errno
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from twisted.internet import error
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from typing_extensions import override

from echolab.errors import OverlongError
from echolab.escaping import escape_name

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from echolab.errors import FramingError
    from echolab.messages import Messages
    from echolab.sockets.watching import Credentials

__all__ = [
    "ORDERLY",
    "Accepted",
    "Chunk",
    "Connected",
    "EndCause",
    "Event",
    "Finished",
    "Misbehaved",
    "Mistaken",
    "Peer",
    "Received",
    "Refused",
    "Sink",
    "broken_by",
    "cause_of",
    "format_address",
    "tee",
    "unframed",
]


def format_address(address: IAddress | None) -> str:
    r"""An address as users write it.

    Returns:
        A text such as ``127.0.0.1:8888`` or ``unix:/run/lab.sock``. A path is escaped
        as in a label, ``unix:/my\x20lab.sock``, and other kinds are named alone.
    """
    match address:
        case IPv4Address(host=host, port=port):
            return f"{host}:{port}"
        case IPv6Address(host=host, port=port):
            return f"[{host}]:{port}"
        case UNIXAddress(name=name):
            return f"unix:{_shown(_path(name))}"
        case None:
            return "unknown"
        case _:
            return type(address).__name__.removesuffix("Address").lower()


def _path(name: bytes | None) -> str:
    """A UNIX path as text, an abstract name with ``@`` for its first NUL."""
    text = (name or b"").decode("utf-8", "surrogateescape")
    if text.startswith("\0"):
        return f"@{text[1:]}"
    return f"./{text}" if text.startswith("@") else text


@lru_cache(maxsize=1024)
def _shown(path: str) -> str:
    """A UNIX path as a label shows it; only an abstract name begins with ``@``."""
    if path.startswith("@"):
        return f"@{escape_name(path[1:])}"
    return escape_name(path)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of one connection.

    Attributes:
        number: 1 for the first connection of a factory, 2 for the second, …
        family: ``IPv4``, ``IPv6``, ``UNIX``, or the name of another kind.
        host: an IP address, or None.
        port: a port, or None.
        path: a UNIX path (``@name`` if abstract), or None. A client's socket
            seldom has one; then it is the path the server listens on. Bytes that
            are not UTF-8 are as in PEP 383.
        pid: the process at the other end of a UNIX socket, if the kernel tells.
        uid: its user.
        name: the common name of a client's TLS certificate, if it was verified.
    """

    number: int
    family: str
    host: str | None = None
    port: int | None = None
    path: str | None = None
    pid: int | None = None
    uid: int | None = None
    name: str | None = None

    @classmethod
    def of(
        cls,
        number: int,
        remote: IAddress | None,
        local: IAddress | None = None,
        *,
        credentials: Credentials | None = None,
        name: str | None = None,
    ) -> Peer:
        """The peer at ``remote``, seen from ``local`` if that is known."""
        match remote:
            case IPv4Address(host=host, port=port):
                return cls(number, "IPv4", host, port, name=name)
            case IPv6Address(host=host, port=port):
                return cls(number, "IPv6", host, port, name=name)
            case UNIXAddress(name=own):
                path = _path(own or getattr(local, "name", None))
                pid = credentials.pid if credentials else None
                uid = credentials.uid if credentials else None
                return cls(number, "UNIX", path=path, pid=pid, uid=uid, name=name)
            case _:
                return cls(number, format_address(remote))

    @override
    def __str__(self) -> str:
        r"""``127.0.0.1:60612``, ``[::1]:60612``, ``unix:/run/lab.sock,pid=7``.

        With a name, it stands in front: ``alice@127.0.0.1:60612``. A path and a
        name may be of the peer's making; whatever could be taken for another part
        of a label is escaped: ``unix:/my\x20lab.sock``.
        """
        match self.family:
            case "IPv4":
                address = f"{self.host}:{self.port}"
            case "IPv6":
                address = f"[{self.host}]:{self.port}"
            case "UNIX":
                pid = "" if self.pid is None else f",pid={self.pid}"
                address = f"unix:{_shown(self.path or '')}{pid}"
            case kind:
                address = kind
        return address if self.name is None else f"{escape_name(self.name)}@{address}"

    @property
    def description(self) -> str:
        """As ``server.c`` says who was accepted: ``IP: 127.0.0.1, Port: 60612``."""
        match self.family:
            case "IPv4" | "IPv6":
                words = [f"IP: {self.host}", f"Port: {self.port}"]
            case "UNIX":
                words = [f"UNIX: {_shown(self.path or '')}"]
                if self.pid is not None:
                    words += f"PID: {self.pid}", f"UID: {self.uid}"
            case kind:
                words = [kind]
        if self.name is not None:
            words.append(f"Name: {escape_name(self.name)}")
        return ", ".join(words)


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


def cause_of(reason: Failure, *, stopped: bool, error_number: int = 0) -> EndCause:
    """Translate what Twisted says to ``connectionLost``.

    Args:
        reason: as given to ``connectionLost``.
        stopped: whether this side had asked for the end.
        error_number: the errno that the socket ended with, if that is known.
    """
    if stopped or reason.check(error.ConnectionAborted):
        return EndCause.STOPPED
    if reason.check(error.ConnectionDone):
        return EndCause.EOF
    if reason.check(error.ConnectionLost):
        return broken_by(error_number)
    return EndCause.ERROR


def broken_by(error_number: int) -> EndCause:
    """The cause of an end that an errno tells; 0 if it is unknown."""
    return _CAUSES.get(error_number, EndCause.ERROR)


def unframed(why: FramingError) -> EndCause:
    """The cause of an end that is due to the framing."""
    overlong = isinstance(why, OverlongError)
    return EndCause.OVERLONG if overlong else EndCause.MALFORMED


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
class Chunk:
    """One read has returned bytes; ``time`` in POSIX seconds.

    Only sinks that ask for it are told (`echolab.ReceiverFactory`): the messages
    that the chunk completes follow in any case.
    """

    peer: Peer
    time: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Misbehaved:
    """This side did what it was told to do wrong; ``time`` in POSIX seconds.

    Attributes:
        peer: who had to bear it.
        time: when it struck.
        behaviour: what it was, as `echolab.Behaviour` writes it.
    """

    peer: Peer
    time: float
    behaviour: str


@dataclass(frozen=True, slots=True)
class Mistaken:
    """A client speaks another protocol than is spoken here, by its first bytes.

    They are received as any others.

    Attributes:
        peer: who it is.
        time: when its first bytes came, in POSIX seconds.
        protocol: what it speaks: ``TLS``.
    """

    peer: Peer
    time: float
    protocol: str


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
        unread_bytes: how many bytes had arrived and were not read any more.
        seconds: how long it lasted.
        detail: what ended it, where that was not in order: ``ECONNRESET``.
        rtt_seconds: the kernel's last smoothed round-trip time (TCP_INFO), or
            None if it has none.
        retransmits: how many segments it sent again, likewise.
    """

    peer: Peer
    time: float
    cause: EndCause
    _: KW_ONLY
    received_bytes: int
    messages: int | None = None
    unterminated_bytes: int = 0
    unread_bytes: int = 0
    seconds: float
    detail: str = ""
    rtt_seconds: float | None = None
    retransmits: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody was turned away, and never was accepted.

    These are reported at a bounded rate.

    Attributes:
        peer: who it was; its number is 0.
        time: when, in POSIX seconds.
        cause: ``REFUSED`` or ``HANDSHAKE``.
        detail: why.
        others: how many were turned away unreported since the last report.
    """

    peer: Peer
    time: float
    cause: EndCause
    detail: str
    others: int


Event: TypeAlias = (
    Accepted | Connected | Chunk | Received | Misbehaved | Mistaken | Finished | Refused
)
Sink: TypeAlias = Callable[[Event], None]


def tee(*sinks: Sink) -> Sink:
    """One sink that hands each event to all of ``sinks``, in their order."""

    def sink(event: Event) -> None:
        for each in sinks:
            each(event)

    return sink
