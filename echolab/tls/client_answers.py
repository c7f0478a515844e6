"""What TLS itself answers a server, kept within bounds though it does not read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from echolab.interfaces import IStreamTransport

__all__ = ["MOST_BYTES", "UNREAD_SECONDS", "TLSAnswers"]

MOST_BYTES = 1 << 16
"""How much TLS may answer a server that takes nothing, before it is not read."""

UNREAD_SECONDS = 10.0
"""How long such a server may read nothing."""


class TLSAnswers:
    """Stops reading from a server that has TLS answer, and reads no answer.

    A client reads on while the server takes nothing, since both might wait for
    the other. So not all that the transport holds is counted, but what TLS adds
    to it of itself. Only an `echolab.tls.connection.TLSConnection` tells that.

    Args:
        transport: a TLS transport.
        clock: tells the time.
        pause: called to read nothing.
        resume: called to read again.
        give_up: called when the time is over.
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
        """Count: the transport is full, or will not say any more when it is."""
        if not self._counting:
            self._counting = True
            self._bytes = 0

    def forget(self) -> None:
        """Begin anew: the server has read it all."""
        self._counting = False
        self.stop()
        if self._paused:
            self._paused = False
            self._resume()

    def stop(self) -> None:
        """Wait no longer."""
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
