"""The client as a service, for twistd, the command and applications."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet import error
from twisted.internet.defer import (
    Deferred,
    gatherResults,
    succeed,
)
from twisted.internet.interfaces import ISSLTransport
from twisted.logger import Logger
from typing_extensions import override

from echolab.client.factory import SenderFactory
from echolab.client.protocol import CLOSED
from echolab.connection.terms import Ledger
from echolab.counting import count
from echolab.ends import ORDERLY, in_words
from echolab.errors import (
    ConnectError,
    ConnectionLostError,
    OutputError,
    reason_of,
)
from echolab.events import Finished, Misbehaved
from echolab.sinks.tee import tee
from echolab.sockets.stall import Stall
from echolab.tls.alert import AlertWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.python.failure import Failure

    from echolab.behaviour.values import Behaviour
    from echolab.client.connecting import Connector
    from echolab.client.line import Line
    from echolab.client.protocol import SenderProtocol
    from echolab.errors import EcholabError
    from echolab.events import Event, Sink
    from echolab.interfaces import AnyClock, Done, Output, Producer
    from echolab.sinks.printing import ConversationPrinter

__all__ = ["SenderService"]

STOP_SECONDS = 1.0
STUCK_SECONDS = 5.0
"""How long a server may take no bytes before the user is told."""

SPEAKS_TLS = "the server speaks TLS; use --tls or --connect tls:HOST:PORT"

_log = Logger()


class SenderService(Service):
    """Connects, sends the input, prints the replies.

    A reader gives it the input: it calls `received` and `ended`.

    Args:
        connector: connects.
        name: the server's name for users: ``127.0.0.1:8888``.
        printer: shows the user what happens.
        outputs: where the printer prints; flushed at the end. The first takes
            the replies, and pauses them while it is full.
        clock: tells the time.
        done: called at the end.
        make_reader: given this service, makes the reader of the input, which is
            resumed when the connection is made.
        no_delay: whether each write is sent at once (TCP_NODELAY).
        wait_seconds: see `SenderFactory`; None for its default.
        half_open_seconds: see `SenderFactory`.
        observer: also takes all events, with those of a ledger.
        listener: also takes all events, without those of a ledger.
        encrypted: see `echolab.Ledger`.
        behaviour: see `SenderFactory`.
        close: called at the end, before the last lines are printed.
        close_outputs: whether to close the outputs at the end: for outputs that
            were opened only for this service.
    """

    def __init__(
        self,
        connector: Connector,
        name: str,
        printer: ConversationPrinter,
        outputs: Sequence[Output],
        *,
        clock: AnyClock,
        done: Done,
        make_reader: Callable[[SenderService], Producer],
        no_delay: bool = False,
        wait_seconds: float | None = None,
        half_open_seconds: float | None = 1.0,
        observer: Sink | None = None,
        listener: Sink | None = None,
        encrypted: bool = False,
        behaviour: Behaviour | None = None,
        close: Callable[[], Deferred[None] | None] = lambda: None,
        close_outputs: bool = False,
    ) -> None:
        self._connector = connector
        self._close = close
        self._name = name
        self._printer = printer
        self._outputs = outputs
        self._close_outputs = close_outputs
        self._clock = clock
        self._done = done
        self._reader = make_reader(self)
        self._no_delay = no_delay
        self._replies = AlertWatch(tee(printer, self._note))
        # The observer first: the end of a connection may end this service at once.
        sinks = observer, listener, self._replies
        observed = observer is not None
        self._factory = SenderFactory(
            tee(*[each for each in sinks if each is not None]),
            clock=clock,
            wait_seconds=5.0 if wait_seconds is None else wait_seconds,
            tls_wait_seconds=1.0 if wait_seconds is None else wait_seconds,
            half_open_seconds=half_open_seconds,
            report_chunks=observed,
            report_sent=observed,
            ledger=Ledger(encrypted=encrypted) if observed else None,
            behaviour=behaviour,
        )
        self._protocol: SenderProtocol | None = None
        self._stall: Stall | None = None  # while the server may have bytes to take
        self._all_sent = False
        self._input_error: EcholabError | None = None
        self._failure: EcholabError | None = None
        self._output_lost = False  # If so, unwritten output is not reported.
        self._finished: Deferred[None] = Deferred()

    @override
    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        connecting = self._connector.connect(self._factory)
        connecting.addCallbacks(self._connected, self._refused)

    @override
    def stopService(self) -> Deferred[None]:
        """End within about a second, even if the server is stuck."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        deadline = self._clock.seconds() + STOP_SECONDS
        self._reader.stopProducing()
        if (closing := self._close()) is not None:
            await closing
        if self._protocol is not None:
            self._protocol.stop(STOP_SECONDS)
            await self._finished
        self._connector.stop()
        self._factory.connections.terms.stop_asking()
        seconds = max(0.0, deadline - self._clock.seconds())
        flushing = [output.flush(seconds) for output in self._outputs]
        left = sum(await gatherResults(flushing))
        if left and not self._output_lost:
            _log.warn(
                "{bytes} of output could not be written", bytes=count(left, "byte")
            )
        if self._protocol is not None:
            self._outputs[0].unregisterProducer(self._protocol.replies)
        if self._close_outputs:
            for output in self._outputs:
                output.close()

    def received(self, chunk: bytes) -> None:
        """Take a chunk of input; from a terminal that is a line."""
        assert self._protocol is not None
        self._printer.typed()
        self._protocol.write(chunk)
        self._watch(self._protocol.line)
        if chunk.endswith(b"\n"):
            self._printer.ask()

    def send(self, data: bytes) -> None:
        """Send bytes that are not typed or piped, but named by a command."""
        assert self._protocol is not None
        self._protocol.write(data)
        self._watch(self._protocol.line)

    def reset(self) -> None:
        """Reset the connection: the user wants that."""
        assert self._protocol is not None
        self._protocol.reset("reset by hand")

    def ended(self) -> None:
        """Take the end of input."""
        assert self._protocol is not None
        self._printer.stop_asking()
        self._all_sent = True
        self._protocol.finish()

    def input_failed(self, why: EcholabError) -> None:
        """Take an error of reading the input; `ended` follows."""
        self._input_error = why

    def fail(self, why: EcholabError) -> None:
        """End the connection within about a second, and then with this error."""
        self._failure = why
        if self._protocol is not None:
            self._protocol.stop(STOP_SECONDS)

    @property
    def is_held(self) -> bool:
        """Whether replies are not read, because the output is full."""
        return self._protocol is not None and self._protocol.connection.is_held

    def output_lost(self, why: EcholabError | None) -> None:
        """Take the end of the output, whose reader has gone."""
        self._output_lost = True
        if why is None:
            why = self._input_error
        if why is None and self._all_sent and self._protocol is not None:
            self._protocol.close()  # `_end` reports the result.
            return
        self._done(why or OutputError("write", "stdout", "Broken pipe"))

    def _connected(self, protocol: SenderProtocol) -> None:
        self._protocol = protocol
        if ISSLTransport.providedBy(protocol.transport):
            self._replies.stop()  # Within TLS, bytes like an alert are not an alert.
        if self._no_delay:
            with suppress(OSError):  # A UNIX socket never delays.
                protocol.transport.setTcpNoDelay(True)
        protocol.registerProducer(self._reader, True)
        self._outputs[0].registerProducer(protocol.replies, True)
        if not self._all_sent:  # Otherwise it was told to end at once.
            self._reader.resumeProducing()

    def _watch(self, line: Line) -> None:
        """Tell the user once that the client waits for a server that takes nothing."""
        if self._stall is not None:
            return

        def look() -> None:
            if not line.waiting_bytes():
                self._stall = None
            else:
                _log.warn(
                    "send {name}: the server has taken nothing for {seconds:g} seconds",
                    name=self._name,
                    seconds=STUCK_SECONDS,
                )

        self._stall = Stall(
            clock=self._clock,
            seconds=STUCK_SECONDS,
            sent_bytes=line.taken_bytes,
            call=look,
        )
        self._stall.start()

    def _refused(self, failure: Failure) -> None:
        if not self.running:
            return
        why = failure.value
        if isinstance(why, error.DNSLookupError):
            reason = "no such host"
        else:
            reason = reason_of(why)
        self._done(ConnectError("connect", self._name, reason))

    def _note(self, event: Event) -> None:
        if isinstance(event, Misbehaved):
            self._misbehaved(event.behaviour)
        elif isinstance(event, Finished):
            if self._stall is not None:
                self._stall.stop()
            try:
                self._end(event.cause in ORDERLY, event.detail)
            finally:
                self._finished.callback(None)

    def _misbehaved(self, behaviour: str) -> None:
        # Imported here, because few clients misbehave.
        from echolab.behaviour.cuts import ENDS_SENDING

        _log.info(
            "send {name}: misbehaved ({behaviour})",
            name=self._name,
            behaviour=behaviour,
        )
        if behaviour.partition(":")[0] in ENDS_SENDING:
            self._all_sent = True
            self._reader.stopProducing()
            self._printer.stop_asking()

    def _end(self, in_order: bool, detail: str) -> None:
        if not self.running:
            self._printer.end_line()  # Whatever ended it reports why.
            return
        why = self._input_error
        if self._replies.speaks_tls:
            why = ConnectionLostError("recv", self._name, SPEAKS_TLS)
        elif self._failure is not None:
            why = self._failure
        elif not (self._all_sent and in_order):
            closed = in_order and not detail
            reason = CLOSED if closed else in_words(detail)
            why = ConnectionLostError("recv", self._name, reason)
        if why is not None:
            self._printer.end_line()
        # The error is printed below the line that was being typed, or the bar.
        closing = self._close() or succeed(None)
        closing.addCallback(lambda _: self._say_why(why))

    def _say_why(self, why: EcholabError | None) -> None:
        if why is None:
            self._printer.finish()
        self._done(why)
