"""Counts over all connections of a server, ended and open."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from echolab.ends import EndCause
    from echolab.web.known import Known
    from echolab.web.watched import WatchedConnection

__all__ = ["Sums", "Tally"]


class Sums(NamedTuple):
    """What connections have received and sent together; see `echolab.web.totals`."""

    received_bytes: int = 0
    messages: int = 0
    sent_bytes: int = 0
    writes: int = 0
    left_out: int = 0

    def plus(self, known: Known, connection: WatchedConnection) -> Sums:
        """Return the sums with those of one more connection."""
        return Sums(
            self.received_bytes + connection.received_bytes,
            self.messages + connection.messages,
            self.sent_bytes + connection.sent_bytes,
            self.writes + connection.writes,
            self.left_out + known.left_out,
        )


class Tally:
    """Counts connections as they begin and end.

    Attributes:
        accepted: how many have begun.
        ends: how many have ended, by cause.
        ended: what these have received and sent.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self.ends: Counter[EndCause] = Counter()
        self.ended = Sums()

    def end(self, known: Known, connection: WatchedConnection, cause: EndCause) -> None:
        """Count a connection that has ended."""
        self.ends[cause] += 1
        self.ended = self.ended.plus(known, connection)
