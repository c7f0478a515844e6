"""What a program does around a service: its last words and how it ends."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.internet.error import ReactorNotRunning
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
)
from zope.interface import provider

from echolab.errors import OutputError

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorCore
    from twisted.logger import LogEvent

    from echolab.errors import EcholabError

__all__ = [
    "Ending",
    "check_standard_output",
    "say",
    "standard_input",
    "stderr_observer",
]


def say(line: object) -> None:
    """Write a line to stderr, if there is one; not to twistd's log."""
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"{line}\n")
        sys.__stderr__.flush()


def standard_input() -> int | None:
    """The descriptor of stdin; None if it was closed when Python started."""
    return None if sys.__stdin__ is None else 0


def check_standard_output() -> None:
    """Refuse to start without a stdout: descriptor 1 may be anything by now.

    Raises:
        OutputError: stdout was closed when Python started.
    """
    if sys.__stdout__ is None:
        raise OutputError("write", "stdout", "Bad file descriptor")


def stderr_observer() -> ILogObserver:
    """Shows what echolab says of itself, and others' warnings, as plain lines."""
    predicate = LogLevelFilterPredicate(LogLevel.warn)
    predicate.setLogLevelForNamespace("echolab", LogLevel.info)
    return FilteringLogObserver(_say_event, [predicate])


@provider(ILogObserver)
def _say_event(event: LogEvent) -> None:
    say(eventAsText(event, includeTimestamp=False, includeSystem=False))


class Ending:
    """Called by a service at its end: says why and stops the reactor.

    Attributes:
        status: the program's exit status, 0 or 1.
    """

    def __init__(self, reactor: IReactorCore) -> None:
        self._reactor = reactor
        self.status = 0

    def __call__(self, error: EcholabError | None) -> None:
        """End, with None in order, else with the reason."""
        if error is not None:
            say(error)
            self.status = 1
        self._reactor.callWhenRunning(self.stop)

    def stop(self) -> None:
        """Stop the reactor, unless that has been done."""
        with suppress(ReactorNotRunning):
            self._reactor.stop()
