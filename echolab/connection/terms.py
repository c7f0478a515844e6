"""What the connections of one factory have in common."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echolab.events import Sink
    from echolab.interfaces import AnyClock

__all__ = ["Terms"]


class Terms:
    """What the connections of one factory have in common.

    Args:
        sink: takes the events of all of them, each connection's in order.
        clock: measures spans of time.
        count_messages: whether `Finished` says how many messages there were.
        report_chunks: whether the sink is told what each read returned.
        report_sent: whether the sink is told what is sent.

    Attributes:
        numbers: the numbers of the connections to come.
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
        self.sink = sink
        self.clock = clock
        self.count_messages = count_messages
        self.report_chunks = report_chunks
        self.report_sent = report_sent
        self.numbers = count(1)
