"""``echolab completion``: print the script for a shell."""

from __future__ import annotations

from twisted.python import usage
from typing_extensions import override

from echolab.command.completion.bash import bash_script
from echolab.command.completion.commands import commands_of
from echolab.command.completion.fish import fish_script
from echolab.command.completion.zsh import zsh_script
from echolab.command.helping import TOPICS
from echolab.command.options import BaseOptions, print_and_exit
from echolab.option_values import one_of

__all__ = ["SCRIPTS", "CompletionOptions"]

SCRIPTS = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}


class CompletionOptions(BaseOptions):
    """``echolab completion``."""

    synopsis = "|".join(SCRIPTS)
    longdesc = (
        "Prints a script with which a shell completes the words after echolab. "
        'Example, in ~/.bashrc: eval "$(echolab completion bash)".'
    )

    @override
    def parseArgs(self, *words: str) -> None:
        if len(words) != 1:
            raise usage.UsageError(f"Usage: echolab completion {self.synopsis}")
        try:
            shell = one_of(*SCRIPTS)(words[0])
        except ValueError as why:
            raise usage.UsageError(f"completion {words[0]}: {why}") from None
        print_and_exit(SCRIPTS[shell](commands_of(self.parent, TOPICS)).rstrip())
