"""What the connections of one factory share."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from echolab.sinks.tee import Tee

if TYPE_CHECKING:
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

    Attributes:
        sink: the same, as a `Tee`.
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
    ) -> None:
        self.sink = sink if isinstance(sink, Tee) else Tee(sink)
        self.sink.measure(clock)
        self.clock = clock
        self.count_messages = count_messages
        self.report_chunks = report_chunks
        self.report_sent = report_sent
        self.numbers = count(1)
