"""The ``echolab`` command: the server, the client and the others."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from twisted.logger import globalLogBeginner
from twisted.python import usage
from typing_extensions import override

from echolab.command.commands import COMMANDS
from echolab.command.options import BaseOptions, option_names
from echolab.command.program import (
    Ending,
    end_by,
    end_in_time,
    end_quickly,
    fill_standard_descriptors,
    keep_heap,
    on_signals,
    stderr_observer,
    terminal_loss,
    use_asyncio,
    use_asyncio_for_editing,
)
from echolab.command.saying import say
from echolab.descriptors import standard_input
from echolab.errors import EcholabError
from echolab.escaping import escape_line
from echolab.near_misses import command_meant, did_you_mean
from echolab.sockets.open_files import raise_open_files_limit
from echolab.timekeeping import make_monotonic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.application.service import IService

    from echolab.interfaces import Done

__all__ = ["main"]

GRACE_SECONDS = 2.0
"""After the end's time, how long the process may go on."""

USAGE = (
    "Usage: echolab server [PORT] | echolab client HOST PORT | ...; "
    "see echolab help for all"
)


# Imported when they are needed, since the imports take time.
def _help_options() -> BaseOptions:
    from echolab.command.helping import HelpOptions

    return HelpOptions()


def _completion_options() -> BaseOptions:
    from echolab.command.completion.options import CompletionOptions

    return CompletionOptions()


@runtime_checkable
class Draining(Protocol):
    """A service whose end may take some time."""

    drain_seconds: float

    def expect_stop(self) -> None:
        """Note that the end begins now; the service is stopped in a later turn."""

    def reopen_outputs(self) -> bool:
        """Open the files again, after a rotation; return whether there are any."""
        ...


class CommandOptions(BaseOptions):
    """The options before the name of a program: ``--help``, ``--version``."""

    synopsis = "Usage: echolab"
    subCommands: ClassVar[list[list[Any]]] = [
        *([name, None, each.options, each.about] for name, each in COMMANDS.items()),
        ["help", None, _help_options, "Show a topic, or the options of a command."],
        ["completion", None, _completion_options, "Complete words in your shell."],
    ]

    @override
    def __str__(self) -> str:
        """Return the contents of the help."""
        # Imported here, since most runs do not print the help.
        from echolab.command.helping import contents

        return contents({name: about for name, _, _, about in self.subCommands})

    @override
    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        words = list(sys.argv[1:] if options is None else options)
        try:
            super().parseOptions(words)
        except usage.UsageError as error:
            # Imported here, since most runs are no mistake.
            from echolab.command.helping import TOPICS

            commands = {name: each.options() for name, each in COMMANDS.items()}
            names = {
                name: [*option_names(each), *each.shortOpt.replace(":", "")]
                for name, each in commands.items()
            }
            for name, *_ in self.subCommands:
                names.setdefault(name, [])
            names = {"": option_names(self), **names}
            meant = command_meant(words, names, TOPICS)
            said = f"{error}{did_you_mean(meant and escape_line(meant))}"
            raise usage.UsageError(said) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``echolab`` command.

    Args:
        argv: the words after the command's name; None for those of this process.

    Returns:
        The exit status: 0, or 1 after one line on stderr. After SIGINT or
        SIGTERM this function does not return: the process ends by that signal, as
        shells expect (status 130 or 143).
    """
    options = CommandOptions()
    try:
        options.parseOptions(argv)
    except usage.UsageError as error:
        say(f"echolab: {error}")
        return 1
    if options.subCommand is None:
        say(USAGE)
        return 1
    settings = options.subOptions.settings
    if options.subCommand == "draw":
        from echolab.command.drawing import draw

        return _without_reactor(lambda: draw(settings))
    if options.subCommand == "export":
        from echolab.command.exporting import export

        return _without_reactor(lambda: export(settings))
    if options.subCommand == "tail":
        from echolab.command.tailing import tail_service

        use_asyncio()
        with redirect_stdout(sys.stderr):  # What formats of others print is no output.
            return _run(
                lambda reactor, done: tail_service(reactor, settings, done=done)
            )
    stdin = standard_input()
    if options.subCommand == "server":
        from echolab.command.server_assembly import server_service
        from echolab.server.option_values import is_stream

        if any(map(is_stream, settings.outputs)):
            use_asyncio()
        elif settings.talk and settings.edit and stdin is not None and os.isatty(stdin):
            use_asyncio_for_editing()
        with redirect_stdout(sys.stderr):  # What replies of others print is no output.
            return _run(
                lambda reactor, done: server_service(
                    reactor, settings, done=done, stdin=stdin
                )
            )
    from echolab.command.client_assembly import client_service, is_typed

    if settings.edit and is_typed(settings, stdin):
        use_asyncio_for_editing()
    return _run(
        lambda reactor, done: client_service(reactor, settings, stdin=stdin, done=done)
    )


def _without_reactor(make: Callable[[], None]) -> int:
    """Make something of recordings."""
    globalLogBeginner.beginLoggingTo([stderr_observer()], redirectStandardIO=False)
    try:
        make()
    except EcholabError as error:
        say(error)
        return 1
    return 0


def _run(make: Callable[[Any, Done], IService]) -> int:
    """Run a service until it ends or a signal arrives."""
    fill_standard_descriptors()
    try:
        raise_open_files_limit()
    except EcholabError as error:
        say(error)
        return 1
    from twisted.internet import reactor as installed

    reactor: Any = installed
    globalLogBeginner.beginLoggingTo([stderr_observer()], redirectStandardIO=False)
    ending = Ending(reactor)
    keep_heap()
    end_quickly()
    make_monotonic(reactor)
    try:
        service = make(reactor, ending)
        service.privilegedStartService()
        service.startService()
    except EcholabError as error:
        say(error)
        return 1
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    signals: list[int] = []
    terminal_is_lost = terminal_loss()

    def note(number: int) -> None:
        if signals:
            end_by(number)
        signals.append(number)
        if isinstance(service, Draining):
            service.expect_stop()  # Its time begins now, even if this turn takes long.
            end_in_time(number, service.drain_seconds + GRACE_SECONDS)

    def hang_up(number: int) -> None:
        reopened = False
        if isinstance(service, Draining) and not terminal_is_lost():
            reopened = service.reopen_outputs()
        if not reopened:
            note(number)
            ending.stop()

    numbers = signal.SIGINT, signal.SIGTERM
    on_signals(reactor, lambda _: ending.stop(), *numbers, at_once=note)
    on_signals(reactor, hang_up, signal.SIGHUP)
    reactor.run()
    if signals:
        end_by(signals[0])
    return ending.status
