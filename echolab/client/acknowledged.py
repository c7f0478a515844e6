"""``--acknowledged``: a client that sends again until all is durable at the server."""

from __future__ import annotations

import enum
from functools import partial
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.logger import Logger
from typing_extensions import override

from echolab.client.answers import AnswerError
from echolab.client.deadline import Deadline
from echolab.client.reconnecting import Reconnecting
from echolab.client.service import STOP_SECONDS
from echolab.counting import count
from echolab.errors import ConnectionLostError, EcholabError, InputError
from echolab.quantities import span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from echolab.client.connecting import Connector
    from echolab.client.resending import Resending
    from echolab.events import Finished, Sink
    from echolab.interfaces import AnyClock, Done, Output, Producer
    from echolab.sinks.printing import ConversationPrinter

__all__ = ["AcknowledgedService"]

MOST_KEPT_BYTES = 1 << 20
"""While more is not acknowledged, the input pauses."""

_log = Logger()


class _Phase(enum.Enum):
    """What the service does, from the start to the end."""

    SENDING = enum.auto()
    """There is input, or something is not acknowledged."""
    ENDING = enum.auto()
    """Everything is acknowledged: the last connection ends."""
    FAILED = enum.auto()
    """It gave up: the last connection ends."""
    OVER = enum.auto()
    """The end was reported, or somebody else has stopped the service."""


