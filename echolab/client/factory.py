"""The sending side: the Factory, which makes the protocols of connections."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory
from typing_extensions import override
from zope.interface import implementer

from echolab.client.connections import Connections, Patience
from echolab.client.protocol import SenderProtocol
from echolab.connection.terms import Terms
from echolab.framing import ChunkFramer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress

    from echolab.behaviour.values import Behaviour
    from echolab.connection.terms import Ledger
    from echolab.events import Sink
    from echolab.framing import Framer
    from echolab.interfaces import AnyClock

__all__ = ["SenderFactory"]


@implementer(IPushProducer)
class SenderFactory(Factory[SenderProtocol]):
    """Makes `SenderProtocol` s, and pauses their replies while the sink is full.

    The factory is one producer for all its connections, registered with its sink.

    Args:
        sink: takes the events: Connected, Received (the replies, as they came),
            Finished.
        clock: measures spans of time (``reactor``, or a test's ``Clock``). The time
            of day of the events is the system's; a ``Clock`` tells that too.
        wait_seconds: how long the server may be silent after
            `SenderProtocol.finish` before this side closes; None for ever. A server
            that has ended may fail to acknowledge bytes for the same time.
        tls_wait_seconds: the same over TLS, where this side cannot end only its
            sending: the server learns of the end when the connection closes.
        half_open_seconds: how to understand a server that ends its sending side
            before `SenderProtocol.finish`. It may have closed (it would answer one
            more write with a reset), or it may still read; TCP does not tell which.
            The server counts as closed after so many seconds without a write. None:
            it always counts as still reading.
        make_framer: makes the framer of a connection's replies; by default, replies
            are reported as they come.
        count_messages: whether `Finished` counts messages.
        report_chunks: whether the sink gets an event `Chunk` for each read, before
            the replies that it completes.
        report_sent: whether the sink gets events `Sent`.
        ledger: what a ledger has besides: the sink then gets events `Called`, for
            each system call on a connection's socket. None for no ledger.
        behaviour: what to do wrong, on which connections; None for nothing.

    Raises:
        ValueError: only a server can behave so.

    Attributes:
        sink: takes the events; it can be flushed and closed.
        connections: the open connections, and what they share.
    """

    noisy = False

    def __init__(
        self,
        sink: Sink,
        *,
        clock: AnyClock,
        wait_seconds: float | None = 5.0,
        tls_wait_seconds: float | None = 1.0,
        half_open_seconds: float | None = 1.0,
        make_framer: Callable[[], Framer] = ChunkFramer,
        count_messages: bool = True,
        report_chunks: bool = False,
        report_sent: bool = False,
        ledger: Ledger | None = None,
        behaviour: Behaviour | None = None,
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
            Patience(wait_seconds, tls_wait_seconds, half_open_seconds),
        )
        self.sink.registerProducer(self.connections, True)
        self._make_framer = make_framer
        self._make_protocol = _protocol_maker(behaviour)

    @override
    def buildProtocol(self, addr: IAddress | None) -> SenderProtocol:
        protocol = self._make_protocol(self._make_framer())
        protocol.factory = self
        protocol.connections = self.connections
        return protocol

    def pauseProducing(self) -> None:
        """Stop reading replies from all connections until `resumeProducing`."""
        self.connections.hold(self)

    def resumeProducing(self) -> None:
        """Read replies from all connections again."""
        self.connections.release(self)

    def stopProducing(self) -> None:
        """End every connection, since the sink takes no more."""
        self.connections.stopProducing()


def _protocol_maker(
    behaviour: Behaviour | None,
) -> Callable[[Framer], SenderProtocol]:
    """Return what makes the protocol of each connection, given its framer."""
    if not behaviour:
        return SenderProtocol
    # Imported here, because few clients misbehave.
    from echolab.client.behaving import checked
    from echolab.client.misbehaving import MisbehavingProtocol

    return partial(MisbehavingProtocol, behaviour=checked(behaviour))
