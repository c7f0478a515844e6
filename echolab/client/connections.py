"""All connections of a client's factory: counted, and paused together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

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
        self._paused = False

    def opened(self, replies: Holdable) -> None:
        """Add a new connection; pause its replies if the sink is full."""
        self._open.add(replies)
        if self._paused:
            replies.hold(self)

    def closed(self, replies: Holdable) -> None:
        """Remove a connection that has ended."""
        self._open.discard(replies)

    def pause(self) -> None:
        """Stop reading replies from all connections until `resume`."""
        self._paused = True
        for replies in self._open:
            replies.hold(self)

    def resume(self) -> None:
        """Read replies from all connections again."""
        self._paused = False
        for replies in tuple(self._open):
            replies.release(self)

    def stop(self) -> None:
        """End every connection, since the sink takes no more."""
        for replies in tuple(self._open):
            replies.stopProducing()
