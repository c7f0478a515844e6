"""The end of a client's connection: no loss without a report, no endless wait."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from echolab.client.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.client.line import Line
    from echolab.interfaces import AnyClock

__all__ = ["LINGER_SECONDS", "Ending", "Outcome"]

LINGER_SECONDS = 1.0
"""Minimum time for a server to acknowledge the last bytes, and over TLS to answer this
side's end."""


class _Phase(enum.Enum):
    """The phases of the end, in order."""

    SENDING = enum.auto()
    """The end has not begun: written bytes are sent."""
    FLUSHING = enum.auto()
    """No more bytes are accepted; the kernel has not yet taken all."""
    WAITING = enum.auto()
    """The kernel has taken all bytes; the server may still reply."""
    CONFIRMING = enum.auto()
    """Only the acknowledgement of the server's kernel is missing."""
    CLOSING = enum.auto()
    """It has come, or will not come: the connection is being closed."""
    LINGERING = enum.auto()
    """The kernel has taken TLS's end too; the server should answer it."""


class Outcome(enum.Enum):
    """What is known about the sent bytes."""

    UNKNOWN = enum.auto()
    TAKEN = enum.auto()
    """The server's kernel has acknowledged all of them."""
    BROKEN = enum.auto()
    """The connection broke before that."""
    STUCK = enum.auto()
    """The server has acknowledged nothing for too long."""


