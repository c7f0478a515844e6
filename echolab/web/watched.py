"""What the page must know of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable

    from echolab.addresses import Peer
    from echolab.connection.states import Verdict
    from echolab.sockets.watching import WatchedSocket

__all__ = ["WatchedConnection"]


class WatchedConnection(Protocol):
    """A connection of this program, or one of another; see `Connection`."""

    peer: Peer | None
    over_tls: bool
    watched: WatchedSocket | None
    verdict: Verdict | None
    is_skimmed: bool
    skimmed_events: int
    received_bytes: int
    sent_bytes: int
    messages: int
    writes: int
    began: float
    heard: float

    @property
    def is_in_message(self) -> bool:
        """Whether the peer has begun a message that it has not ended."""
        ...

    @property
    def is_held(self) -> bool:
        """Whether reading is paused."""
        ...

    @property
    def unsent_bytes(self) -> int | None:
        """Number of written bytes that the kernel has not taken; None if unknown."""
        ...

    def is_held_by(self, who: Hashable, /) -> bool:
        """Whether ``who`` has paused it."""
        ...

    def now(self) -> float:
        """Return the time of day, for an event of it."""
        ...

    def skim(self) -> None:
        """Report less."""

    def follow(self) -> None:
        """Report all again."""
