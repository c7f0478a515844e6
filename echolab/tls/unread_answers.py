"""Bound TLS's own answers to peers that also get replies."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from echolab.sockets.stall import Stall

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from echolab.tls.connection import TLSConnection

__all__ = ["MOST_BYTES", "UnreadAnswers"]

MOST_BYTES = 1 << 14
"""How many bytes of TLS's own answers may wait for a peer that reads nothing."""


class UnreadAnswers:
    """Give up a peer that makes TLS answer, and reads no answer.

    A peer may read its replies as slowly as it likes. So only the bytes that TLS
    itself adds are counted, not all that the transport holds.

    Args:
        connection: reports the bytes that TLS itself sends.
        clock: tells the time.
        seconds: how long the peer may read nothing; 0 is no limit.
        sent_bytes: returns how many bytes the socket has taken since it was connected.
        give_up: called when the time is over.
    """

    def __init__(
        self,
        connection: TLSConnection,
        *,
        clock: IReactorTime,
        seconds: float,
        sent_bytes: Callable[[], int],
        give_up: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._sent_bytes = sent_bytes
        self._give_up = give_up
        self._ends: deque[tuple[int, int]] = deque()
        self._bytes = 0
        self._stall = Stall(
            clock=clock, seconds=seconds, sent_bytes=sent_bytes, call=self._stalled
        )
        connection.on_answer = self._answered

    def wait(self) -> None:
        """Start waiting: the transport is full."""
        self._stall.start()

    def stop(self) -> None:
        """Stop waiting: the transport has room, or is gone."""
        self._stall.stop()

    def _answered(self, size: int) -> None:
        self._ends.append((self._connection.made_bytes, size))
        self._bytes += size
        self._forget_what_is_taken()

    def _forget_what_is_taken(self) -> None:
        sent = self._sent_bytes()
        while self._ends and self._ends[0][0] <= sent:
            self._bytes -= self._ends.popleft()[1]

    def _stalled(self) -> None:
        self._forget_what_is_taken()
        if self._bytes > MOST_BYTES:
            self._give_up()
        else:
            self._stall.start()
