"""The events of a connection, in order: accepted, received…, finished.

What the kernel says in between are events too: `echolab.facts`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, TypeAlias

from echolab.facts import Diagnosed, Listening, Sampled, SynSaved

if TYPE_CHECKING:
    from echolab.addresses import Peer
    from echolab.ends import EndCause
    from echolab.messages import Messages

__all__ = [
    "LEDGER",
    "Accepted",
    "Called",
    "Chunk",
    "Connected",
    "Event",
    "Finished",
    "HalfClosed",
    "Introduced",
    "LeftOut",
    "Misbehaved",
    "Mistaken",
    "Received",
    "Refused",
    "Sent",
    "Sink",
    "Unanswered",
]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A client has connected.

    Attributes:
        peer: the peer of the connection.
        time: when, in POSIX seconds.
        local: this end of the connection, as its peer would name it; None unless
            calls are reported.
        monotonic: the same time by CLOCK_MONOTONIC, in seconds, which all programs of
            a machine share; None unless calls are reported.
    """

    peer: Peer
    time: float
    local: Peer | None = None
    monotonic: float | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """A client's connection is made.

    Attributes:
        peer: the peer of the connection.
        time: when, in POSIX seconds.
        local: this end of the connection, as its peer would name it; None unless
            calls are reported.
        monotonic: the same time by CLOCK_MONOTONIC, in seconds, which all programs of
            a machine share; None unless calls are reported.
    """

    peer: Peer
    time: float
    local: Peer | None = None
    monotonic: float | None = None


