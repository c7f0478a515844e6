"""Find tests in which the reactor does not run: a server in it does nothing there."""

from __future__ import annotations

import asyncio
import sys
import unittest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Turns", "check_case", "installed_reactor"]


def check_case(case: object) -> None:
    """Check that a test case is of a kind that runs the reactor.

    Raises:
        TypeError: it is not.
    """
    trial: Any = sys.modules.get("twisted.trial.unittest")
    if trial and isinstance(case, trial.TestCase):
        return
    kinds: tuple[type, ...] = (unittest.IsolatedAsyncioTestCase,)
    if trial:
        kinds += (trial.SynchronousTestCase,)
    # The cases of other frameworks may run it: they have a method run of their own.
    run = getattr(type(case), "run", None)
    if isinstance(case, kinds) or run is unittest.TestCase.run:
        raise TypeError(
            "ListeningMixin is for twisted.trial.unittest.TestCase, which runs the "
            f"reactor; {type(case).__name__} does not: use echolab.testing.LabProcess "
            "(or AsyncLabProcess) with enterContext"
        )


def installed_reactor() -> Any:
    """Return the installed reactor.

    Raises:
        RuntimeError: a loop of asyncio keeps it from running.
    """
    from twisted.internet import reactor

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return reactor
    on_asyncio: Any = sys.modules.get("twisted.internet.asyncioreactor")
    if on_asyncio and isinstance(reactor, on_asyncio.AsyncioSelectorReactor):
        return reactor
    raise RuntimeError(
        "a loop of asyncio runs here, so that Twisted's reactor does not: use the "
        "fixture echolab_async, or echolab.testing.AsyncLabProcess"
    )


class Turns:
    """Notes whether the reactor turns while a test runs.

    Args:
        reactor: the reactor; pytest-twisted calls the test in its next turn.
    """

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._left = 2
        self._due: IDelayedCall | None = reactor.callLater(0, self._turn)

    def _turn(self) -> None:
        self._left -= 1
        again = self._left > 0
        self._due = self._reactor.callLater(0, self._turn) if again else None

    def end(self) -> bool:
        """Return whether the reactor has turned since the test began."""
        if self._due is not None:
            self._due.cancel()
        return self._due is None
