"""What answers which message: rules, as a user says them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from echolab.patterns import Pattern, pattern_of
from echolab.server.steps import Close, Delay, Then

if TYPE_CHECKING:
    import re

__all__ = ["FIRST", "Answering", "Rule", "Rules", "Script", "Step", "steps_of"]

FIRST = "answers"
"""The name of the list that answers first."""

Step: TypeAlias = bytes | str | Delay | Close | Then | Callable[..., Any]

Answering: TypeAlias = Step | Sequence[Step]
"""An answer: bytes, sent exactly; a str, a text in the framing; a function of a peer
and a message that returns an answer, or a coroutine function; `Delay`, `Close`, `Then`;
or several of these, one after the other."""

Rules: TypeAlias = (
    Sequence[tuple[Pattern, Answering]]
    | Mapping[str, Sequence[tuple[Pattern, Answering]]]
)
"""Patterns with their answers; or several such lists by name, the first of which is
``answers``."""


class Rule(NamedTuple):
    """One rule.

    Attributes:
        within: the name of its list.
        pattern: is searched in a message.
        steps: the answer.
        origin: finds the file and line it is from; None if it is from none.
    """

    within: str
    pattern: re.Pattern[bytes]
    steps: tuple[Step, ...]
    origin: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """Rules, and a greeting.

    Attributes:
        rules: the first of a list whose pattern is found answers.
        greeting: what a peer gets before it has sent anything; None for nothing.
    """

    rules: tuple[Rule, ...] = ()
    greeting: tuple[Step, ...] | None = None

    def __bool__(self) -> bool:
        """Whether it has anything to say."""
        return bool(self.rules) or self.greeting is not None

    def __add__(self, other: Script) -> Script:
        """Both, the rules of the other one last.

        Raises:
            ValueError: both have a greeting.
        """
        if self.greeting is not None and other.greeting is not None:
            raise ValueError("there are two greetings")
        greeting = other.greeting if self.greeting is None else self.greeting
        return Script(self.rules + other.rules, greeting)

    @classmethod
    def of(cls, rules: Rules) -> Script:
        """Check rules.

        Raises:
            TypeError: they are no rules.
            ValueError: a pattern is no regular expression; a number is out of range.
        """
        lists = rules if isinstance(rules, Mapping) else {FIRST: rules}
        if FIRST not in lists:
            raise ValueError(f"there is no list {FIRST!r}, which answers first")
        for name, listed in lists.items():
            if not listed and lists is rules:
                raise ValueError(f"the list {name!r} has no rules")
        return cls(
            tuple(_rule(name, each) for name, rules in lists.items() for each in rules)
        )


def _rule(within: str, rule: object) -> Rule:
    if not isinstance(rule, Sequence) or isinstance(rule, str | bytes):
        raise TypeError(f"a rule is a pattern and an answer, not {rule!r}")
    if len(rule) != 2:
        raise TypeError(f"a rule is a pattern and an answer, not {tuple(rule)!r}")
    pattern, answer = rule
    return Rule(within, pattern_of(pattern), steps_of(answer))


def steps_of(answer: object) -> tuple[Step, ...]:
    """Check an answer; return its steps.

    Raises:
        TypeError: it is none.
    """
    if isinstance(answer, Sequence) and not isinstance(answer, str | bytes):
        return tuple(map(_step, answer))
    return (_step(answer),)


def _step(step: object) -> Step:
    if isinstance(step, str | bytes | Delay | Close | Then):
        return step
    if not callable(step):
        raise TypeError(f"an answer is bytes, a str or a function, not {step!r}")
    try:
        inspect.signature(step).bind(None, b"")
    except (TypeError, ValueError):
        name = getattr(step, "__qualname__", repr(step))
        raise TypeError(f"{name} cannot be called with a peer and a message") from None
    return step
