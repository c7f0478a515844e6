"""The receiving side: the Factory, which makes the protocols of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol
from typing_extensions import override
from zope.interface import implementer

from echolab.connection.terms import Terms
from echolab.framing import LineFramer
from echolab.server.admission import Admission
from echolab.server.connections import Connections
from echolab.server.limits import Limits
from echolab.server.protocol import ReceiverProtocol
from echolab.server.turned_away import TurnedAway

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress

    from echolab.connection.terms import Ledger
    from echolab.events import Sink
    from echolab.framing import Framer
    from echolab.interfaces import AnyClock

__all__ = ["ReceiverFactory"]


@implementer(IPushProducer)
class ReceiverFactory(Factory[TwistedProtocol]):
    """Makes `ReceiverProtocol` s, and pauses them while the sink is full.

    The factory is one producer for all its connections, registered with its sink: a
    full output of a printer, or a slow sink, pauses them all.

    Args:
        sink: takes the events of all connections, each connection's in order; a
            callable or an `echolab.ISink`.
        clock: measures spans of time (``reactor``, or a test's ``Clock``). The time
            of day of the events is the system's; a ``Clock`` tells that too.
        make_framer: makes the framer of one connection.
        make_protocol: makes the protocol of one connection, given its framer.
        limits: its time limits.
        admission: decides which connections to admit; by default, all.
        count_messages: whether `Finished` counts messages.
        report_chunks: whether the sink gets an event `Chunk` for each read, before
            the messages that it completes.
        report_sent: whether the sink gets events `Sent`.
        ledger: what a ledger has besides: the sink then gets events `Called`, for
            each system call on a connection's socket. None for no ledger.

    Attributes:
        connections: the open connections, and what they share.
        sink: takes the events; it can be flushed and closed.
    """

    noisy = False

    def __init__(
        self,
        sink: Sink,
        *,
        clock: AnyClock,
        make_framer: Callable[[], Framer] = LineFramer,
        make_protocol: Callable[[Framer], ReceiverProtocol] = ReceiverProtocol,
        limits: Limits | None = None,
        admission: Admission | None = None,
        count_messages: bool = True,
        report_chunks: bool = False,
        report_sent: bool = False,
        ledger: Ledger | None = None,
    ) -> None:
        terms = Terms(
            sink,
            clock=clock,
            count_messages=count_messages,
            report_chunks=report_chunks,
            report_sent=report_sent,
            ledger=ledger,
        )
        self.sink = terms.sink
        self.connections = Connections(
            terms,
            limits=limits or Limits(),
            admission=admission or Admission(),
        )
        self.sink.registerProducer(self.connections, True)
        self._make_framer = make_framer
        self._make_protocol = make_protocol

    @override
    def buildProtocol(self, addr: IAddress | None) -> ReceiverProtocol | TurnedAway:
        """Make a protocol, or one that ends at once if the peer is turned away."""
        if not self.connections.enter(addr):
            return TurnedAway()
        try:
            protocol = self._make_protocol(self._make_framer())
        except BaseException:
            self.connections.leave(addr)
            raise
        protocol.factory = self
        protocol.connections = self.connections
        protocol.remote = addr
        return protocol

    def pauseProducing(self) -> None:
        """Stop reading from all connections until `resumeProducing`."""
        self.connections.hold(self)

    def resumeProducing(self) -> None:
        """Read from all connections again, unless the sink is still full."""
        self.connections.release(self)

    def stopProducing(self) -> None:
        """Abort every connection now, since the sink takes no more."""
        self.connections.stopProducing()
