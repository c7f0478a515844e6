"""What a program does around a service: messages, signals, and its end."""

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
from echolab.quantities import span
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
    "end_in_time",
    "end_quickly",
    "fill_standard_descriptors",
    "keep_heap",
    "on_signals",
    "stderr_observer",
    "terminal_loss",
    "undo_at_end",
    "use_asyncio",
    "use_asyncio_for_editing",
]

HEAP_BYTES = 24 << 20

STDERR = 2

_log = Logger()


def fill_standard_descriptors() -> None:
    """Open ``/dev/null`` in place of a closed stdin, stdout or stderr.

    Otherwise a descriptor of the reactor takes the free number, and a daemon, which
    replaces 0 to 2, closes it. Call this before there is a reactor.
    """
    fd = os.open(os.devnull, os.O_RDWR)
    while fd <= STDERR:
        fd = os.open(os.devnull, os.O_RDWR)
    os.close(fd)


def stderr_observer() -> ILogObserver:
    """Return an observer that prints echolab's log and others' warnings, in lines."""
    predicate = LogLevelFilterPredicate(LogLevel.warn)
    for namespace in ("echolab", "twisted.internet.tcp"):
        # Twisted's reports when descriptors run out and clients are turned away.
        predicate.setLogLevelForNamespace(namespace, LogLevel.info)
    return FilteringLogObserver(_say_event, [predicate])


_others = Throttle()


@provider(ILogObserver)
def _say_event(event: LogEvent) -> None:
    ours = str(event.get("log_namespace")).startswith("echolab")
    if ours or _others(event.get("log_time", 0.0)) is not None:
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        # A path or a host may contain a newline; only a traceback has several lines.
        # And what a peer sent may be in it, by way of an exception.
        first, *others = text.split("\n") if "log_failure" in event else [text]
        # The others are indented, so that none can pass for a line of its own.
        say("\n  ".join(map(escape_line, [first, *filter(None, others)])))


def use_asyncio_for_editing() -> None:
    """Install the reactor that line editing needs, if prompt_toolkit is installed."""
    if find_spec("prompt_toolkit") is not None:
        use_asyncio()


def use_asyncio() -> None:
    """Install the reactor that runs asyncio's event loop."""
    fill_standard_descriptors()
    from twisted.internet import asyncioreactor

    asyncioreactor.install()


def keep_heap() -> None:
    """Let the C library keep the memory that every chunk takes and frees.

    glibc returns the top of the heap to the kernel when it is over a threshold, and
    takes it again, zeroed page by page, for the next chunk. This is most of the time
    that a chunk takes. Freeing one large block raises the thresholds to its size and
    to twice that (mallopt(3), M_MMAP_THRESHOLD).
    """
    block = bytes(HEAP_BYTES)
    del block


def end_quickly() -> None:
    """Skip the garbage collection at the end of the process.

    It would search all that was ever imported: 67 of the last 75 milliseconds, with
    TLS installed.
    """
    atexit.register(gc.freeze)


def on_signals(
    reactor: Any,
    handle: Callable[[int], object],
    *numbers: signal.Signals,
    at_once: Callable[[int], object] = lambda _: None,
) -> None:
    """Let the reactor call ``handle`` on signals, once it runs.

    A signal that is ignored stays ignored: shells ignore some for background jobs.

    Args:
        reactor: calls ``handle`` in a separate turn.
        handle: called with the number of the signal.
        numbers: the signals.
        at_once: called before that, even in the middle of a turn.
    """

    def handler(number: int, _frame: FrameType | None) -> None:
        at_once(number)
        reactor.callFromThread(handle, number)

    def install() -> None:
        for number in numbers:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, handler)

    reactor.callWhenRunning(install)


def terminal_loss() -> Callable[[], bool]:
    """Return a function that tells whether this process has lost its terminal since.

    A process in the background may outlive its terminal. To one in the foreground,
    SIGHUP then says that the terminal has gone.
    """
    in_foreground = _foreground() == os.getpgrp()
    return lambda: in_foreground and _foreground() is None


def _foreground() -> int | None:
    """Return the group in the foreground of the terminal, if there is one; tty(4)."""
    with suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        try:
            return os.tcgetpgrp(terminal)
        finally:
            os.close(terminal)
    return None


_undone: list[Callable[[], None]] = []


def undo_at_end(undo: Callable[[], None]) -> None:
    """Call a function when the process ends, also by a signal; but not if killed."""
    _undone.append(undo)
    atexit.register(undo)


def end_in_time(number: int, seconds: float) -> None:
    """End the process by a signal after some time, if it is still there.

    A function of somebody else's that answers may never return, nor may the search of a
    pattern.
    """

    def late(_number: int, _frame: FrameType | None) -> None:
        say(f"the end took more than {span(seconds)}: it is broken off")
        end_by(number)

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def end_by(number: int) -> None:
    """End the process by a signal, now."""
    for undo in _undone:
        undo()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


class Ending:
    """Called by a service at its end: prints the reason and stops the reactor.

    Args:
        reactor: the reactor to stop.
        to_log: whether to log the reason too, because the log does not go to stderr.

    Attributes:
        status: the program's exit status: 0, or that of the error.
        signal: the signal by which the program will end; 0 for none.
    """

    def __init__(self, reactor: IReactorCore, *, to_log: bool = False) -> None:
        self._reactor = reactor
        self._to_log = to_log
        self.status = 0
        self.signal = 0
        reactor.addSystemEventTrigger("after", "shutdown", say.catch_up)

    def __call__(self, error: EcholabError | None) -> None:
        """End, with the reason, or with None if all went well."""
        if error is not None:
            say(error)
            if self._to_log:
                _log.error("{error}", error=error)
            self.status = error.status
        self._reactor.callWhenRunning(self.stop)

    def stop(self) -> None:
        """Stop the reactor, unless it has stopped."""
        with suppress(ReactorNotRunning):
            self._reactor.stop()
