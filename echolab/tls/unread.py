"""What TLS itself sends to peers, kept within bounds though they do not read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from echolab.sockets.stall import Stall

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from echolab.interfaces import IStreamTransport

__all__ = ["READS_NOTHING", "UnreadTLS", "renew"]

READS_NOTHING = "the peer does not read what TLS sends it"


def renew(transport: IStreamTransport, producer: IPushProducer) -> None:
    """Register a producer anew that has just been resumed.

    Over TLS, the end that the peer makes closes the TCP transport below, whether
    it has a producer or not. If that was paused, Twisted resumes it when all is
    written, and forgets to close; it remembers when a producer is unregistered.
    """
    transport.unregisterProducer()
    transport.registerProducer(producer, True)


@implementer(IPushProducer)
class UnreadTLS:
    """Stops reading from a peer that does not read what TLS sends it.

    TLS answers key updates of the peer's (RFC 8446, section 4.6.3) and more,
    and no protocol sees it. So it is the transport that says when it holds too
    much: to its producer, which this is.

    Args:
        transport: a TLS transport that has no other producer.
        clock: tells the time.
        seconds: how long the peer may read nothing; 0 is for ever.
        sent_bytes: returns how many bytes the socket has taken so far.
        pause: called to stop reading.
        resume: called to go on.
        give_up: called when the time is over.
    """

    def __init__(
        self,
        transport: IStreamTransport,
        *,
        clock: IReactorTime,
        seconds: float,
        sent_bytes: Callable[[], int],
        pause: Callable[[], None],
        resume: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._pause = pause
        self._resume = resume
        self._stall = Stall(
            clock=clock, seconds=seconds, sent_bytes=sent_bytes, call=give_up
        )

    def start(self) -> None:
        """Watch the transport."""
        self._transport.registerProducer(self, True)

    def stop(self) -> None:
        """Let the transport go: it closes when it has no producer."""
        self._stall.stop()
        self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """The transport holds too much."""
        self._pause()
        self._stall.start()

    def resumeProducing(self) -> None:
        """The peer has read it all."""
        self._stall.stop()
        renew(self._transport, self)
        self._resume()

    def stopProducing(self) -> None:
        """The connection is gone."""
        self._stall.stop()
