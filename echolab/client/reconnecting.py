"""One connection at a time, made again when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.internet.defer import Deferred, succeed

from echolab.client.factory import SenderFactory
from echolab.connection.terms import Ledger
from echolab.errors import ConnectError, reason_of
from echolab.events import Finished, Received
from echolab.sinks.tee import tee

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from echolab.client.connecting import Connector
    from echolab.client.protocol import SenderProtocol
    from echolab.events import Event, Sink
    from echolab.interfaces import AnyClock

__all__ = ["Reconnecting"]

PAUSE_SECONDS = 0.5
"""How long to wait before the second connection in a row that brings nothing."""
LONGEST_PAUSE_SECONDS = 10.0


class Reconnecting:
    """One connection at a time; its owner says when the next one is made.

    Args:
        make_connector: makes the connector of one attempt.
        name: the server's name for users: ``127.0.0.1:8888``.
        clock: tells the time.
        connected: called when a connection is made.
        heard: called with the bytes that arrive.
        ended: called when a connection has ended.
        refused: called with the reason if none could be made.
        observer: also takes all events, with those of a ledger.
        encrypted: see `echolab.Ledger`.
    """

    def __init__(
        self,
        make_connector: Callable[[], Connector],
        name: str,
        *,
        clock: AnyClock,
        connected: Callable[[], None],
        heard: Callable[[bytes], None],
        ended: Callable[[Finished], None],
        refused: Callable[[ConnectError], None],
        observer: Sink | None = None,
        encrypted: bool = False,
    ) -> None:
        self._make_connector = make_connector
        self._connector: Connector | None = None
        self._name = name
        self._clock = clock
        self._on_connected = connected
        self._on_heard = heard
        self._on_ended = ended
        self._on_refused = refused
        self._protocol: SenderProtocol | None = None
        self._again: IDelayedCall | None = None
        self._is_given_up = False
        self._lost: Deferred[None] = succeed(None)
        self.futile = 0
        """Connections in a row that have ended and brought nothing."""
        self._factory = SenderFactory(
            tee(*[each for each in (observer, self._note) if each is not None]),
            clock=clock,
            half_open_seconds=0.0,  # A server that ends acknowledges nothing more.
            report_chunks=observer is not None,
            report_sent=observer is not None,
            ledger=Ledger(encrypted=encrypted) if observer is not None else None,
        )

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._protocol is not None

    def connect(self) -> None:
        """Begin to connect."""
        self._again = None
        self._connector = self._make_connector()
        connecting = self._connector.connect(self._factory)
        connecting.addCallbacks(self._connected, self._refused)

    def connect_again(self) -> None:
        """Connect once more, after a pause that grows while connections are futile."""
        seconds = 0.0
        if self.futile:
            pause = PAUSE_SECONDS * 2 ** min(self.futile - 1, 10)
            seconds = min(pause, LONGEST_PAUSE_SECONDS)
        self.futile += 1
        self._again = self._clock.callLater(seconds, self.connect)

    def write(self, data: bytes) -> None:
        """Send on the present connection."""
        assert self._protocol is not None
        self._protocol.write(data)

    def finish(self) -> None:
        """End the present connection in order, if there is one."""
        if self._protocol is not None:
            self._protocol.finish()

    def reset(self, reason: str) -> None:
        """Reset the present connection, if there is one."""
        if self._protocol is not None:
            self._protocol.reset(reason)

    def connect_no_more(self) -> None:
        """Cancel the attempt to connect, or the pause before it, for good.

        No callback is called.
        """
        self._is_given_up = True
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._connector is not None and self._protocol is None:
            self._connector.stop()

    def stop(self, seconds: float) -> Deferred[None]:
        """End the present connection within this time; the Deferred fires then."""
        if self._protocol is None:
            return succeed(None)
        self._protocol.stop(seconds)
        return self._lost

    def stop_asking(self) -> None:
        """Stop asking the kernel about the connections."""
        self._factory.connections.terms.stop_asking()

    def _connected(self, protocol: SenderProtocol) -> None:
        if not self._is_given_up:
            self._protocol = protocol
            self._lost = Deferred()
            self._on_connected()

    def _refused(self, failure: Failure) -> None:
        if not self._is_given_up:
            why = failure.value
            reason = reason_of(why)
            if isinstance(why, error.DNSLookupError):
                reason = "no such host"
            self._on_refused(ConnectError("connect", self._name, reason))

    def _note(self, event: Event) -> None:
        if isinstance(event, Received):
            self._on_heard(event.messages.raw())
        elif isinstance(event, Finished):
            self._protocol = None
            if not self._lost.called:
                self._lost.callback(None)
            self._on_ended(event)
