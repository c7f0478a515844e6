"""The kernel's counters of a connection: TCP_INFO and the queues; see tcp(7).

The layout is that of struct tcp_info in <linux/tcp.h>; an older kernel tells less, and
another system nothing.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import termios
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "Counters",
    "Counting",
    "Queue",
    "accept_queue",
    "save_syns",
    "saved_syn",
    "state_name",
]

_STATES = (
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "TIME_WAIT",
    "CLOSED",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
)
"""RFC 9293's states, in the order of <net/tcp_states.h>, from 1 on."""

_INFO = struct.Struct("=B67xI28xI16xQQIII4xII8xQQQ36xII")
"""tcpi_state, _rtt, _total_retrans, _bytes_acked, _bytes_received, _segs_out, _segs_in,
_notsent_bytes, _data_segs_in, _data_segs_out, _busy_time, _rwnd_limited,
_sndbuf_limited, _snd_wnd, _rcv_wnd; times in microseconds."""
_LISTENING = struct.Struct("=24xII")
"""Of a listening socket: tcpi_unacked is its queue, tcpi_sacked its backlog."""
_MEMORY = struct.Struct("=32xI")
"""The drops in what SO_MEMINFO tells (<linux/sock_diag.h>)."""

SO_MEMINFO = 55
TCP_SAVE_SYN = 27
TCP_SAVED_SYN = 28
LONGEST_SYN = 256
MICROS = 1e6


Counters: TypeAlias = (
    "tuple[str, float | None, int, int, int, int, int, int, int, int, int, int, int, "
    "int, float, float, float]"
)


class Queue(NamedTuple):
    """The accept queue of a listening socket.

    Attributes:
        waiting: how many connections wait to be accepted.
        backlog: how many may; one more fits.
        drops: how many clients the kernel has ignored; None if it does not tell.
    """

    waiting: int
    backlog: int
    drops: int | None


def state_name(number: int) -> str:
    """Return the name of a state of <net/tcp_states.h>."""
    known = 0 < number <= len(_STATES)
    return _STATES[number - 1] if known else f"state {number}"


class Counting:
    """Asks the kernel about one connection, again and again.

    Attributes:
        watched: the socket.
    """

    def __init__(self, watched: Any) -> None:
        self.watched = watched
        self._counters: tuple[int, ...] = ()
        self._queues = (0, 0)

    def changed(self) -> Counters | None:
        """Return what a `Sampled` has after the peer and the time.

        Returns:
            None if nothing has changed since the last time, or if the kernel does not
            tell.
        """
        watched = self.watched
        try:
            info = watched.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
            counters = _INFO.unpack(info)
            if counters == self._counters and self._queues == (0, 0):
                return None  # Without a segment, an empty queue stays empty.
            queues = (_ask(watched, termios.FIONREAD), _ask(watched, termios.TIOCOUTQ))
        except (OSError, AttributeError, ValueError, struct.error):
            return None  # Closed, not TCP, not Linux, or an old Linux.
        if (counters, queues) == (self._counters, self._queues):
            return None
        self._counters, self._queues = counters, queues
        return _known(counters, queues)


def _ask(watched: Any, question: int) -> int:
    return int.from_bytes(fcntl.ioctl(watched, question, b"\0" * 4), sys.byteorder)


def _known(counters: tuple[int, ...], queues: tuple[int, int]) -> Counters:
    (
        state,
        rtt,
        retransmits,
        acked,
        arrived,
        segments_out,
        segments_in,
        unsent,
        data_segments_in,
        data_segments_out,
        busy,
        window,
        buffer,
        send_window,
        receive_window,
    ) = counters
    unread, waiting = queues
    return (
        state_name(state),
        rtt / MICROS if rtt else None,
        retransmits,
        unread,
        unsent,
        waiting,
        acked,
        arrived,
        segments_out,
        segments_in,
        data_segments_out,
        data_segments_in,
        send_window,
        receive_window,
        busy / MICROS,
        window / MICROS,
        buffer / MICROS,
    )


def accept_queue(listening: Any) -> Queue | None:
    """Ask the kernel about a listening TCP socket; return None if it does not tell."""
    try:
        info = listening.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _LISTENING.size
        )
        waiting, backlog = _LISTENING.unpack(info)
    except (OSError, AttributeError, struct.error):
        return None
    try:
        memory = listening.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMORY.size)
        [drops] = _MEMORY.unpack(memory)
    except (OSError, struct.error):
        drops = None
    return Queue(waiting, backlog, drops)


def save_syns(listening: Any) -> None:
    """Let the kernel keep the SYN of each connection; see TCP_SAVE_SYN in tcp(7)."""
    with suppress(OSError, AttributeError):  # Not TCP, or not Linux.
        listening.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)


def saved_syn(accepted: Any) -> bytes:
    """Return the SYN of an accepted connection, once: IP and TCP header; or b""."""
    try:
        packet: bytes = accepted.getsockopt(
            socket.IPPROTO_TCP, TCP_SAVED_SYN, LONGEST_SYN
        )
    except (OSError, AttributeError):
        return b""
    return packet
