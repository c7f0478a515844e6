"""Bound TLS's own answers to peers that do not read them."""

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
    """Unregister and register a producer that has just been resumed.

    Over TLS, the peer's end closes the TCP transport below, even with a producer. If
    the producer was paused, Twisted resumes it when all is written, but forgets to
    close. It closes when a producer is unregistered.
    """
    transport.unregisterProducer()
    transport.registerProducer(producer, True)


@implementer(IPushProducer)
class UnreadTLS:
    """Stop reading from a peer that does not read TLS's own answers.

    TLS answers a peer's key updates (RFC 8446, section 4.6.3) and more, and no
    protocol sees that. So the transport has to say when it holds too much: it tells
    its producer, which is this object.

    Args:
        transport: a TLS transport without another producer.
        clock: tells the time.
        seconds: how long the peer may read nothing; 0 is no limit.
        sent_bytes: returns how many bytes the socket has taken so far.
        pause: called to stop reading.
        resume: called to read again.
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
        """Unregister from the transport: it closes only without a producer."""
        self._stall.stop()
        self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """Stop reading: the transport holds too much."""
        self._pause()
        self._stall.start()

    def resumeProducing(self) -> None:
        """Read again: the peer has read all."""
        self._stall.stop()
        renew(self._transport, self)
        self._resume()

    def stopProducing(self) -> None:
        """Stop waiting: the connection is gone."""
        self._stall.stop()