@dataclass(frozen=True, slots=True)
class Called:
    """This side has made a system call.

    Only sinks that ask for calls get this event (`echolab.ReceiverFactory`,
    `echolab.SenderFactory`).

    Attributes:
        peer: the peer of the connection; for the calls of a listening socket, its
            address with the number 0.
        time: when it returned, in POSIX seconds.
        call: ``socket``, ``bind``, ``listen``, ``accept``, ``connect``, ``recv``,
            ``recvmsg``, ``send``, ``shutdown`` or ``close``; ``getsockopt`` if it
            told of an error (SO_ERROR).
        arguments: what it was called with, besides the descriptor: ``65536``.
        result: what it returned: a number of bytes, a descriptor, 0, or -1 for an
            error.
        errno: the error: ``EAGAIN``; empty if there was none.
        seconds: how long it took.
        exact: whether the times are those of the call. Otherwise, it was made somewhere
            between ``time - seconds`` and ``time``.
        monotonic: ``time`` by CLOCK_MONOTONIC, in seconds.
        data: the bytes that were received or sent, if they are encrypted and were
            asked for.
        waited_seconds: how long the last of the received bytes had waited in the
            kernel; None if that is unknown.
    """

    peer: Peer
    time: float
    call: str
    arguments: str = ""
    result: int = 0
    errno: str = ""
    seconds: float = 0.0
    exact: bool = True
    monotonic: float | None = None
    waited_seconds: float | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One read has returned bytes; ``time`` in POSIX seconds.

    Only sinks that ask for chunks get this event (`echolab.ReceiverFactory`). The
    messages that the chunk completes follow in any case.
    """

    peer: Peer
    time: float
    data: bytes


@dataclass(frozen=True, slots=True)
class HalfClosed:
    """The peer has ended its side (FIN); this side may still send.

    If this side ends too, at once, there is only `Finished`.

    Attributes:
        peer: the peer of the connection.
        time: when, in POSIX seconds.
    """

    peer: Peer
    time: float


@dataclass(frozen=True, slots=True)
class Introduced:
    """A client has introduced itself, so that messages it sends again are dropped.

    It comes again where the numbers jump: messages between were dropped.

    Attributes:
        peer: the peer of the connection.
        time: when, in POSIX seconds.
        client: the client's id, which it has on each of its connections.
        number: the client's number of the next message that is received.
    """

    peer: Peer
    time: float
    client: str
    number: int


@dataclass(frozen=True, slots=True)
class Misbehaved:
    """This side misbehaved, as it was told to.

    Attributes:
        peer: the peer of the connection; for ``hold-accept`` and ``refuse`` the
            address of the port, with the number 0.
        time: when, in POSIX seconds.
        behaviour: the misbehaviour, as `echolab.Behaviour` writes it.
    """

    peer: Peer
    time: float
    behaviour: str


@dataclass(frozen=True, slots=True)
class Mistaken:
    """A client's first bytes are those of another protocol.

    They are received like any other bytes.

    Attributes:
        peer: the client.
        time: when its first bytes arrived, in POSIX seconds.
        protocol: the client's protocol: ``TLS``.
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
    """This side has sent bytes: it gave them to the transport.

    Only sinks that ask for sent bytes get this event (`echolab.ReceiverFactory`,
    `echolab.SenderFactory`).

    Attributes:
        peer: the receiver of the bytes.
        time: when, in POSIX seconds.
        data: the bytes.
        taken_bytes: how many bytes of this connection the kernel had taken before;
            None if that is unknown, as over TLS.
        answers: the number of the message of this peer that the bytes answer, 0 for a
            greeting; None if they answer no single message, as an echo.
    """

    peer: Peer
    time: float
    data: bytes
    taken_bytes: int | None = None
    answers: int | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No rule fits a message: it gets no answer.

    Attributes:
        peer: the peer that sent it.
        time: when, in POSIX seconds.
        number: the number of the message, 1 for the peer's first.
        message: the message.
    """

    peer: Peer
    time: float
    number: int
    message: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """A connection has ended.

    Attributes:
        peer: the peer of the connection.
        time: when, in POSIX seconds.
        cause: why.
        received_bytes: how many bytes the peer sent.
        messages: how many whole messages they were; None if they were not counted.
        unterminated_bytes: how many bytes of a message without an end were
            reported.
        unread_bytes: how many bytes had arrived but were never read.
        seconds: how long the connection lasted.
        detail: the reason of an end that was not orderly: ``ECONNRESET``.
        rtt_seconds: the kernel's last smoothed round-trip time (TCP_INFO); None if
            it has none.
        retransmits: how many segments the kernel sent again (TCP_INFO); None if
            unknown.
        sent_bytes: how many bytes were given to the transport; None unless `Sent`
            was reported.
        unsent_bytes: how many of these the kernel never took; None if that is
            unknown, as over TLS.
        unsent_answers: how many messages were not fully answered.
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
    unsent_bytes: int | None = None
    unsent_answers: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Events of a connection were not kept: there is a gap before the next one.

    A server and a client keep all events. What shows many connections at a time, as
    the page of ``--web``, keeps only so many of each.

    Attributes:
        peer: the peer of the connection.
        time: when the gap had ended, in POSIX seconds: the events came before.
        events: how many they were, as far as they were counted.
        received_bytes: how many bytes were read in them.
        sent_bytes: how many bytes were given to the transport in them.
    """

    peer: Peer
    time: float
    events: int
    received_bytes: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A client was turned away before it was accepted.

    The rate of these events is bounded.

    Attributes:
        peer: the client; its number is 0.
        time: when, in POSIX seconds.
        cause: ``REFUSED`` or ``HANDSHAKE``.
        detail: why.
        others: how many clients were turned away without a report since the last
            report.
    """

    peer: Peer
    time: float
    cause: EndCause
    detail: str
    others: int


Event: TypeAlias = (
    Accepted
    | Connected
    | Called
    | Chunk
    | Received
    | Sent
    | HalfClosed
    | Introduced
    | Misbehaved
    | Mistaken
    | Unanswered
    | Sampled
    | Diagnosed
    | SynSaved
    | Listening
    | Finished
    | LeftOut
    | Refused
)
LEDGER = Called, Sampled, Diagnosed, SynSaved, Listening
"""The events that only a ledger has."""

Sink: TypeAlias = Callable[[Event], object]
"""A function that takes events. If it returns a Deferred or a coroutine, it gets the
next event when that has fired. See `echolab.ISink`."""
