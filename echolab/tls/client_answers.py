"""Bound TLS's own answers to a server that does not read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from echolab.interfaces import IStreamTransport

__all__ = ["MOST_BYTES", "UNREAD_SECONDS", "TLSAnswers"]

MOST_BYTES = 1 << 16
"""How many bytes TLS may answer a server that reads nothing, before a pause."""

UNREAD_SECONDS = 10.0
"""How long a paused server may read nothing."""


class TLSAnswers:
    """Stop reading from a server that makes TLS answer, and reads no answer.

    A client keeps reading while the server reads nothing, because each might wait
    for the other. So only the bytes that TLS itself adds are counted, not all that
    the transport holds. Only an `echolab.tls.connection.TLSConnection` reports them.

    Args:
        transport: a TLS transport.
        clock: tells the time.
        pause: called to stop reading.
        resume: called to read again.
        give_up: called after `UNREAD_SECONDS`.
    """

    def __init__(
        self,
        transport: IStreamTransport,
        *,
        clock: IReactorTime,
        pause: Callable[[], None],
        resume: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self._paused = False
        self._clock = clock
        self._pause = pause
        self._resume = resume
        self._give_up = give_up
        self._counting = False
        self._bytes = 0
        self._due: IDelayedCall | None = None
        connection: Any = getattr(transport, "getHandle", lambda: None)()
        if hasattr(connection, "on_answer"):
            connection.on_answer = self._answered

    def count(self) -> None:
        """Start counting: the transport is full, or cannot tell any more if it is."""
        if not self._counting:
            self._counting = True
            self._bytes = 0

    def forget(self) -> None:
        """Reset the count: the server has read all."""
        self._counting = False
        self.stop()
        if self._paused:
            self._paused = False
            self._resume()

    def stop(self) -> None:
        """Stop waiting."""
        due, self._due = self._due, None
        if due is not None and due.active():
            due.cancel()

    def _answered(self, size: int) -> None:
        if self._counting:
            self._bytes += size
            if self._bytes > MOST_BYTES and not self._paused:
                self._paused = True
                self._pause()
                self._due = self._clock.callLater(UNREAD_SECONDS, self._give_up)