class AcknowledgedService(Service):
    """Sends lines until the server has acknowledged them, on as many connections.

    A reader gives it the input: it calls `received` and `ended`. The protocol is in
    docs/acknowledging.md.

    Args:
        make_connector: makes what connects; given ``retry_seconds``.
        name: the server's name for users: ``127.0.0.1:8888``.
        printer: shows the user what happens.
        outputs: where the printer prints; flushed at the end.
        clock: tells the time.
        done: called at the end.
        make_reader: given this service, makes the reader of the input.
        resending: decides what is sent.
        patience_seconds: how long to go on without an acknowledgement; 0 to connect
            only once.
        timeout_seconds: how long one connection may bring no acknowledgement.
        observer: also takes all events, with those of a ledger.
        encrypted: see `echolab.Ledger`.
        close: called at the end, before the last lines are printed.
    """

    def __init__(
        self,
        make_connector: Callable[..., Connector],
        name: str,
        printer: ConversationPrinter,
        outputs: Sequence[Output],
        *,
        clock: AnyClock,
        done: Done,
        make_reader: Callable[[AcknowledgedService], Producer],
        resending: Resending,
        patience_seconds: float,
        timeout_seconds: float,
        observer: Sink | None = None,
        encrypted: bool = False,
        close: Callable[[], Deferred[None] | None] = lambda: None,
    ) -> None:
        self._name = name
        self._printer = printer
        self._outputs = outputs
        self._clock = clock
        self._done = done
        self._resending = resending
        self._patience_seconds = patience_seconds
        self._timeout_seconds = timeout_seconds
        self._close = close
        self._lines = resending.lines
        self._phase = _Phase.SENDING
        self._is_paused = True
        self._has_ended = False  # the input
        self._input_error: EcholabError | None = None
        self._failure: EcholabError | None = None
        self._late = Deadline(
            clock,
            patience_seconds or timeout_seconds,
            lambda: bool(self._lines.count or not resending.was_introduced),
            self._give_up,
        )
        self._silent = Deadline(
            clock,
            timeout_seconds,
            lambda: bool(self._lines.count or not resending.is_introduced),
            self._has_been_silent,
        )
        self._reader = make_reader(self)
        self._connection = Reconnecting(
            partial(make_connector, retry_seconds=patience_seconds),
            name,
            clock=clock,
            connected=self._connected,
            heard=self._heard,
            ended=self._finished,
            refused=self._fail,
            observer=observer,
            encrypted=encrypted,
        )

    @override
    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        self._late.look()
        self._connection.connect()

    def _connected(self) -> None:
        self._connection.write(self._resending.introduction())
        self._silent.look()

    def _heard(self, data: bytes) -> None:
        if self._phase is not _Phase.SENDING:
            return
        resending, before = self._resending, self._lines.acknowledged
        is_first = not resending.was_introduced
        try:
            again = resending.hear(data)
        except AnswerError as why:
            self._fail(ConnectionLostError("recv", self._name, str(why)))
            return
        if is_first and resending.was_introduced:
            self._begin()
        if resending.is_ahead:
            self._connection.finish()
        self._write(again)
        if self._lines.acknowledged > before:
            self._connection.futile = 0
            self._late.renew()
        self._silent.renew()
        if self._is_paused and self._lines.kept_bytes <= MOST_KEPT_BYTES // 2:
            self._resume()
        self._end_if_all_is_acknowledged()

    def _begin(self) -> None:
        if known := self._resending.known:
            _log.info(
                "{name}: has {lines} of client {client} already",
                name=self._name,
                lines=count(known, "line"),
                client=self._resending.client,
            )
        self._printer.ask()

    def _write(self, lines: bytes) -> None:
        if self._connection.is_connected and lines:
            self._connection.write(lines)
            self._silent.look()

    def _resume(self) -> None:
        if self._resending.was_introduced and not self._has_ended:
            self._is_paused = False
            self._reader.resumeProducing()

    def received(self, chunk: bytes) -> None:
        """Take a chunk of input; from a terminal that is a line."""
        self._printer.typed()
        self._take(self._resending.add(chunk))
        if self._lines.unfinished_bytes > MOST_KEPT_BYTES:
            too_long = f"a line is longer than {MOST_KEPT_BYTES} bytes"
            self._fail(InputError("read", "the input", too_long))
        if chunk.endswith(b"\n"):
            self._printer.ask()

    def _take(self, lines: bytes) -> None:
        self._write(lines)
        self._late.look()
        if self._lines.kept_bytes > MOST_KEPT_BYTES and not self._is_paused:
            self._is_paused = True
            self._reader.pauseProducing()

    def send(self, data: bytes) -> None:
        """Send bytes that are not typed or piped, but named by a command."""
        self._take(self._resending.add(data))

    def reset(self) -> None:
        """Reset the connection: the user wants that. All goes on on a new one."""
        self._connection.reset("reset by hand")

    def ended(self) -> None:
        """Take the end of input."""
        self._printer.stop_asking()
        self._take(self._resending.end())
        self._has_ended = True
        self._end_if_all_is_acknowledged()

    def input_failed(self, why: EcholabError) -> None:
        """Take an error of reading the input; `ended` follows."""
        self._input_error = why

    def output_lost(self, why: EcholabError | None) -> None:
        """Go on without stdout: what is sent matters, and nothing is shown of it."""

    def _end_if_all_is_acknowledged(self) -> None:
        if self._has_ended and not self._lines.count and self._phase is _Phase.SENDING:
            self._phase = _Phase.ENDING
            if self._lines.last < self._resending.known:
                self._failure = self._other_input()
            self._wait_no_more()
            if self._connection.is_connected:
                self._connection.finish()
            else:
                self._end()

    def _other_input(self) -> InputError:
        known = count(self._resending.known, "line")
        whose = f"client {self._resending.client}"
        reason = f"it has {known} of {whose}, the input has fewer"
        return InputError("send", self._name, reason)

    def _give_up(self) -> None:
        if self._lines.count:
            seconds = self._patience_seconds or self._timeout_seconds
            reason = f"nothing was acknowledged for {span(seconds)}"
            self._fail(ConnectionLostError("send", self._name, reason))
        elif self._connection.is_connected or self._connection.futile:
            self._fail_unanswered()

    def _has_been_silent(self) -> None:
        if not self._resending.was_introduced:
            self._fail_unanswered()
        else:
            self._connection.reset("it acknowledges nothing")

    def _fail_unanswered(self) -> None:
        reason = "it does not answer the introduction; has it --acknowledge?"
        self._fail(ConnectionLostError("recv", self._name, reason))

    def _finished(self, event: Finished) -> None:
        self._silent.stop()
        if self._phase in (_Phase.ENDING, _Phase.FAILED):
            self._end()
        elif self._phase is _Phase.SENDING and self.running:
            reason = event.detail or f"the connection has ended ({event.cause.value})"
            if not (self._patience_seconds or self._resending.is_ahead):
                self._fail(ConnectionLostError("recv", self._name, reason))
            else:
                self._connect_again(reason)

    def _connect_again(self, reason: str) -> None:
        is_news = self._resending.was_introduced and not self._resending.is_ahead
        if is_news and not self._connection.futile:
            _log.info("{name}: {why}; going on", name=self._name, why=reason)
        self._late.look()
        self._connection.connect_again()

    @property
    def is_held(self) -> bool:
        """Whether replies are not read: never, none is shown."""
        return False

    def fail(self, why: EcholabError) -> None:
        """End within about a second, and then with this error."""
        self._fail(why)

    def _fail(self, why: EcholabError) -> None:
        if self._phase is not _Phase.SENDING:
            return
        self._phase = _Phase.FAILED
        self._failure = why
        self._wait_no_more()
        self._reader.stopProducing()
        if self._connection.is_connected:
            self._connection.stop(STOP_SECONDS)
        else:
            self._end()

    def _wait_no_more(self) -> None:
        self._late.stop()
        self._silent.stop()
        self._connection.connect_no_more()

    def _end(self) -> None:
        self._phase = _Phase.OVER
        why = self._failure or self._input_error
        if why is not None:
            self._printer.end_line()
            if self._lines.count:
                lines = count(self._lines.count, "line")
                reason = f"{why.reason}; not acknowledged: {lines}"
                why = type(why)(why.call, why.address, reason)
        closing = self._close() or succeed(None)
        closing.addCallback(lambda _: self._say_why(why))

    def _say_why(self, why: EcholabError | None) -> None:
        if why is None:
            self._printer.finish()
        self._done(why)

    @override
    def stopService(self) -> Deferred[None]:
        """End within about a second, even if the server is stuck."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        deadline = self._clock.seconds() + STOP_SECONDS
        self._wait_no_more()
        self._reader.stopProducing()
        if self._phase is not _Phase.OVER:
            self._phase = _Phase.OVER
            self._printer.end_line()
            if self._lines.count:
                lines = count(self._lines.count, "line")
                _log.warn("not acknowledged: {lines}", lines=lines)
            if (closing := self._close()) is not None:
                await closing
        await self._connection.stop(STOP_SECONDS)
        self._connection.stop_asking()
        seconds = max(0.0, deadline - self._clock.seconds())
        await gatherResults([output.flush(seconds) for output in self._outputs])
        for output in self._outputs:
            output.close()
