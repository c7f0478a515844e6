"""Completion for zsh, by its own ``_arguments``."""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING

from echolab.command.completion.bash import OFFER, offers_table
from echolab.command.completion.commands import names_of
from echolab.option import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.command.completion.commands import CommandSyntax, Entry
    from echolab.option import Option

__all__ = ["zsh_script"]

_START = r"""#compdef echolab
# Completion of echolab for zsh; made by: echolab completion zsh

_echolab_value() {
    local value=${(Q)PREFIX} matches=$compstate[nmatches]
    local -aU whole parts
    _echolab_offers "$@"
    compadd -a whole
    compadd -S '' -a parts
    ((compstate[nmatches] > matches))
}

_echolab_add() {
    if [[ $1 == *[:=@/] ]]; then parts+=("$1"); else whole+=("$1"); fi
}

_echolab_files() {
    local prefix=$PREFIX iprefix=$IPREFIX
    [[ -z $1 ]] || compset -p ${#1}
    _files
    PREFIX=$prefix IPREFIX=$iprefix
}
"""

_END = r"""
# Either this file is loaded by its name, as the function itself, or it is sourced.
if [[ ${funcstack[1]} == _echolab ]]; then
    _echolab "$@"
elif (( $+functions[compdef] )); then
    compdef _echolab echolab
else
    print -u2 'echolab: load this after compinit'
fi
"""


def zsh_script(commands: Iterable[CommandSyntax]) -> str:
    """Return the script for the program and its commands."""
    itself, *others = commands
    return "".join(
        (
            _START,
            OFFER,
            offers_table((itself, *others)),
            _program(itself, others),
            _END,
        )
    )


def _program(itself: CommandSyntax, commands: Iterable[CommandSyntax]) -> str:
    described = (
        f"                {quote(f'{each.name}:{each.about}')}\n" for each in commands
    )
    cases = "".join(
        f"                {each.name}) _arguments -s -S{_lines(_specs(each))} ;;\n"
        for each in commands
    )
    specs = [*_options(itself), "1: :->command", "*:: :->words"]
    return f"""
_echolab() {{
    local curcontext=$curcontext context state state_descr line
    local -A opt_args
    _arguments -C -s -S -A '-*'{_lines(specs)} && return
    case $state in
        command)
            local -a commands=(
{"".join(described)}            )
            _describe -t commands command commands
            ;;
        words)
            case $words[1] in
{cases}            esac
            ;;
    esac
}}
"""


def _lines(words: Iterable[str]) -> str:
    return "".join(f" \\\n                    {quote(each)}" for each in words)


def _specs(command: CommandSyntax) -> Iterator[str]:
    yield from _options(command)
    for number, (name, offered) in enumerate(command.arguments):
        last = number == len(command.arguments) - 1
        where = "*" if command.endless and last else number + 1
        # With a message instead of "()", zsh would not insert options either.
        action = _action(command, str(number), offered) if offered else "()"
        yield f"{where}:{_escaped(name)}:{action}"


def _options(command: CommandSyntax) -> Iterator[str]:
    for entry in command.entries:
        for option in entry.options:
            for name in names_of(option):
                yield _option(command, entry, option, name)


def _option(command: CommandSyntax, entry: Entry, option: Option, name: str) -> str:
    names = " ".join(name for each in entry.options for name in names_of(each))
    if option.name in ("help", "version"):
        before = "(- : *)"
    else:
        before = "*" if entry.repeated else f"({names})"
    sign = "" if not option.value else "=" if name.startswith("--") else "+"
    about = re.sub(r"([\[\]\\])", r"\\\1", option.help)
    action = _action(command, name, option.offered)
    values = "".join(f":{_escaped(each)}:{action}" for each in option.value.split())
    return f"{before}{name}{sign}[{about}]{values}"


def _action(command: CommandSyntax, of: str, offered: tuple[str, ...]) -> str:
    if offered == (FILE,):
        return "_files"
    # A space in front: it takes no arguments of compadd.
    return f" _echolab_value {command.name} {of}" if offered else " "


def _escaped(name: str) -> str:
    return name.replace(":", r"\:")
