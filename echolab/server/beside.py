"""Services that run as long as another one, and a little longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.application.service import IService

__all__ = ["Beside"]


class Beside:
    """Services that start before another one and stop when that has stopped.

    Args:
        services: the services, in the order in which they start.
    """

    def __init__(self, services: Iterable[IService]) -> None:
        self._services = [*services]
        self._run = False

    def start_privileged(self) -> None:
        """Start all of them, or none; those that run go on.

        Raises:
            EcholabError: one of them cannot start.
        """
        if self._run:
            return
        self._run = True
        for each in self._services:
            try:
                each.privilegedStartService()
            except BaseException:
                self.stop()
                raise

    def start(self) -> None:
        """Tell them that the privileges are shed."""
        for each in self._services:
            if not each.running:
                each.startService()

    def stop(self) -> Deferred[list[object]]:
        """Stop all of them."""
        self._run = False
        stopping = [maybeDeferred(each.stopService) for each in self._services]
        return gatherResults(stopping)
