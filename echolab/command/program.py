"""What a program does around a service: its last words and how it ends."""

from __future__ import annotations

import atexit
import gc
import os
import signal
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ReactorNotRunning
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
)
from zope.interface import provider

from echolab.command.saying import say
from echolab.escaping import escape_line
from echolab.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from twisted.internet.interfaces import IReactorCore
    from twisted.logger import LogEvent

    from echolab.errors import EcholabError

__all__ = [
    "Ending",
    "end_by",
    "end_quickly",
    "fill_standard_descriptors",
    "keep_heap",
    "on_signals",
    "stderr_observer",
    "use_asyncio_for_editing",
]

HEAP_BYTES = 24 << 20

STDERR = 2

_log = Logger()


def fill_standard_descriptors() -> None:
    """Open ``/dev/null`` where stdin, stdout or stderr was closed.

    Else a descriptor of the reactor takes the free number, and a daemon, which
    replaces 0 to 2, cuts it off. To be called before there is a reactor.
    """
    fd = os.open(os.devnull, os.O_RDWR)
    while fd <= STDERR:
        fd = os.open(os.devnull, os.O_RDWR)
    os.close(fd)


def stderr_observer() -> ILogObserver:
    """Shows what echolab says of itself, and others' warnings, as plain lines."""
    predicate = LogLevelFilterPredicate(LogLevel.warn)
    for namespace in ("echolab", "twisted.internet.tcp"):
        # The latter says when descriptors run out and clients are turned away.
        predicate.setLogLevelForNamespace(namespace, LogLevel.info)
    return FilteringLogObserver(_say_event, [predicate])


_others = Throttle()


@provider(ILogObserver)
def _say_event(event: LogEvent) -> None:
    ours = str(event.get("log_namespace")).startswith("echolab")
    if ours or _others(event.get("log_time", 0.0)) is not None:
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        # A path or a host may have a newline; a traceback has its lines.
        say(text if "log_failure" in event else escape_line(text))


def use_asyncio_for_editing() -> None:
    """Install the reactor that line editing needs, if that is installed."""
    if find_spec("prompt_toolkit") is not None:
        from twisted.internet import asyncioreactor

        asyncioreactor.install()


def keep_heap() -> None:
    """Let the C library keep the memory that every chunk takes and gives back.

    glibc returns the top of the heap to the kernel when it is over a threshold,
    and takes it back, zeroed page by page, for the next chunk: that is most of
    the time a chunk costs. Freeing one large block raises the thresholds to its
    size and to twice that (mallopt(3), M_MMAP_THRESHOLD).
    """
    block = bytes(HEAP_BYTES)
    del block


def end_quickly() -> None:
    """Have the interpreter not look for garbage when all is over anyway.

    It would look through all that was ever imported: 67 of its last 75
    milliseconds, with TLS installed.
    """
    atexit.register(gc.freeze)


def on_signals(
    reactor: Any,
    handle: Callable[[int], object],
    *numbers: signal.Signals,
    at_once: Callable[[int], object] = lambda _: None,
) -> None:
    """Have the reactor call ``handle`` on signals, once it runs.

    A signal that is ignored stays so: a shell does that for its background jobs.

    Args:
        reactor: calls it in a turn of its own.
        handle: given the number of the signal.
        numbers: of the signals.
        at_once: called before, whatever the reactor is at.
    """

    def handler(number: int, _frame: FrameType | None) -> None:
        at_once(number)
        reactor.callFromThread(handle, number)

    def install() -> None:
        for number in numbers:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, handler)

    reactor.callWhenRunning(install)


def end_by(number: int) -> None:
    """End the process by a signal, now."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


class Ending:
    """Called by a service at its end: says why and stops the reactor.

    Args:
        reactor: to be stopped.
        to_log: whether the reason belongs in the log too, because the log does
            not go to stderr.

    Attributes:
        status: the program's exit status, 0 or 1.
        signal: the signal that the program ends by in the end; 0 for none.
    """

    def __init__(self, reactor: IReactorCore, *, to_log: bool = False) -> None:
        self._reactor = reactor
        self._to_log = to_log
        self.status = 0
        self.signal = 0
        reactor.addSystemEventTrigger("after", "shutdown", say.catch_up)

    def __call__(self, error: EcholabError | None) -> None:
        """End, with None in order, else with the reason."""
        if error is not None:
            say(error)
            if self._to_log:
                _log.error("{error}", error=error)
            self.status = 1
        self._reactor.callWhenRunning(self.stop)

    def stop(self) -> None:
        """Stop the reactor, unless that has been done."""
        with suppress(ReactorNotRunning):
            self._reactor.stop()
