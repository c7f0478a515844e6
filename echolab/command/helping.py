"""``echolab help``: the commands, the topics, and the text of each topic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.python import usage
from typing_extensions import override

from echolab.command.options import BaseOptions, print_and_exit
from echolab.near_misses import did_you_mean, nearest

__all__ = ["TOPICS", "HelpOptions", "contents", "text_of"]

TOPICS = (
    "units",
    "framings",
    "formats",
    "outputs",
    "endpoints",
    "answers",
    "behaviours",
    "twistd",
    "exit-status",
    "environment",
)
"""What several options have in common."""

_FOLDER = Path(__file__).parent / "topics"


def text_of(topic: str) -> str:
    """Return the text of a topic; its first line says what it is about."""
    return (_FOLDER / f"{topic}.txt").read_text("utf-8")


class HelpOptions(BaseOptions):
    """``echolab help``."""

    synopsis = "[COMMAND | TOPIC]"
    longdesc = (
        "Lists the commands and topics, or shows one. Example: echolab help units."
    )

    @override
    def parseArgs(self, *words: str) -> None:
        if len(words) > 1:
            raise usage.UsageError("Usage: echolab help [COMMAND | TOPIC]")
        program: Any = self.parent
        commands = [name for name, *_ in program.subCommands]
        if not words:
            print_and_exit(str(program))
        [word] = words
        if word in commands:
            type(program)().parseOptions([word, "--help"])
        if word not in TOPICS:
            meant = nearest(word, [*commands, *TOPICS])
            see = (
                did_you_mean(meant and f"echolab help {meant}") or "; see echolab help"
            )
            raise usage.UsageError(f"Unknown topic: {word}{see}")
        print_and_exit(text_of(word).rstrip())


def contents(commands: dict[str, str]) -> str:
    """Return a list of all commands and topics.

    Args:
        commands: what each command does, by its name.
    """
    topics = {name: text_of(name).partition("\n")[0] for name in TOPICS}
    return "\n".join(
        [
            "Usage: echolab COMMAND [options], or echolab --help | --version",
            "",
            "Commands; echolab help COMMAND shows the options:",
            *(f"  {name:13}{about}" for name, about in commands.items()),
            "",
            "Topics; echolab help TOPIC shows one:",
            *(f"  {name:13}{about}" for name, about in topics.items()),
            "",
            "Example: echolab server 8888; then: echolab client 127.0.0.1 8888.",
        ]
    )
