"""Answer files: rules in TOML, for the command line.

A file has a ``greet``, and lists of answers, which are arrays of tables such as
``[[answers]]``. The guide is docs/answers.md.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echolab.errors import reason_of
from echolab.escaping import escape_line, unescape
from echolab.near_misses import did_you_mean, nearest
from echolab.patterns import pattern_of
from echolab.server.dialogue import ready
from echolab.server.script import FIRST, Rule, Script
from echolab.server.steps import Close, Delay, Then

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from echolab.server.script import Step

__all__ = ["read_answers"]

GREET, PATTERN, STEPS = "greet", "pattern", "steps"

Place = tuple[str | int, ...]
"""Where something stands in a file: the keys and numbers that lead to it."""


class _WrongError(ValueError):
    """Something in the file is wrong.

    Attributes:
        place: where it stands.
    """

    def __init__(self, place: Place, why: str) -> None:
        super().__init__(why)
        self.place = place


@contextmanager
def _at(*place: str | int) -> Iterator[None]:
    """Say where something is wrong, if nothing has said it more exactly."""
    try:
        yield
    except _WrongError:
        raise
    except ValueError as why:
        raise _WrongError(place, str(why)) from None


def read_answers(path: str) -> Script:
    """Read an answer file.

    Raises:
        ValueError: it cannot be read, or something in it is wrong. The text is one line
            that names the file, and the line in it.
    """
    text = ""
    try:
        text = Path(path).read_text(encoding="utf-8")
        return _script(tomllib.loads(text), partial(_origin, path, text))
    except OSError as why:
        raise ValueError(escape_line(f"{path}: {reason_of(why)}")) from None
    except UnicodeDecodeError:
        raise ValueError(escape_line(f"{path}: it is not UTF-8")) from None
    except tomllib.TOMLDecodeError as why:
        raise ValueError(escape_line(f"{path}: {why}")) from None
    except _WrongError as why:
        where = _origin(path, text, why.place)
        raise ValueError(escape_line(f"{where}: {why}")) from None


def _script(file: dict[str, Any], origin: Callable[[Place], str]) -> Script:
    lists = [name for name in file if name != GREET]
    greeting = None
    if GREET in file:
        with _at(GREET):
            greeting = tuple(_greeting(file[GREET], lists))
    rules: list[Rule] = []
    for name in lists:
        with _at(name):
            tables = _tables(name, file[name])
            if FIRST not in lists:
                raise ValueError(f"there is no list [[{FIRST}]], which answers first")
        for number, table in enumerate(tables):
            place = name, number
            with _at(*place):
                pattern, steps = _rule(place, table, lists)
                rules.append(Rule(name, pattern, steps, partial(origin, place)))
    return Script(tuple(rules), greeting)


def _tables(name: str, value: object) -> list[dict[str, Any]]:
    """Check a list of answers.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return value
    meant = did_you_mean(nearest(name, [GREET]))
    raise ValueError(f"{name} is no list of answers, which begin [[{name}]]{meant}")


def _greeting(value: object, lists: list[str]) -> Iterator[Step]:
    if isinstance(value, dict):
        return _steps((GREET,), value, None, lists)
    return _steps((GREET,), {"text": value}, None, lists)


def _rule(
    place: Place, table: dict[str, Any], lists: list[str]
) -> tuple[re.Pattern[bytes], tuple[Step, ...]]:
    if PATTERN not in table:
        raise ValueError(f"this answer has no {PATTERN}")
    with _at(*place, PATTERN):
        pattern = pattern_of(_text(PATTERN, table[PATTERN]))
    answer = {key: value for key, value in table.items() if key != PATTERN}
    if not answer:
        raise ValueError('this pattern has no answer; to answer nothing: bytes = ""')
    return pattern, tuple(_steps(place, answer, pattern, lists))


def _steps(
    place: Place,
    table: dict[str, Any],
    pattern: re.Pattern[bytes] | None,
    lists: list[str],
) -> Iterator[Step]:
    """Yield the steps of a table, in the order in which they are done."""
    if STEPS in table:
        with _at(*place, STEPS):
            if len(table) > 1:
                raise ValueError(f"{STEPS} stands alone: the other keys belong into it")
            for number, each in enumerate(_tables(STEPS, table[STEPS])):
                with _at(*place, STEPS, number):
                    yield from _steps((*place, STEPS, number), each, pattern, lists)
        return
    for key in table:
        if key not in KEYS:
            meant = did_you_mean(nearest(key, [PATTERN, STEPS, *KEYS]))
            with _at(*place, key):
                raise ValueError(f"there is no key {key}{meant}")
    said = [key for key in table if key in _SAYS]
    if len(said) > 1:
        with _at(*place, said[1]):
            raise ValueError(f"{said[1]}: this answer has {said[0]} already")
    for key, read in KEYS.items():
        if key in table:
            with _at(*place, key):
                step = read(key, table[key], pattern)
                if isinstance(step, Then) and step.name not in lists:
                    meant = did_you_mean(nearest(step.name, lists))
                    raise ValueError(f"there is no list [[{step.name}]]{meant}")
                if step is not None:
                    ready(step, pattern)
                    yield step


def _text(key: str, value: object, _pattern: object = None) -> str:
    """Check a text.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str):
        raise ValueError(f"{key} is a text, not {value!r}")
    return value


def _bytes(key: str, value: object, pattern: re.Pattern[bytes] | None) -> bytes:
    text = _text(key, value)
    if pattern is not None and pattern.groups:
        return text.encode()  # Its escapes are read with the groups.
    try:
        return unescape(text)
    except ValueError as why:
        raise ValueError(f"{key}: {why}") from None


def _delay(key: str, value: object, _pattern: object) -> Delay:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} is a number of seconds, not {value!r}")
    return Delay(value)


def _call(key: str, value: object, _pattern: object) -> str:
    return f"python:{_text(key, value)}"


def _then(key: str, value: object, _pattern: object) -> Then:
    return Then(_text(key, value))


def _close(key: str, value: object, _pattern: object) -> Close | None:
    if not isinstance(value, bool):
        raise ValueError(f"{key} is true or false, not {value!r}")
    return Close() if value else None


KEYS: dict[str, Callable[[str, object, re.Pattern[bytes] | None], Step | None]] = {
    "delay": _delay,
    "text": _text,
    "bytes": _bytes,
    "call": _call,
    "then": _then,
    "close": _close,
}
"""The keys of an answer, in the order in which they are done."""

_SAYS = {"text", "bytes", "call"}


def _origin(path: str, text: str, place: Place) -> str:
    return f"{path}, line {_line_of(text, place)}"


def _line_of(text: str, place: Place) -> int:
    """Return the line in which something stands, 1 for the first.

    A beginning of the file that ends between two statements is a file too. What stands
    in the shortest one that has the place begins after the longest one that has not.
    """
    whole = tomllib.loads(text)
    while not _has(whole, place):
        place = place[:-1]
    lines = text.split("\n")
    ends = [0]
    for number in range(1, len(lines) + 1):
        # A statement is a file of its own: what is before it need not be read again.
        with suppress(tomllib.TOMLDecodeError):
            tomllib.loads("\n".join(lines[ends[-1] : number]))
            ends.append(number)

    def has(end: int) -> bool:
        return _has(tomllib.loads("\n".join(lines[:end])), place)

    return ends[bisect_left(ends, True, key=has) - 1] + 1


def _has(value: Any, place: Place) -> bool:
    for key in place:
        try:
            value = value[key]
        except (LookupError, TypeError):
            return False
    return True
