"""What the connections of one factory share."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from echolab.connection.kernel import Kernel
from echolab.sinks.tee import Tee
from echolab.sockets.calling import CallingSocket
from echolab.timekeeping import monotonic

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from echolab.events import Sink
    from echolab.interfaces import AnyClock

__all__ = ["Ledger", "Terms"]


class Ledger(NamedTuple):
    """What a ledger has besides the events of a connection and the system calls.

    Attributes:
        kernel: whether it has what the kernel says: `Listening`, `SynSaved`, `Sampled`,
            `Diagnosed`.
        encrypted: whether, over TLS, `Called` has the bytes that were read and written.
    """

    kernel: bool = True
    encrypted: bool = False


class Terms:
    """What the connections of one factory share.

    Args:
        sink: takes the events of all connections, each connection's in order.
        clock: measures spans of time.
        count_messages: whether `Finished` counts messages.
        report_chunks: whether the sink gets events `Chunk`.
        report_sent: whether the sink gets events `Sent`.
        ledger: what a ledger has besides; None for no ledger.

    Attributes:
        sink: the same, as a `Tee`.
        report_calls: whether the sink gets events `Called`.
        keep_encrypted: whether those have the bytes of TLS.
        monotonic: tells CLOCK_MONOTONIC, in seconds.
        make_watched: makes the watched socket of a connection; None for the usual.
        kernel: asks the kernel; None if it is not asked.
        skims: whether new connections begin skimmed (`Connection.skim`).
        skipped: the sink that does not take the messages of skimmed connections.
        opened: called with each `Connection` before its first event.
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
        ledger: Ledger | None = None,
    ) -> None:
        self.sink = sink if isinstance(sink, Tee) else Tee(sink)
        self.sink.measure(clock)
        self.clock = clock
        self.count_messages = count_messages
        self.report_chunks = report_chunks
        self.report_sent = report_sent
        self.report_calls = ledger is not None
        self.keep_encrypted = ledger is not None and ledger.encrypted
        self.monotonic = monotonic(clock)
        self.make_watched = self.make_calling if ledger is not None else None
        self.kernel = Kernel(clock) if ledger is not None and ledger.kernel else None
        self.numbers = count(1)
        self.skims = False
        self.skipped: Sink | None = None
        self.opened: Callable[[Any], None] | None = None

    def stop_asking(self) -> None:
        """Ask the kernel nothing more."""
        if self.kernel is not None:
            self.kernel.stop()

    def make_calling(self, watched: socket.socket) -> CallingSocket:
        """Return a socket that reports its calls, around another one."""
        stamped = self.kernel is not None
        return CallingSocket(watched, self.monotonic, stamped=stamped)
