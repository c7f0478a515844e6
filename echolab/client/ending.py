"""How a client's connection ends: nothing is lost in silence, nobody waits for ever."""

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
"""How long a server may at least take to acknowledge the last bytes, and over TLS to
answer this side's end."""


class _Phase(enum.Enum):
    """How far the end has come; it never goes back."""

    SENDING = enum.auto()
    """It has not begun: what is written is sent."""
    FLUSHING = enum.auto()
    """Nothing more is taken; what was is not all with the kernel."""
    WAITING = enum.auto()
    """It is; the server may have something to say."""
    CONFIRMING = enum.auto()
    """Nothing is waited for but the acknowledgement of its kernel."""
    CLOSING = enum.auto()
    """That is there, or will not come: the connection is being closed."""
    LINGERING = enum.auto()
    """TLS's end is with the kernel too; the server should answer it."""


class Outcome(enum.Enum):
    """What is known of the bytes that were sent."""

    UNKNOWN = enum.auto()
    TAKEN = enum.auto()
    """The server's kernel has acknowledged them all."""
    BROKEN = enum.auto()
    """The connection broke before."""
    STUCK = enum.auto()
    """The server has acknowledged none of them for too long."""


class Ending:
    """The end of one connection, from the last byte that is written.

    ::

        SENDING ─ finish ─▶ FLUSHING ─ flushed ─▶ WAITING ─ silence, server's end ─▶
        CONFIRMING ─ acknowledged, broken, stuck ─▶ CLOSING ─ over TLS ─▶ LINGERING

    Where the server's end is there already, or nobody takes replies, WAITING is
    left out. A reset is the answer of a server that has closed (RFC 9293,
    3.10.7.4); who closes before it comes would take what was sent for delivered.

    Args:
        line: the transport.
        clock: tells the time.
        wait_seconds: how long the server may be silent; None for ever. As long, and
            `LINGER_SECONDS` at least, may it acknowledge nothing.
        half_open_seconds: what it means that the server ends first; see
            `echolab.SenderFactory`.
        begin: called when the end begins: nothing more may be written then.

    Attributes:
        outcome: what is known of what was sent.
        server_ended: whether the server will send no more.
        answers: whether the server has said something after TLS's end, and was not
            silent since.
        server_is_closed: whether it counts as closed, since nothing was written for
            so long: this side has begun to end by itself.
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
        self._listening = True
        self._held = False
        self._timer: IDelayedCall | None = None
        self._delivery: Delivery | None = None

    @property
    def has_begun(self) -> bool:
        """Whether nothing more is taken to be sent."""
        return self._phase is not _Phase.SENDING

    def finish(self) -> None:
        """Send what was written, then tell the server, then wait."""
        if self._phase is _Phase.SENDING:
            self._phase = _Phase.FLUSHING
            self._begin()
            if not self._line.end(self.flushed):
                self._close()

    def flushed(self) -> None:
        """All is with the kernel."""
        if self._phase is _Phase.FLUSHING:
            self._line.flushed()
            self._phase = _Phase.WAITING
            if self.server_ended or not self._listening:
                self._confirm()
            else:
                self.heard()

    def server_has_ended(self) -> None:
        """The server will send no more; perhaps it still reads, perhaps not."""
        self.server_ended = True
        if self._phase is _Phase.SENDING:
            self._wait(self._half_open_seconds)
        elif self._phase is _Phase.WAITING:
            self._confirm()

    def wrote(self) -> None:
        """Something was written."""
        if self.server_ended and self._phase is _Phase.SENDING:
            self._wait(self._half_open_seconds)

    def heard(self) -> None:
        """The server is not silent."""
        if self._phase is _Phase.WAITING:
            self._wait(self._wait_seconds)
        elif self._phase is _Phase.LINGERING:
            self.answers = True
            self._wait(LINGER_SECONDS)

    def hold(self) -> None:
        """Replies are not read for now: the server's silence does not count."""
        self._held = True

    def resume(self) -> None:
        """They are read again."""
        self._held = False
        self.heard()

    def hear_no_more(self) -> None:
        """Nobody takes replies any more: end once all that was written is delivered."""
        self._listening = False
        if self._phase is _Phase.WAITING:
            self._confirm()
        self.finish()

    def stop(self) -> None:
        """The connection is lost, or is being ended by others: do nothing more."""
        if self._phase is _Phase.SENDING:
            self._begin()
        self._phase = _Phase.CLOSING
        self._cancel()

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
            if self._line.full:
                # A server that is gone answers what waits with a reset.
                self._wait(self._half_open_seconds)
            else:
                self.server_is_closed = True
                self.finish()
        elif self._phase is _Phase.WAITING and not self._held:
            self._confirm()  # Else nobody listens; `resume` begins anew.
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
            # Even who waits for no reply waits for an acknowledgement's way back.
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
