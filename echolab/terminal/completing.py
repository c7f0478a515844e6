"""Complete what is typed after a ``/``: commands, numbers of peers, paths."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from echolab.escaping import escape_line
from echolab.terminal.commands import COMMANDS, SIGN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Completer", "Completion"]

MOST_SHOWN = 40
"""How many choices are shown."""

_WITH_NUMBER = {"to", "close", "reset"}


class Completion(NamedTuple):
    """What can follow a text.

    Attributes:
        rest: all that is certain.
        choices: what is possible behind that, for the user to see.
    """

    rest: str
    choices: list[str]


class Completer:
    """Completes commands.

    Args:
        numbers: returns the numbers that commands can name, each with what it means;
            none for a client.
        names: the commands.
    """

    def __init__(
        self,
        numbers: Callable[[], Mapping[int, str]] = dict,
        names: Iterable[str] = COMMANDS,
    ) -> None:
        self._numbers = numbers
        self._names = names

    def __call__(self, text: str) -> Completion | None:
        """Complete a text; return None if it is no command, or takes any text."""
        sign = SIGN.decode()
        if not text.startswith(sign) or text.startswith(sign * 2):
            return None
        name, space, word = text[1:].partition(" ")
        if not space:
            return _completion(name, {f"{each} ": f"/{each}" for each in self._names})
        if name in _WITH_NUMBER:
            choices = {str(number): what for number, what in self._numbers().items()}
            return _completion(
                word, {each: f"{each} {what}" for each, what in choices.items()}
            )
        if name == "file":
            folder, slash, name = word.rpartition("/")
            return _completion(name, _files(folder + slash, name))
        return None


def _completion(word: str, choices: Mapping[str, str]) -> Completion:
    """Complete a word from choices, each with what the user sees of it."""
    fits = {each: seen for each, seen in choices.items() if each.startswith(word)}
    rest = _common_start(fits)[len(word) :]
    if len(fits) == 1 or rest:
        return Completion(rest, [])
    return Completion("", _some(fits.values()))


def _common_start(texts: Iterable[str]) -> str:
    ordered = sorted(texts)
    if not ordered:
        return ""
    pairs = zip(ordered[0], ordered[-1], strict=False)
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _some(choices: Iterable[str]) -> list[str]:
    shown = [escape_line(each) for each in choices]
    if len(shown) > MOST_SHOWN:
        shown[MOST_SHOWN:] = [f"… {len(shown) - MOST_SHOWN} more"]
    return shown


def _files(folder: str, begun: str) -> dict[str, str]:
    """Return the files in a folder; hidden ones only if that is asked for."""
    found: dict[str, str] = {}
    with (
        suppress(OSError, ValueError, RuntimeError),  # NUL, or a "~nobody".
        os.scandir(Path(folder).expanduser()) as entries,
    ):
        for entry in entries:
            name = entry.name
            hidden = name.startswith(".") and not begun.startswith(".")
            if hidden or "\n" in name:
                continue
            with suppress(OSError):
                name += "/" if entry.is_dir() else ""
            found[name] = name
    return dict(sorted(found.items()))
