"""What a page and its metrics tell of a whole server, and of each connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["CONNECTION_STATES", "EndedRow", "QueueNow", "Row", "Totals"]

ARRIVING = "arriving"
OPEN = "open"
ENDING = "ending"
PAUSED = "paused"
UNREAD = "peer does not read"
HALF_CLOSED = "half-closed"
UNFINISHED = "unfinished message"

CONNECTION_STATES = (
    ARRIVING,
    OPEN,
    UNFINISHED,
    HALF_CLOSED,
    PAUSED,
    UNREAD,
    ENDING,
)


class Row(NamedTuple):
    """An open connection now; times are POSIX seconds.

    Attributes:
        number: the number of its peer.
        peer: the peer.
        began: when it was accepted.
        heard: when bytes last came.
        state: one of `CONNECTION_STATES`.
        kernel_state: the state of this end of TCP; None if unknown.
        received_bytes: how many bytes were received.
        messages: how many whole messages were received.
        sent_bytes: how many bytes were given to the transport.
        rtt_seconds: the kernel's smoothed round-trip time; None if unknown.
        unread_bytes: how many bytes have arrived and are not read; None if unknown.
        waiting_bytes: how many of the sent bytes the peer's kernel has not
            acknowledged, with those that this side's kernel has not taken.
        retransmits: how many segments were sent again; None if unknown.
        send_window: how many bytes the peer's kernel is willing to take.
        receive_window: how many bytes this side's is.
        left_out: how many events were not kept.
    """

    number: int
    peer: str
    began: float
    heard: float
    state: str
    kernel_state: str | None
    received_bytes: int
    messages: int
    sent_bytes: int
    rtt_seconds: float | None
    unread_bytes: int | None
    waiting_bytes: int
    retransmits: int | None
    send_window: int | None
    receive_window: int | None
    left_out: int


class EndedRow(NamedTuple):
    """A connection that has ended; see `Row` and `echolab.Finished`."""

    number: int
    peer: str
    began: float
    ended: float
    cause: str
    detail: str
    received_bytes: int
    messages: int
    sent_bytes: int
    unread_bytes: int
    unsent_bytes: int | None


class QueueNow(NamedTuple):
    """The accept queue of a listening socket; see `echolab.Listening`."""

    address: str
    waiting: int
    backlog: int
    drops: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """A server as a whole.

    Attributes:
        listening: whether it accepts connections.
        draining: whether it is ending.
        connections: how many connections are open, by state.
        accepted: how many were accepted so far.
        ended: how many have ended, by cause.
        refused: how many were turned away, by cause.
        received_bytes: how many bytes were received.
        received_messages: how many whole messages these were.
        sent_bytes: how many bytes were given to the transports.
        sent_messages: in how many writes.
        queues: the accept queues.
        waiting_output_bytes: how many printed bytes wait to be written.
        left_out: how many events were not kept for the page.
        began: when the server started, in POSIX seconds.
        addresses: the addresses on which it listens.
    """

    listening: bool
    draining: bool
    connections: dict[str, int]
    accepted: int
    ended: dict[str, int]
    refused: dict[str, int]
    received_bytes: int
    received_messages: int
    sent_bytes: int
    sent_messages: int
    queues: list[QueueNow]
    waiting_output_bytes: int
    left_out: int
    began: float
    addresses: list[str]
