"""``--acknowledged``: a client that sends again until all is durable at the server."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet import error
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.logger import Logger
from typing_extensions import override

from echolab.client.answers import AnswerError, Answers
from echolab.client.factory import SenderFactory
from echolab.client.service import STOP_SECONDS
from echolab.client.unacknowledged import Unacknowledged, lines_after
from echolab.connection.terms import Ledger
from echolab.counting import count
from echolab.errors import (
    ConnectError,
    ConnectionLostError,
    EcholabError,
    InputError,
    UnverifiedError,
    reason_of,
)
from echolab.events import Finished, Received
from echolab.sinks.tee import tee

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from echolab.client.connecting import Connector
    from echolab.client.protocol import SenderProtocol
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
        client: this client's id.
        is_named: whether the user has named it, so that the server may know it.
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
        client: str,
        is_named: bool,
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
        self._client = client
        self._is_named = is_named
        self._patience_seconds = patience_seconds
        self._timeout_seconds = timeout_seconds
        self._close = close
        self._lines = Unacknowledged()
        self._known = 0  # how many lines the server had before the first one
        self._phase = _Phase.SENDING
        self._is_paused = True
        self._has_ended = False  # the input
        self._input_error: EcholabError | None = None
        self._failure: EcholabError | None = None
        self._protocol: SenderProtocol | None = None
        self._answers = Answers()
        self._sent = 0  # the number of the last line on this connection
        self._was_introduced = False
        self._failures = 0  # connections in a row that brought nothing
        self._late: IDelayedCall | None = None
        self._silent: IDelayedCall | None = None
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
        self._look_at_progress()
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
        self._answers = Answers()
        self._sent = self._lines.acknowledged
        introduction = f"echolab-client {self._client} {self._sent + 1}\n"
        protocol.write(introduction.encode())
        self._expect_answer()

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
        try:
            for number in self._answers.read(data):
                if self._answers.last is None:
                    self._introduced(number)
                else:
                    self._answers.check(number, max(self._sent, self._known))
                    self._acknowledged(number)
        except AnswerError as why:
            self._fail(ConnectionLostError("recv", self._name, str(why)))

    def _introduced(self, number: int) -> None:
        """Take the answer to the introduction, and send what it lacks."""
        if self._is_named and not self._was_introduced and number:
            self._known = number
            _log.info(
                "{name}: has {lines} of client {client} already",
                name=self._name,
                lines=count(number, "line"),
                client=self._client,
            )
        self._answers.check(number, max(self._lines.last, self._known))
        if not self._was_introduced:
            self._was_introduced = True
            self._printer.ask()
        if number > max(self._lines.last, self._sent):
            # It has what was not read yet: on a new connection that can be left out.
            self._acknowledged(number)
            if self._protocol is not None and self._phase is _Phase.SENDING:
                self._protocol.finish()
        else:
            self._write(b"".join(self._lines.after(self._sent)), self._lines.last)
            self._acknowledged(number)

    def _write(self, lines: bytes, last: int) -> None:
        if self._protocol is not None and lines:
            self._protocol.write(lines)
            self._sent = last
            self._expect_answer()

    def _acknowledged(self, number: int) -> None:
        before = self._lines.acknowledged
        self._lines.acknowledge(number)
        if number > before:
            self._failures = 0
            self._look_at_progress(again=True)
        self._expect_answer(again=True)
        if self._is_paused and self._lines.kept_bytes <= MOST_KEPT_BYTES // 2:
            self._resume()
        self._end_if_all_is_acknowledged()

    def _resume(self) -> None:
        if self._was_introduced and not self._has_ended:
            self._is_paused = False
            self._reader.resumeProducing()

    def received(self, chunk: bytes) -> None:
        """Take a chunk of input; from a terminal that is a line."""
        self._printer.typed()
        self._take(self._lines.add(chunk))
        if self._lines.unfinished_bytes > MOST_KEPT_BYTES:
            too_long = f"a line is longer than {MOST_KEPT_BYTES} bytes"
            self._fail(InputError("read", "the input", too_long))
        if chunk.endswith(b"\n"):
            self._printer.ask()

    def _take(self, lines: bytes) -> None:
        last = self._lines.last
        if self._answers.last is not None:
            self._write(lines_after(self._sent, lines, last), last)
        self._look_at_progress()
        if self._lines.kept_bytes > MOST_KEPT_BYTES and not self._is_paused:
            self._is_paused = True
            self._reader.pauseProducing()

    def send(self, data: bytes) -> None:
        """Send bytes that are not typed or piped, but named by a command."""
        self._take(self._lines.add(data))

    def reset(self) -> None:
        """Reset the connection: the user wants that. All goes on on a new one."""
        if self._protocol is not None:
            self._protocol.reset("reset by hand")

    def ended(self) -> None:
        """Take the end of input."""
        self._printer.stop_asking()
        self._take(self._lines.end())
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
            if self._lines.last < self._known:
                known = count(self._known, "line")
                reason = f"it has {known} of client {self._client}, the input has fewer"
                self._failure = InputError("send", self._name, reason)
            self._wait_no_more()
            if self._protocol is None:
                self._end()
            else:
                self._protocol.finish()

    def _look_at_progress(self, *, again: bool = False) -> None:
        """Give up in time, if something is waited for."""
        late = self._late
        if late is not None and again:
            late.cancel()
            self._late = late = None
        if late is None and (self._lines.count or not self._was_introduced):
            seconds = self._patience_seconds or self._timeout_seconds
            self._late = self._clock.callLater(seconds, self._give_up, seconds)

    def _give_up(self, seconds: float) -> None:
        self._late = None
        if self._lines.count:
            reason = f"nothing was acknowledged for {seconds:g} s"
            self._fail(ConnectionLostError("send", self._name, reason))
        elif not self._was_introduced and (self._protocol or self._failures):
            self._fail_unanswered()

    def _expect_answer(self, *, again: bool = False) -> None:
        """Give the connection up in time, if it should bring something."""
        silent = self._silent
        if silent is not None and again:
            silent.cancel()
            self._silent = silent = None
        if silent is None and (self._lines.count or self._answers.last is None):
            self._silent = self._clock.callLater(
                self._timeout_seconds, self._has_been_silent
            )

    def _has_been_silent(self) -> None:
        self._silent = None
        if not self._was_introduced:
            self._fail_unanswered()
        elif self._protocol is not None and self._lines.count:
            self._protocol.reset("it acknowledges nothing")

    def _fail_unanswered(self) -> None:
        reason = "it does not answer the introduction; has it --acknowledge?"
        self._fail(ConnectionLostError("recv", self._name, reason))

    def _finished(self, event: Finished) -> None:
        self._protocol = None
        if self._silent is not None:
            self._silent.cancel()
            self._silent = None
        self._lost.callback(None)
        if self._phase in (_Phase.ENDING, _Phase.FAILED):
            self._end()
        elif self._phase is _Phase.SENDING and self.running:
            reason = event.detail or f"the connection has ended ({event.cause.value})"
            if not self._patience_seconds:
                self._fail(ConnectionLostError("recv", self._name, reason))
            else:
                self._connect_again(reason)

    def _connect_again(self, reason: str) -> None:
        is_meant = (self._answers.last or 0) > self._sent  # to leave lines out
        if not (self._failures or is_meant) and self._was_introduced:
            _log.info("{name}: {why}; going on", name=self._name, why=reason)
        self._look_at_progress()
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
        for each in (self._late, self._silent, self._again):
            if each is not None and each.active():
                each.cancel()
        self._late = self._silent = self._again = None
        if self._connector is not None and self._protocol is None:
            self._connector.stop()

    def _end(self) -> None:
        self._phase = _Phase.OVER
        why = self._failure or self._input_error
        if why is not None:
            self._printer.end_line()
            if self._lines.count and not isinstance(why, UnverifiedError):
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
