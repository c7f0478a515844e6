"""All connections of a client's factory: counted, and paused together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from echolab.connection.states import Holder

if TYPE_CHECKING:
    from collections.abc import Hashable

    from echolab.connection.terms import Terms

__all__ = ["Connections", "Patience"]


class Patience(NamedTuple):
    """How long a client waits at its end; see `echolab.SenderFactory`."""

    wait_seconds: float | None
    tls_wait_seconds: float | None
    half_open_seconds: float | None


class Holdable(Protocol):
    """The replies of one connection."""

    def hold(self, who: Hashable) -> None:
        """Stop reading replies until all holders have released them."""

    def release(self, who: Hashable) -> None:
        """Read replies again, unless there is another holder."""

    def stopProducing(self) -> None:
        """End the connection when all written bytes are delivered."""


@implementer(IPushProducer)
class Connections:
    """The connections of one `SenderFactory`, and what they share.

    Args:
        terms: where events go, and which.
        patience: how long they wait at their ends.
    """

    def __init__(self, terms: Terms, patience: Patience) -> None:
        self.terms = terms
        self.patience = patience
        self._open: set[Holdable] = set()
        self._holders: frozenset[Hashable] = frozenset()

    def opened(self, replies: Holdable) -> None:
        """Add a new connection; pause its replies if the sink is full."""
        self._open.add(replies)
        if self._holders:
            replies.hold(self)

    def closed(self, replies: Holdable) -> None:
        """Remove a connection that has ended."""
        self._open.discard(replies)

    def hold(self, who: Hashable) -> None:
        """Stop reading replies until all holders have released the connections."""
        self._holders |= {who}
        for replies in self._open:
            replies.hold(self)

    def release(self, who: Hashable) -> None:
        """Read replies again, unless somebody else holds the connections."""
        self._holders -= {who}
        for replies in tuple(self._open):
            if not self._holders:
                replies.release(self)

    def pauseProducing(self) -> None:
        """Stop reading replies: the sink takes no more."""
        self.hold(Holder.SINK)

    def resumeProducing(self) -> None:
        """Read again, as far as the sink is concerned."""
        self.release(Holder.SINK)

    def stopProducing(self) -> None:
        """End every connection, since the sink takes no more."""
        for replies in tuple(self._open):
            replies.stopProducing()
