"""Completion for fish 3.4 and later, by its own ``complete``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.command.completion.commands import halves, names_of
from echolab.option import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.command.completion.commands import CommandSyntax, Entry
    from echolab.option import Option

__all__ = ["fish_script"]

_START = r"""# Completion of echolab for fish; made by: echolab completion fish

# Read the words in front of the cursor: set the command, the number of its arguments
# ('' if a value is awaited), and the options that are given.
function __echolab_read
    set -l words (commandline -opc)
    test "$words" = "$__echolab_words"
    and return
    set -g __echolab_words $words
    set -g __echolab_command ''
    set -g __echolab_count 0
    set -g __echolab_given
    set -l awaited 0
    set -l ended
    for word in $words[2..-1]
        if test $awaited -gt 0
            set awaited (math $awaited - 1)
        else if set -q ended[1]; or not string match -qr -- '^-.' $word
            if test -n "$__echolab_command"
                set __echolab_count (math $__echolab_count + 1)
            else
                set __echolab_command $word
            end
        else if test $word = --
            set ended 1
        else
            set -l name (string replace -r '^(--[^=]*|-[^-]).*' '$1' -- $word)
            set -a __echolab_given $name
            test $name = $word
            and set name "$__echolab_command $name"
            set awaited (count (string match -- $name $__echolab_valued))
        end
    end
    if test $awaited -gt 0
        set __echolab_count ''
        set -e __echolab_given[-1]
    end
end

# Whether a command is typed, and none of these options.
function __echolab_may
    __echolab_read
    test "$__echolab_command" = "$argv[1]"
    or return
    for name in $argv[2..-1]
        contains -- $name $__echolab_given
        and return 1
    end
    return 0
end

# Whether an argument of a command is typed: any, or the one of this number.
function __echolab_at
    __echolab_read
    test "$__echolab_command" = "$argv[1]" -a -n "$__echolab_count"
    and contains -- "$argv[2]" '' $__echolab_count
end

# Print words, and pairs of words: a head, and what may follow it. fish chooses. Behind
# the tab is no description, so that fish does not repeat that of the option.
function __echolab_offer
    set -l value (commandline -ct | string replace -r '^(--[^=]*=)?["\']?' '')
    set value (string replace -ra '\\\\(.)' '$1' -- "$value")
    for each in $argv
        set -l parts (string split -m 1 ' ' -- '' $each)[-2..-1]
        set -l head $parts[1]
        set -l tail $parts[2]
        set -l text (string match -rg -- "^$head(.*)" "$value")
        if not set -q text[1]
            string match -q -- "$value*" $head
            and echo $head\t
            continue
        end
        set -l middle ''
        if test -n "$head"; and string match -q -- '*=*' $tail
            # A parameter may follow others. One with a colon has to.
            set middle (string replace -r '[^:,]*$' '' -- "$text")
            set text (string replace -r '.*[:,]' '' -- "$text")
            string match -q -- ':*' $tail; and test -z "$middle"
            and continue
            set tail (string trim -l -c : -- $tail)
            set -l name (string replace -r '=.*' '' -- $tail)
            string match -qr -- "[:,]$name=" ":$middle"
            and continue
        end
        set -l literal (string replace -r 'FILE$' '' -- $tail)
        set -l path (string match -rg -- "^$literal(.*)" "$text")
        if test "$literal" = "$tail"; or not set -q path[1]
            echo $head$middle$literal\t
        else if test -n "$head$literal" # Other paths are completed by fish.
            set -l paths (complete -C "'' "(string escape -n -- $path))
            string join \n -- $head$middle$literal$paths\t
        end
    end
end
"""


def fish_script(commands: Iterable[CommandSyntax]) -> str:
    """Return the script for the program and its commands."""
    itself, *others = commands
    every = (itself, *others)
    return "".join(
        (
            _START,
            _offers_table(every),
            _valued(every),
            "\ncomplete -c echolab -e\ncomplete -c echolab -f\n",
            *(
                f"complete -c echolab -n \"__echolab_at ''\" -a {each.name}"
                f" -d {_quoted(each.about)}\n"
                for each in others
            ),
            *(line for each in every for line in _options(each)),
            *(line for each in others for line in _arguments(each)),
        )
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"


def _offers_table(commands: Iterable[CommandSyntax]) -> str:
    cases = "".join(case for each in commands for case in _cases(each))
    return f'\nfunction __echolab_offers\n    switch "$argv"\n{cases}    end\nend\n'


def _cases(command: CommandSyntax) -> Iterator[str]:
    offers = [
        *((each.name, each.offered) for each in _each_option(command)),
        *((str(n), each.offered) for n, each in enumerate(command.arguments)),
    ]
    for name, offered in offers:
        if offered:
            words = " ".join(_quoted(halves(each)) for each in offered)
            yield f"        case {_quoted(f'{command.name} {name}')}\n"
            yield f"            __echolab_offer {words}\n"


def _each_option(command: CommandSyntax) -> Iterator[Option]:
    return (option for entry in command.entries for option in entry.options)


def _valued(commands: Iterable[CommandSyntax]) -> str:
    """Return the list of options with a value; with two values, twice."""
    words = [
        _quoted(f"{command.name} {name}")
        for command in commands
        for option in _each_option(command)
        for name in names_of(option) * len(option.value.split())
    ]
    return "\nset -g __echolab_valued " + " ".join(words) + "\n"


def _options(command: CommandSyntax) -> Iterator[str]:
    for entry in command.entries:
        for option in entry.options:
            yield _option(command, entry, option)


def _option(command: CommandSyntax, entry: Entry, option: Option) -> str:
    names = [name for each in entry.options for name in names_of(each)]
    words = [command.name or "''", *([] if entry.repeated else names)]
    short = f" -s {option.short}" if option.short else ""
    return (
        f'complete -c echolab -n "__echolab_may {" ".join(words)}"{short}'
        f" -l {option.name}{_values(command, option.name, option)}"
        f" -d {_quoted(option.help)}\n"
    )


def _values(command: CommandSyntax, name: str, option: Option) -> str:
    if not option.value:
        return ""
    offered = option.offered
    kind = " -r -F" if FILE in offered else " -x"
    if set(offered) <= {FILE}:
        return kind
    return f"{kind} -a '(__echolab_offers {command.name} {name})'"


def _arguments(command: CommandSyntax) -> Iterator[str]:
    for number, argument in enumerate(command.arguments):
        last = number == len(command.arguments) - 1
        where = "" if command.endless and last else f" {number}"
        action = (
            " -F"
            if argument.offered == (FILE,)
            else f" -a '(__echolab_offers {command.name} {number})'"
        )
        if argument.offered:
            condition = f'"__echolab_at {command.name}{where}"'
            yield f"complete -c echolab -n {condition}{action}\n"
