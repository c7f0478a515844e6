"""``--acknowledged``: a client that sends again until all is durable at the server."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet import error
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.logger import Logger
from typing_extensions import override

from echolab.client.answers import AnswerError
from echolab.client.deadline import Deadline
from echolab.client.factory import SenderFactory
from echolab.client.service import STOP_SECONDS
from echolab.connection.terms import Ledger
from echolab.counting import count
from echolab.errors import (
    ConnectError,
    ConnectionLostError,
    EcholabError,
    InputError,
    reason_of,
)
from echolab.events import Finished, Received
from echolab.quantities import span
from echolab.sinks.tee import tee

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from echolab.client.connecting import Connector
    from echolab.client.protocol import SenderProtocol
    from echolab.client.resending import Resending
    from echolab.events import Event, Sink
    from echolab.interfaces import AnyClock, Done, Output, Producer
    from echolab.sinks.printing import ConversationPrinter

__all__ = ["AcknowledgedService"]

MOST_KEPT_BYTES = 1 << 20
"""While more is not acknowledged, the input pauses."""
PAUSE_SECONDS = 0.5
"""How long to wait before the second connection in a row that brings nothing."""
LONGEST_PAUSE_SECONDS = 10.0

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
        self._make_connector = make_connector
        self._connector: Connector | None = None
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
        self._protocol: SenderProtocol | None = None
        self._failures = 0  # connections in a row that brought nothing
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
        self._again: IDelayedCall | None = None
        self._lost: Deferred[None] = succeed(None)
        self._reader = make_reader(self)
        self._factory = SenderFactory(
            tee(*[each for each in (observer, self._note) if each is not None]),
            clock=clock,
            half_open_seconds=0.0,  # A server that ends acknowledges nothing more.
            report_chunks=observer is not None,
            report_sent=observer is not None,
            ledger=Ledger(encrypted=encrypted) if observer is not None else None,
        )

    @override
    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        self._late.look()
        self._connect()

    def _connect(self) -> None:
        self._again = None
        self._connector = self._make_connector(retry_seconds=self._patience_seconds)
        connecting = self._connector.connect(self._factory)
        connecting.addCallbacks(self._connected, self._refused)

    def _connected(self, protocol: SenderProtocol) -> None:
        if not self.running:
            return
        self._protocol = protocol
        self._lost = Deferred()
        protocol.write(self._resending.introduction())
        self._silent.look()

    def _refused(self, failure: Failure) -> None:
        if not self.running:
            return
        why = failure.value
        reason = reason_of(why)
        if isinstance(why, error.DNSLookupError):
            reason = "no such host"
        self._fail(ConnectError("connect", self._name, reason))

    def _note(self, event: Event) -> None:
        if isinstance(event, Received):
            if self._phase is _Phase.SENDING:
                self._heard(event.messages.raw())
        elif isinstance(event, Finished):
            self._finished(event)

    def _heard(self, data: bytes) -> None:
        resending, before = self._resending, self._lines.acknowledged
        is_first = not resending.was_introduced
        try:
            again = resending.hear(data)
        except AnswerError as why:
            self._fail(ConnectionLostError("recv", self._name, str(why)))
            return
        if is_first and resending.was_introduced:
            self._begin()
        if resending.is_ahead and self._protocol is not None:
            self._protocol.finish()
        self._write(again)
        if self._lines.acknowledged > before:
            self._failures = 0
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
        if self._protocol is not None and lines:
            self._protocol.write(lines)
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
        if self._protocol is not None:
            self._protocol.reset("reset by hand")

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
            if self._protocol is None:
                self._end()
            else:
                self._protocol.finish()

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
        elif self._protocol or self._failures:
            self._fail_unanswered()

    def _has_been_silent(self) -> None:
        if not self._resending.was_introduced:
            self._fail_unanswered()
        elif self._protocol is not None:
            self._protocol.reset("it acknowledges nothing")

    def _fail_unanswered(self) -> None:
        reason = "it does not answer the introduction; has it --acknowledge?"
        self._fail(ConnectionLostError("recv", self._name, reason))

    def _finished(self, event: Finished) -> None:
        self._protocol = None
        self._silent.stop()
        if not self._lost.called:
            self._lost.callback(None)
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
        if is_news and not self._failures:
            _log.info("{name}: {why}; going on", name=self._name, why=reason)
        self._late.look()
        seconds = 0.0
        if self._failures:
            pause = PAUSE_SECONDS * 2 ** min(self._failures - 1, 10)
            seconds = min(pause, LONGEST_PAUSE_SECONDS)
        self._failures += 1
        self._again = self._clock.callLater(seconds, self._connect)

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
        if self._protocol is None:
            self._end()
        else:
            self._protocol.stop(STOP_SECONDS)

    def _wait_no_more(self) -> None:
        self._late.stop()
        self._silent.stop()
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._connector is not None and self._protocol is None:
            self._connector.stop()

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
        if self._protocol is not None:
            self._protocol.stop(STOP_SECONDS)
            await self._lost
        self._factory.connections.terms.stop_asking()
        seconds = max(0.0, deadline - self._clock.seconds())
        await gatherResults([output.flush(seconds) for output in self._outputs])
        for output in self._outputs:
            output.close()
