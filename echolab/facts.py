"""What the kernel says of a socket: events of a ledger, beside those of a connection.

The Linux kernel tells them to an ordinary user of his own sockets. Other systems tell
less; then there are fewer of these events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from echolab.addresses import Peer

__all__ = ["Diagnosed", "Listening", "Sampled", "SynSaved"]


@dataclass(frozen=True, slots=True)
class Sampled:
    """The kernel's counters of a connection (TCP_INFO, SIOCINQ, SIOCOUTQ; see tcp(7)).

    What has changed since the sample before has changed between the two.

    Attributes:
        peer: the peer of the connection.
        time: when, in POSIX seconds.
        state: the state of this end (RFC 9293): ``ESTABLISHED``, ``CLOSE_WAIT``, …
        rtt_seconds: the smoothed round-trip time; None if it was never measured.
        retransmits: how many segments were sent again.
        unread_bytes: how many bytes have arrived and are not read.
        unsent_bytes: how many bytes wait to be sent.
        unacknowledged_bytes: how many bytes wait to be sent or acknowledged; this
            side's end (FIN) counts as one byte.
        acked_bytes: how many bytes the peer's kernel has acknowledged; a client's SYN
            and this side's end (FIN) count as one byte each.
        arrived_bytes: how many bytes have arrived; the peer's end (FIN) counts as one.
        segments_out: how many segments were sent; a server's SYN-ACK is not counted.
        segments_in: how many segments arrived.
        data_segments_out: how many of the sent segments had data.
        data_segments_in: how many of the arrived segments had data.
        send_window: how many bytes the peer is willing to take.
        receive_window: how many bytes this side is willing to take.
        busy_seconds: how long this side had bytes to send.
        window_seconds: how long of that the peer's window was full (rwnd_limited).
        buffer_seconds: how long of that the send buffer was too small
            (sndbuf_limited).
    """

    source: ClassVar = "sample"

    peer: Peer
    time: float
    state: str
    rtt_seconds: float | None = None
    retransmits: int = 0
    unread_bytes: int = 0
    unsent_bytes: int = 0
    unacknowledged_bytes: int = 0
    acked_bytes: int | None = None
    arrived_bytes: int | None = None
    segments_out: int | None = None
    segments_in: int | None = None
    data_segments_out: int | None = None
    data_segments_in: int | None = None
    send_window: int | None = None
    receive_window: int | None = None
    busy_seconds: float | None = None
    window_seconds: float | None = None
    buffer_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """The state of one end of a connection, as inet_diag tells it (sock_diag(7)).

    Attributes:
        peer: the peer of the connection.
        time: when, in POSIX seconds.
        end: whose end it is: this side's ``own``, or the ``peer`` 's, if that is on
            the same machine.
        state: its state: ``TIME_WAIT``, ``FIN_WAIT_2``, …; ``CLOSED`` if the kernel
            knows it no more.
        timer_seconds: when its timer expires, such as that of TIME_WAIT.
        unread_bytes: how many bytes have arrived there and are not read.
        unacknowledged_bytes: how many bytes wait there to be sent or acknowledged.
    """

    source: ClassVar = "diag"

    peer: Peer
    time: float
    end: Literal["own", "peer"]
    state: str
    timer_seconds: float | None = None
    unread_bytes: int = 0
    unacknowledged_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SynSaved:
    """The packet with which a client began: its SYN (TCP_SAVED_SYN in tcp(7)).

    Attributes:
        peer: the client.
        time: when it was asked for, in POSIX seconds. It had arrived before.
        packet: the IP header and the TCP header.
    """

    source: ClassVar = "sample"

    peer: Peer
    time: float
    packet: bytes


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening socket and its accept queue; again when it has changed.

    Attributes:
        peer: the address of the socket; its number is 0.
        time: when, in POSIX seconds.
        backlog: how many connections may wait to be accepted; one more than that fits.
        waiting: how many wait.
        drops: how many clients the kernel has ignored so far.
        somaxconn: the most that the system allows for the backlog.
        syn_backlog: how many handshakes may be under way (tcp_max_syn_backlog).
    """

    source: ClassVar = "sample"

    peer: Peer
    time: float
    backlog: int
    waiting: int = 0
    drops: int | None = None
    somaxconn: int | None = None
    syn_backlog: int | None = None
