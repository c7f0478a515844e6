"""The transcripts to show in the report of a failing test."""

from __future__ import annotations

import weakref
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.testing.remembering import Remembering

__all__ = ["begin_test", "of_this_test", "show"]

_shown: weakref.WeakValueDictionary[int, Remembering] = weakref.WeakValueDictionary()
_numbers = count()
_before: dict[int, int] = {}


def show(transcript: Remembering) -> None:
    """Show this transcript in reports from now on."""
    _shown[next(_numbers)] = transcript


def begin_test() -> None:
    """Note that all events so far belong to earlier tests."""
    _before.clear()
    _before.update({number: each.total for number, each in _shown.items()})


def of_this_test(fixtures: Iterable[object]) -> list[Remembering]:
    """Return the transcripts that are new, have new events, or are fixtures."""
    own = {id(fixture) for fixture in fixtures}
    return [
        each
        for number, each in sorted(_shown.items())
        if each.total != _before.get(number) or id(each) in own
    ]
