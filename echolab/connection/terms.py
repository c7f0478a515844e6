"""What the connections of one factory share."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from echolab.connection.kernel import Kernel
from echolab.sinks.tee import Tee
from echolab.sockets.calling import CallingSocket
from echolab.timekeeping import monotonic

if TYPE_CHECKING:
    import socket

    from echolab.events import Sink
    from echolab.interfaces import AnyClock

__all__ = ["Terms"]


class Terms:
    """What the connections of one factory share.

    Args:
        sink: takes the events of all connections, each connection's in order.
        clock: measures spans of time.
        count_messages: whether `Finished` counts messages.
        report_chunks: whether the sink gets events `Chunk`.
        report_sent: whether the sink gets events `Sent`.
        report_calls: whether the sink gets events `Called`.
        ask_kernel: whether it also gets what the kernel says: `echolab.facts`.
        keep_encrypted: whether `Called` has the bytes of TLS.

    Attributes:
        sink: the same, as a `Tee`.
        monotonic: tells CLOCK_MONOTONIC, in seconds.
        make_watched: makes the watched socket of a connection; None for the usual.
        kernel: asks the kernel; None if it is not asked.
        numbers: the numbers of the next connections.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        clock: AnyClock,
        count_messages: bool,
        report_chunks: bool,
        report_sent: bool,
        report_calls: bool = False,
        ask_kernel: bool = False,
        keep_encrypted: bool = False,
    ) -> None:
        self.sink = sink if isinstance(sink, Tee) else Tee(sink)
        self.sink.measure(clock)
        self.clock = clock
        self.count_messages = count_messages
        self.report_chunks = report_chunks
        self.report_sent = report_sent
        self.report_calls = report_calls
        self.keep_encrypted = keep_encrypted
        self.monotonic = monotonic(clock)
        self.make_watched = self._calling if report_calls else None
        self.kernel = Kernel(clock) if report_calls and ask_kernel else None
        self.numbers = count(1)

    def stop_asking(self) -> None:
        """Ask the kernel nothing more."""
        if self.kernel is not None:
            self.kernel.stop()

    def _calling(self, watched: socket.socket) -> CallingSocket:
        stamped = self.kernel is not None
        return CallingSocket(watched, self.monotonic, stamped=stamped)
