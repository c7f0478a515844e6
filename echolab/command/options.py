"""What the options of both programs share."""

from __future__ import annotations

import getopt
import os
import sys
from typing import TYPE_CHECKING, ClassVar, NoReturn

from twisted.python import usage
from typing_extensions import override

from echolab import __version__
from echolab.addresses import host_and_port
from echolab.command.twistd_places import check_places
from echolab.errors import EcholabError, reason_of
from echolab.escaping import escape_line
from echolab.near_misses import did_you_mean, option_meant
from echolab.quantities import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["UNITS_HELP", "BaseOptions", "option_names", "port_value", "print_and_exit"]

UNITS_HELP = (
    " Times are seconds, or have a unit: 500ms, 5s, 2m, 1h, 1d. Sizes are bytes, or "
    "64k, 1M, 1MiB (powers of 1024), 1MB (1000)."
)


class BaseOptions(usage.Options):
    """Twisted's options, with two habits that users know from other programs.

    Options may follow arguments (``echolab server 8888 --once``). And a mistake gives
    one line on stderr, for any input, and exit status 1. This holds under twistd too,
    which would otherwise print the whole help to stdout.
    """

    habits: ClassVar[Mapping[str, str]] = {}
    """What to say of options that other programs have, such as nc or the server."""

    @override
    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        words = list(sys.argv[1:] if options is None else options)
        try:
            super().parseOptions(_options_first(self, words))
            if self.parent is not None and "pidfile" in self.parent:
                check_places(self.parent)
        except (usage.UsageError, EcholabError) as error:
            line = escape_line(str(error))
            if self.parent is None:
                raise usage.UsageError(line) from None
            raise SystemExit(line) from None

    @override
    def opt_help(self) -> NoReturn:
        """Show this help and exit."""
        print_and_exit(str(self))

    opt_h = opt_help

    @override
    def opt_version(self) -> NoReturn:
        """Show the version and exit."""
        print_and_exit(f"echolab {__version__}")


def print_and_exit(text: str) -> NoReturn:
    """Print to stdout, which may be closed, full, or a pipe that nobody reads."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # It is flushed once more.
        raise SystemExit(0) from None
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(f"write stdout: {reason_of(error)}") from None
    raise SystemExit(0)


def option_names(options: usage.Options) -> list[str]:
    """Return the long names of options, as users type them."""
    return [name.rstrip("=") for name in options.longOpt]


def port_value(call: str, host: str, text: str, least: int) -> int:
    """Read a port; an error looks like that of the system call ``call``."""
    where = f"{call} {host_and_port(host, text)}"
    try:
        port = whole_number(text)
    except ValueError:
        raise usage.UsageError(f"{where}: port is not a number") from None
    if not least <= port <= 65535:
        raise usage.UsageError(f"{where}: port must be {least}-65535")
    return port


def _options_first(options: BaseOptions, words: list[str]) -> list[str]:
    """Return the words of a command line with the options before the arguments."""
    if hasattr(options, "subCommands"):
        return words  # The words after a subcommand belong to the subcommand.
    try:
        pairs, rest = getopt.gnu_getopt(words, options.shortOpt, options.longOpt)
    except getopt.error as error:
        if habit := options.habits.get(error.opt):
            raise usage.UsageError(f"{error}: {habit}; see --help") from None
        meant = did_you_mean(option_meant(error.opt, option_names(options)))
        see = f"{meant} See --help" if meant else "; see --help"
        raise usage.UsageError(f"{error}{see}") from None
    first = []
    for name, value in pairs:
        takes_value = (
            f"{name[2:]}=" in options.longOpt
            if name.startswith("--")
            else f"{name[1:]}:" in options.shortOpt
        )
        # Two words: joined, ``-o`` with an empty value would take the next option.
        first += [name, value] if takes_value else [name]
    return [*first, "--", *rest]
