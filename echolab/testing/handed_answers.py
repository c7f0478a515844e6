"""Answers for a server in another process: an answer file that has no name."""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from echolab.server.answer_file import GREET
from echolab.server.steps import Close, Delay, Then

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.server.script import Script, Step

__all__ = ["answer_file", "answer_text", "elsewhere"]

_FLAGS = {re.ASCII: "a", re.IGNORECASE: "i", re.DOTALL: "s", re.MULTILINE: "m"}
_FLAGS |= {re.VERBOSE: "x", re.LOCALE: "L"}

_ODD = re.compile(rb"\\?([\x00-\x08\x0b-\x1f\x7f-\xff])|\\.", re.DOTALL)


@contextmanager
def answer_file(script: Script) -> Iterator[int]:
    """Write an answer file without a name; return its descriptor.

    Raises:
        TypeError: it has a function, which cannot be written.
    """
    text = answer_text(script)
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        yield file.fileno()


def answer_text(script: Script) -> str:
    """Write answers as an answer file has them.

    Raises:
        TypeError: one is a function, which cannot be written.
    """
    lines: list[str] = []
    if script.greeting is not None:
        lines += [f"[{GREET}]", _steps(script.greeting, groups=False)]
    for rule in script.rules:
        lines += [
            f"[[{_text(rule.within)}]]",
            f"pattern = {_text(_pattern(rule.pattern))}",
            _steps(rule.steps, groups=bool(rule.pattern.groups)),
        ]
    return "\n".join(lines)


def _steps(steps: tuple[Step, ...], *, groups: bool) -> str:
    tables = (f"{{{_step(step, groups=groups)}}}" for step in steps)
    return f"steps = [{', '.join(tables)}]"


def _step(step: Step, *, groups: bool) -> str:
    match step:
        case bytes():
            said = step if groups else step.replace(b"\\", rb"\\")
            return f"bytes = {_text(_ODD.sub(_escaped, said).decode())}"
        case str() if step.startswith("python:"):
            return f"call = {_text(step.removeprefix('python:'))}"
        case str():
            return f"text = {_text(step)}"
        case Delay(seconds=seconds):
            return f"delay = {seconds!r}"
        case Then(name=name):
            return f"then = {_text(name)}"
        case Close():
            return "close = true"
        case _:
            raise elsewhere(step)


def elsewhere(code: object) -> TypeError:
    """Return the error for code of the tests that another process is to run."""
    name = getattr(code, "__qualname__", repr(code))
    module = getattr(code, "__module__", "module")
    if "<" in name:  # A lambda, a function within another, or no function at all.
        name = f"{name} has no name there"
        return TypeError(f"{name}: give a def of a module, as 'python:module:name'")
    return TypeError(f"{name} runs elsewhere; name it: 'python:{module}:{name}'")


def _pattern(pattern: re.Pattern[bytes]) -> str:
    flags = "".join(sign for flag, sign in _FLAGS.items() if pattern.flags & flag)
    text = _ODD.sub(_escaped, pattern.pattern).decode()
    return f"(?{flags}){text}" if flags else text


def _escaped(found: re.Match[bytes]) -> bytes:
    """Write a byte that is no plain text as an escape, which may have had one."""
    return b"\\x%02x" % found[1][0] if found[1] else found[0]


def _text(text: str) -> str:
    """Write a basic string of TOML, which JSON's nearly is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
