r"""Completion for bash 4.2 and later; it needs no other package.

bash breaks words at ``:`` and ``=`` (COMP_WORDBREAKS), and replaces only the last of
the pieces. So the script joins the words again, and offers only what follows the last
break.
"""

from __future__ import annotations

from shlex import join, quote
from typing import TYPE_CHECKING

from echolab.command.completion.commands import halves, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.command.completion.commands import CommandSyntax, Entry

__all__ = ["OFFER", "bash_script", "offers_table"]

OFFER = r"""
# Complete $value with words, and with pairs of words: a head, and what may follow it.
_echolab_offer() {
    local each head tail text middle
    for each; do
        head= tail=$each
        if [[ $each == *' '* ]]; then head=${each%% *} tail=${each#* }; fi
        if [[ ${#head} -gt ${#value} && $head == "$value"* ]]; then
            _echolab_add "$head"
            continue
        fi
        [[ $value == "$head"* ]] || continue
        text=${value#"$head"} middle=
        if [[ -n $head && $tail == *=* ]]; then
            # A parameter may follow others. One with a colon has to.
            middle=${text%"${text##*[:,]}"}
            text=${text##*[:,]}
            [[ $tail != :* || -n $middle ]] || continue
            tail=${tail#:}
            [[ ":$middle" != *[:,]"${tail%%=*}="* ]] || continue
        fi
        if [[ $tail == *FILE && $text == "${tail%FILE}"* ]]; then
            _echolab_files "$head$middle${tail%FILE}"
        else
            tail=${tail%FILE}
            [[ $tail != "$text"* || $tail == "$text" && $tail == *[:=] ]] ||
                _echolab_add "$head$middle$tail"
        fi
    done
}
"""
"""For bash and zsh. It calls ``_echolab_add`` and ``_echolab_files``."""

_PROGRAM = r"""# Completion of echolab for bash; made by: echolab completion bash

_echolab() {
    local IFS=$' \t\n' line=${COMP_LINE:0:COMP_POINT} words=() last=-1 word rest i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        word=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || word=$rest
        if ((last < 0)) || [[ $rest != "$line" ]]; then words[++last]=; fi
        words[last]+=$word
        line=${rest#"$word"}
    done
    COMPREPLY=()
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == [\<\>]* ]]; then
        compopt -o default 2>/dev/null
        return
    fi

    local command= option= count=0 awaited=0 ended= given='|' entries entry name
    _echolab_entries ''
    for word in "${words[@]:1:last - 1}"; do
        if ((awaited)); then
            ((awaited--))
        elif [[ $ended || $word != -?* ]]; then
            if [[ $command ]]; then
                ((++count))
            else
                command=$word
                _echolab_entries "$command"
            fi
        elif [[ $word == -- ]]; then
            ended=1
        else
            _echolab_find "$word"
            [[ $entry == '*'* ]] || given+="$entry|"
            if [[ $word == "$option" ]]; then
                awaited=${entry%% *}
                awaited=${awaited#'*'}
            fi
        fi
    done

    local before= value=${words[last]} cut= each quoted= literal= files=()
    if ((!awaited)); then
        if [[ $ended || $value != -* ]]; then
            option=$count
        elif [[ $value == --*=* || $value == -[!-]?* ]]; then
            _echolab_find "$value"
            before=$option
            [[ $value != --* ]] || before+==
            value=${value#"$before"}
        else
            for entry in "${entries[@]}"; do
                [[ $given == *"|$entry|"* ]] || for name in ${entry#* }; do
                    [[ $name != "$value"* ]] || COMPREPLY+=("$name")
                done
            done
            return
        fi
    fi

    # bash replaces only what follows the last break, or an open quote.
    if [[ $value == [\"\']* ]]; then
        quoted=1 value=${value:1} cut=$before
    else
        value=${value//\\/}
        for each in : =; do
            word=$before$value
            [[ $word == *$each* && $COMP_WORDBREAKS == *$each* ]] || continue
            word=${word%"$each"*}$each
            ((${#word} <= ${#cut})) || cut=$word
        done
    fi
    _echolab_offers "$command" "$option"
    if [[ ! $literal ]]; then
        compopt -o filenames 2>/dev/null
        files=("${files[@]%/}")
    elif [[ ! $quoted ]]; then
        for i in "${!files[@]}"; do printf -v "files[i]" %q "${files[i]}"; done
    fi
    COMPREPLY+=("${files[@]}")
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:=@/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

# Find the option that a word names, and its entry.
_echolab_find() {
    option=${1%%=*}
    [[ $1 == --* ]] || option=${1:0:2}
    for entry in "${entries[@]}"; do
        [[ " ${entry#* } " != *" $option "* ]] || return 0
    done
    entry='*0 '
}

_echolab_add() {
    local each text=$before$1
    literal=1
    text=${text#"$cut"}
    for each in "${COMPREPLY[@]}"; do
        [[ $each != "$text" ]] || return
    done
    COMPREPLY+=("$text")
}

_echolab_files() {
    local path text
    [[ $before$1 == "$cut" ]] || literal=1
    while IFS= read -r path; do
        text=$before$1$path
        [[ ! -d $path ]] || text+=/
        files+=("${text#"$cut"}")
    done < <(compgen -f -- "${value#"$1"}")
}
"""


def bash_script(commands: Iterable[CommandSyntax]) -> str:
    """Return the script for the program and its commands."""
    commands = tuple(commands)
    return "".join(
        (
            _PROGRAM,
            OFFER,
            _entries_table(commands),
            offers_table(commands),
            "\ncomplete -F _echolab echolab\n",
        )
    )


def _entries_table(commands: Iterable[CommandSyntax]) -> str:
    """Return a function that sets the entries of a command.

    An entry is the number of values (``*`` if it may be repeated), and the names.
    """
    cases = (
        f"        {quote(each.name)}) entries=({join(map(_entry, each.entries))}) ;;\n"
        for each in commands
    )
    body = "".join(cases)
    return (
        f"\n_echolab_entries() {{\n    entries=()\n    case $1 in\n{body}    esac\n}}\n"
    )


def _entry(entry: Entry) -> str:
    names = " ".join(name for option in entry.options for name in names_of(option))
    values = len(entry.options[0].value.split())
    return f"{'*' if entry.repeated else ''}{values} {names}"


def offers_table(commands: Iterable[CommandSyntax]) -> str:
    """Return a function that offers what completes an option or an argument.

    Its arguments are the command, and the name of the option or the number of the
    arguments before.
    """
    cases = "".join(case for each in commands for case in _cases(each))
    return f'\n_echolab_offers() {{\n    case "$1 $2" in\n{cases}    esac\n}}\n'


def _cases(command: CommandSyntax) -> Iterator[str]:
    for entry in command.entries:
        for option in entry.options:
            names = " | ".join(quote(f"{command.name} {n}") for n in names_of(option))
            if offered := option.offered:
                yield _case(names, offered)
    for number, argument in enumerate(command.arguments):
        last = number == len(command.arguments) - 1
        more = "[0-9]*" if command.endless and last else str(number)
        if argument.offered:
            yield _case(f"{quote(f'{command.name} ')}{more}", argument.offered)


def _case(pattern: str, offered: Iterable[str]) -> str:
    return f"        {pattern}) _echolab_offer {join(map(halves, offered))} ;;\n"