class Ending:
    """The end of one connection, after the last written byte.

    ::

        SENDING ─ finish ─▶ FLUSHING ─ flushed ─▶ WAITING ─ silence, server's end ─▶
        CONFIRMING ─ acknowledged, broken, stuck ─▶ CLOSING ─ over TLS ─▶ LINGERING

    WAITING is skipped if the server has ended already, and short if replies are not
    wanted. A server that has closed answers with a reset (RFC 9293, 3.10.7.4). A client
    that closes before the reset arrives would believe that its bytes were delivered.

    Args:
        line: the transport.
        clock: tells the time.
        wait_seconds: how long the server may be silent; None for ever. It may also
            acknowledge nothing for this time, or for `LINGER_SECONDS` if that is
            longer.
        half_open_seconds: how to understand a server that ends first; see
            `echolab.SenderFactory`.
        begin: called when the end begins: no more may be written then.

    Attributes:
        outcome: what is known about the sent bytes.
        server_ended: whether the server will send no more.
        answers: whether the server has sent something after TLS's end, and has not
            been silent since.
        server_is_closed: whether the server counts as closed, since nothing was
            written for too long: this side has then begun to end.
    """

    def __init__(
        self,
        line: Line,
        *,
        clock: AnyClock,
        wait_seconds: float | None,
        half_open_seconds: float | None,
        begin: Callable[[], None],
    ) -> None:
        self.outcome = Outcome.UNKNOWN
        self.server_ended = False
        self.server_is_closed = False
        self.answers = False
        self._line = line
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._half_open_seconds = half_open_seconds
        self._begin = begin
        self._phase = _Phase.SENDING
        self._moment: float | None = None  # for a server whose replies nobody wants
        self._held = False
        self._timer: IDelayedCall | None = None
        self._delivery: Delivery | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the end has begun: no more bytes are accepted."""
        return self._phase is not _Phase.SENDING

    def finish(self) -> None:
        """Send the written bytes, then the end, then wait for the server."""
        if self._phase is _Phase.SENDING:
            self._phase = _Phase.FLUSHING
            self._begin()
            if not self._line.end(self.flushed):
                self._close()

    def flushed(self) -> None:
        """The kernel has taken all bytes."""
        if self._phase is _Phase.FLUSHING:
            self._line.flushed()
            self._phase = _Phase.WAITING
            if self.server_ended:
                self._confirm()
            else:
                self._wait_for_server()

    def server_has_ended(self) -> None:
        """The server will send no more; whether it still reads is unknown."""
        self.server_ended = True
        if self._phase is _Phase.SENDING:
            self._wait(self._half_open_seconds)
        elif self._phase is _Phase.WAITING:
            self._confirm()

    def wrote(self) -> None:
        """Note that bytes were written, or that the line is not full any more."""
        if self.server_ended and self._phase is _Phase.SENDING:
            self._wait(self._half_open_seconds)

    def heard(self) -> None:
        """Note that the server is not silent."""
        if self._phase is _Phase.WAITING and self._moment is None:
            self._wait(self._wait_seconds)
        elif self._phase is _Phase.LINGERING:
            self.answers = True
            self._wait(LINGER_SECONDS)

    def hold(self) -> None:
        """Note that replies are not read: the server's silence does not count."""
        self._held = True

    def resume(self) -> None:
        """Note that replies are read again."""
        self._held = False
        self.heard()

    def hear_no_more(self, seconds: float = LINGER_SECONDS) -> None:
        """End when all written bytes are delivered; replies are not wanted any more.

        A server that still replies would be reset, and might lose what it has not read.
        So it has a moment, however much it says, to read all and to end. Over TLS it
        learns only by the close that this side sends no more, so there it has none.

        Args:
            seconds: the moment.
        """
        if self._moment is None:
            self._moment = 0.0 if self._line.over_tls else seconds
            if self._phase is _Phase.WAITING:
                self._wait_for_server()
        self.finish()

    def stop(self) -> None:
        """Do nothing more: the connection is lost, or other code ends it."""
        if self._phase is _Phase.SENDING:
            self._begin()
        self._phase = _Phase.CLOSING
        self._cancel()

    def _wait_for_server(self) -> None:
        """Wait for replies, or for the server's end if nobody wants replies."""
        if self._moment == 0:
            self._confirm()
        else:
            self._wait(self._wait_seconds if self._moment is None else self._moment)

    def _wait(self, seconds: float | None) -> None:
        """Wait until nothing has happened for ``seconds`` (None: for ever)."""
        if seconds is None:
            return
        if self._timer is None:
            self._timer = self._clock.callLater(seconds, self._silence)
        else:
            self._timer.reset(seconds)

    def _silence(self) -> None:
        self._timer = None
        if self._phase is _Phase.SENDING:
            # A server that is gone answers the bytes of a full line with a reset. Any
            # other takes them some time: `wrote` is called then, and waits again.
            if not self._line.full:
                self.server_is_closed = True
                self.finish()
        elif self._phase is _Phase.WAITING:
            # While held, no reply can come that is wanted; `resume` starts again.
            if self._moment is not None or not self._held:
                self._confirm()
        elif self._phase is _Phase.LINGERING and not self._held:
            self.answers = False
            self._line.leave()
        elif self._phase is _Phase.CLOSING:
            self._line.abort()  # A process that does not end by itself.

    def _confirm(self) -> None:
        self._cancel()
        self._phase = _Phase.CONFIRMING
        seconds = self._wait_seconds
        self._delivery = Delivery(
            self._line,
            clock=self._clock,
            # Without a wait for replies, an acknowledgement still needs its time.
            seconds=None if seconds is None else max(seconds, LINGER_SECONDS),
            taken=self._taken,
            broken=self._broken,
            stuck=self._stuck,
        )
        self._delivery.start()

    def _taken(self) -> None:
        self.outcome = Outcome.TAKEN
        self._close()

    def _broken(self) -> None:
        self.outcome = Outcome.BROKEN
        self._leave()

    def _stuck(self) -> None:
        self.outcome = Outcome.STUCK
        self._leave()

    def _close(self) -> None:
        self._phase = _Phase.CLOSING
        if self._line.is_process:
            self._wait(LINGER_SECONDS)
        self._line.close(self._linger)

    def _leave(self) -> None:
        self._phase = _Phase.CLOSING
        self._line.leave()

    def _linger(self) -> None:
        if self._phase is _Phase.CLOSING:
            self._phase = _Phase.LINGERING
            self._wait(LINGER_SECONDS)

    def _cancel(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._delivery is not None:
            self._delivery.stop()
            self._delivery = None
