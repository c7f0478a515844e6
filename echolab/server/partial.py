"""Unfinished messages, shown when their peer is silent: ``--partial-after``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.connection.core import Connection
    from echolab.server.connections import Connections

__all__ = ["Partial"]


class Partial:
    """Reports what there is of a message when its peer has been silent for a while.

    Args:
        connections: say how long that is, and whether it may be shown now.
        connection: whose messages these are.
        unframed: called if what there is turns out not to be of the framing.
    """

    def __init__(
        self,
        connections: Connections,
        connection: Connection,
        unframed: Callable[[], None],
    ) -> None:
        self._connections = connections
        self._connection = connection
        self._unframed = unframed
        self._due: IDelayedCall | None = None

    def expect(self) -> None:
        """Wait for the peer's silence: a message is unfinished."""
        if self._due is None:
            self._show_in(self._connections.limits.partial_seconds)

    def stop(self) -> None:
        """Show nothing more."""
        due, self._due = self._due, None
        if due is not None:
            due.cancel()

    def _show_in(self, seconds: float) -> None:
        if seconds:
            self._due = self._connections.clock.callLater(seconds, self._show)

    def _show(self) -> None:
        self._due = None
        connections, connection = self._connections, self._connection
        if not connection.framer.buffered_bytes or connection.verdict is not None:
            return
        now = connections.clock.seconds()
        patience = connections.limits.partial_seconds
        silent = now - connection.heard
        if silent < patience:
            self._show_in(patience - silent)
        elif not connections.partials_wanted():
            self._show_in(patience)
        else:
            connection.take_partial(now)
            if connection.is_unframed:
                self._unframed()
