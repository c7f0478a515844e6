"""What a shell completes after ``echolab``: the commands, made from their options."""

from __future__ import annotations

import re
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from echolab.command.option_making import OTHERS, SettingsOptions
from echolab.option import FILE, Option, choices_in, options_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twisted.python import usage

__all__ = ["Argument", "CommandSyntax", "Entry", "commands_of", "halves", "names_of"]

_HEAD = re.compile(r"((?:[a-z][\w.-]*:)+)(?!/)(.+)")


def halves(offer: str) -> str:
    """Write what an option offers as the scripts take it.

    A space separates what is completed first (``tcp:``) from what is completed behind
    it (``interface=``).
    """
    found = _HEAD.fullmatch(offer)
    return " ".join(found.groups()) if found else offer


class Entry(NamedTuple):
    """Options that set the same field.

    Attributes:
        options: the options.
        repeated: whether they may be repeated; otherwise one of them may be given once.
    """

    options: tuple[Option, ...]
    repeated: bool = False


class Argument(NamedTuple):
    """What follows a command.

    Attributes:
        name: how the help calls it.
        offered: what completes it; see `Option.offers`.
    """

    name: str
    offered: tuple[str, ...]


class CommandSyntax(NamedTuple):
    """What follows a word on the command line.

    Attributes:
        name: the word; "" for the program itself.
        about: what it does.
        entries: its options.
        arguments: what may follow it.
        endless: whether the last argument may be repeated.
    """

    name: str
    about: str
    entries: tuple[Entry, ...]
    arguments: tuple[Argument, ...]
    endless: bool = False


def commands_of(program: Any, topics: Iterable[str] = ()) -> tuple[CommandSyntax, ...]:
    """Return the program itself, then its commands.

    Args:
        program: the options of the program, which has subcommands.
        topics: what completes an argument that is called TOPIC.
    """
    names = tuple(name for name, *_ in program.subCommands)
    words = {
        "COMMAND": names,
        "TOPIC": tuple(topics),
        **dict.fromkeys(("RECORDING", "FILE"), (FILE,)),
    }
    others = (
        _command(name, about, make(), words)
        for name, _, make, about in program.subCommands
    )
    itself = CommandSyntax("", "", _entries(program), (Argument("COMMAND", names),))
    return (itself, *others)


def _command(
    name: str, about: str, options: Any, words: Mapping[str, tuple[str, ...]]
) -> CommandSyntax:
    synopsis = options.synopsis.removesuffix("[options]").replace(" | ", "|")
    arguments = synopsis.split()
    return CommandSyntax(
        name,
        about,
        _entries(options),
        tuple(_argument(each.strip("[.]"), words) for each in arguments),
        endless=any(each.endswith("...") for each in arguments),
    )


def _argument(name: str, words: Mapping[str, tuple[str, ...]]) -> Argument:
    if scheme := re.match(r"[a-z]+://", name):
        return Argument("ADDRESS", (scheme[0],))
    offered = (words.get(each) or choices_in(each) for each in name.split("|"))
    return Argument(name, tuple(chain.from_iterable(offered)))


def _entries(options: usage.Options) -> tuple[Entry, ...]:
    ours = options_of(options.made_of) if isinstance(options, SettingsOptions) else ()
    entries = []
    for _, group in groupby(ours, lambda pair: pair[0].name):
        made = tuple(option for _, option in group)
        entries.append(Entry(made, repeated=made[0].add is not None))
    others = (
        Option(spelt, options.docs[spelt.partition("--")[2]].strip(), OTHERS)
        for spelt in ("-h, --help", "--version")
    )
    return (*entries, *(Entry((each,)) for each in others))


def names_of(option: Option) -> list[str]:
    """Return the names of an option, as they are typed."""
    return [*([f"-{option.short}"] if option.short else []), f"--{option.name}"]
