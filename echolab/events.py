"""What happens to a connection, in order: accepted, received…, finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from echolab.addresses import Peer
    from echolab.ends import EndCause
    from echolab.messages import Messages

__all__ = [
    "Accepted",
    "Chunk",
    "Connected",
    "Event",
    "Finished",
    "Misbehaved",
    "Mistaken",
    "Received",
    "Refused",
    "Sent",
    "Sink",
]


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
class Sent:
    """This side has sent bytes: they are handed to the transport.

    Only sinks that ask for it are told (`echolab.ReceiverFactory`,
    `echolab.SenderFactory`).

    Attributes:
        peer: who they are for.
        time: when, in POSIX seconds.
        data: the bytes.
        taken_bytes: how many bytes of this connection the kernel had taken before;
            None where that is not known, as over TLS.
    """

    peer: Peer
    time: float
    data: bytes
    taken_bytes: int | None = None


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
        sent_bytes: how many bytes were handed to the transport; None unless
            `Sent` was reported.
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
    sent_bytes: int | None = None


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
    Accepted
    | Connected
    | Chunk
    | Received
    | Sent
    | Misbehaved
    | Mistaken
    | Finished
    | Refused
)
Sink: TypeAlias = Callable[[Event], object]
"""What takes events: it may return a Deferred or a coroutine, and gets the next event
when that has fired. See `echolab.ISink`."""
