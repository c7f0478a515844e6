"""The replies of one connection, which can be paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from echolab.connection.states import Holder

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from echolab.client.ending import Ending
    from echolab.connection.core import Connection

__all__ = ["Replies"]


@implementer(IPushProducer)
class Replies:
    """The replies of one connection, as a producer that can be paused.

    Args:
        connection: the connection of the replies.
        ending: counts the server's silence, except while they are paused.
        close: ends the connection when all written bytes are delivered.
    """

    def __init__(
        self, connection: Connection, ending: Ending, close: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._ending = ending
        self._close = close

    def pauseProducing(self) -> None:
        """Stop reading replies; until then, the server's silence does not count."""
        self.hold(Holder.SINK)

    def resumeProducing(self) -> None:
        """Read replies again, unless there is another holder."""
        self.release(Holder.SINK)

    def hold(self, who: Hashable) -> None:
        """Stop reading replies until all holders have released them."""
        self._connection.hold(who)
        self._ending.hold()

    def release(self, who: Hashable) -> None:
        """Read replies again, unless there is another holder."""
        self._connection.release(who)
        if not self._connection.is_held:
            self._ending.resume()

    def stopProducing(self) -> None:
        """End the connection when all written bytes are delivered."""
        self._close()
