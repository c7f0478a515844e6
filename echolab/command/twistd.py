"""What twistd needs around a service: where logs go, and how a start fails."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorDaemonize
from twisted.logger import ILogObserver, textFileLogObserver
from typing_extensions import override

from echolab.command.interrupting import ended_by_interrupt
from echolab.command.program import (
    Ending,
    end_quickly,
    fill_standard_descriptors,
    keep_heap,
    on_signals,
    stderr_observer,
    terminal_loss,
)
from echolab.command.saying import say
from echolab.command.twistd_places import open_log
from echolab.errors import EcholabError
from echolab.server.service import ReceiverService
from echolab.sockets.open_files import raise_open_files_limit
from echolab.timekeeping import make_monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.application.service import IService
    from twisted.python import usage

    from echolab.interfaces import Done

__all__ = ["host", "is_daemon"]


class StartError(SystemExit, Exception):
    """Ends twistd while it starts: exit status 1, no traceback.

    It is an Exception, so that twistd removes its pidfile; and a SystemExit, so that
    it is not printed. The reason was printed before.
    """


class HostedService(MultiService):
    """Our service under twistd.

    Args:
        service: the service.
        observer: where the log goes; None if twistd chooses.
    """

    def __init__(self, service: IService, observer: ILogObserver | None) -> None:
        super().__init__()
        self._observer = observer
        service.setServiceParent(self)

    @override
    def setServiceParent(self, parent: Any) -> None:
        super().setServiceParent(parent)
        if self._observer is not None:
            # The parent is the application, and twistd asks it for an observer.
            parent.setComponent(ILogObserver, self._observer)

    @override
    def privilegedStartService(self) -> None:
        _or_say_why_not(super().privilegedStartService)

    @override
    def startService(self) -> None:
        _or_say_why_not(super().startService)


def is_daemon(options: usage.Options) -> bool:
    """Whether twistd runs as a daemon, without ``-n``."""
    parent = options.parent
    return parent is not None and not parent.get("nodaemon", True)


@ended_by_interrupt()
def host(options: usage.Options, make: Callable[[Any, Done], IService]) -> IService:
    """Return the service that twistd runs.

    Args:
        options: our options, whose parent is twistd's.
        make: makes our service, given the reactor and a function to call at the end.

    Raises:
        SystemExit: the service cannot be made, or a daemon could not start.
    """
    fill_standard_descriptors()
    from twisted.internet import reactor

    daemon = is_daemon(options)
    twistd: Any = options.parent or {}
    chosen = any(twistd.get(each) for each in ("logfile", "syslog", "logger"))
    ending = Ending(reactor, to_log=daemon or chosen)
    keep_heap()
    end_quickly()
    make_monotonic(reactor)
    atexit.register(_exit_with_status_of, ending)
    try:
        raise_open_files_limit()
        service = make(reactor, ending)
    except EcholabError as error:
        raise SystemExit(str(error)) from None

    terminal_is_lost = terminal_loss()

    def hang_up(number: int) -> None:
        reopened = False
        stays = daemon or not terminal_is_lost()  # A daemon has left it by itself.
        if isinstance(service, ReceiverService) and stays:
            reopened = service.reopen_outputs()
        if not reopened and not daemon:
            ending.signal = number
            ending.stop()

    on_signals(reactor, hang_up, signal.SIGHUP)
    reactor.addSystemEventTrigger("before", "shutdown", _heed_no_second_signal)
    if daemon and not twistd["chroot"] and not IReactorDaemonize.providedBy(reactor):
        _rehearse(reactor, service, twistd["rundir"])
    try:
        observer = _observer(reactor, twistd, daemon=daemon)
    except EcholabError as error:
        raise SystemExit(str(error)) from None
    return HostedService(service, observer)


def _heed_no_second_signal() -> None:
    """Ignore further signals: Twisted prints a traceback for a second stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _observer(reactor: Any, twistd: Any, *, daemon: bool) -> ILogObserver | None:
    """Return where the log goes: stderr or a file; None if twistd chooses.

    By itself, twistd under ``-n`` logs to stdout, which is for received data; and it
    never removes the rotated files of a log.
    """
    file = twistd.get("logfile")
    if twistd.get("syslog") or twistd.get("logger") or file == "-":
        return None
    if daemon or file:
        log: Any = open_log(reactor, file or "twistd.log")
        return textFileLogObserver(log)
    return stderr_observer()


def _or_say_why_not(start: Callable[[], None]) -> None:
    try:
        start()
    except EcholabError as error:
        say(error)
        raise StartError(1) from None


def _rehearse(reactor: Any, service: IService, folder: str) -> None:
    """Start a service in a process that ends at once, to see whether it can start.

    A daemon that fails has no stderr; twistd reports it in two lines, cut to a
    hundred bytes. Errors here are printed in full, as under ``-n``.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.chdir(folder)
            _or_say_why_not(service.privilegedStartService)
            stopped = service.stopService()
            while not stopped.called:
                reactor.iterate(0.01)
            status = 0
        except StartError:
            pass  # The reason was printed.
        except BaseException:
            traceback.print_exc()  # A fault of the program: print all of it.
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(1)


def _exit_with_status_of(ending: Ending) -> None:
    """Exit with our status, or by our signal; twistd knows neither."""
    if ending.status or ending.signal:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
        if ending.signal:
            signal.signal(ending.signal, signal.SIG_DFL)
            os.kill(os.getpid(), ending.signal)
        os._exit(ending.status)
