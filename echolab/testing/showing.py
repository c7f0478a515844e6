"""The transcripts to show in the report of a failing test, each once."""

from __future__ import annotations

import weakref
from itertools import count
from typing import TYPE_CHECKING

from echolab.testing.wording import IN_MESSAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.testing.remembering import Remembering

__all__ = ["begin_test", "sections", "show"]

_shown: weakref.WeakValueDictionary[int, Remembering] = weakref.WeakValueDictionary()
_numbers = count()
_before: dict[int, int] = {}
_reported: dict[int, int] = {}
"""How many events there were before this test, and in its last report."""


def show(transcript: Remembering) -> None:
    """Show this transcript in reports from now on."""
    _shown[next(_numbers)] = transcript


def begin_test() -> None:
    """Note that all events so far belong to earlier tests."""
    _reported.clear()
    _before.clear()
    _before.update({number: each.total for number, each in _shown.items()})


def sections(
    fixtures: Iterable[object], error: BaseException | None
) -> Iterator[tuple[str, str]]:
    """Yield the sections of a report: transcripts, each with its title.

    They are those that are new, have new events, or are fixtures. What the message of
    the error shows, or an earlier report of this test, is left out.

    Args:
        fixtures: the values of the test's fixtures.
        error: what the test, its setup or its teardown raised.
    """
    own = {id(fixture) for fixture in fixtures}
    in_message = dict(_in_messages(error, set()))
    of_this_test = (
        (number, each)
        for number, each in sorted(_shown.items())
        if each.total != _before.get(number) or id(each) in own
    )
    for place, (number, each) in enumerate(of_this_test, 1):
        title = f"echolab transcript {place}, of {each.name}"
        since = max(_reported.get(number, -1), in_message.get(id(each), -1))
        _reported[number] = total = each.total
        if since < 0:
            yield title, each.report()
        elif since < total:
            yield f"{title}, later", each.report(since)


def _in_messages(
    error: BaseException | None, seen: set[int]
) -> Iterator[tuple[int, int]]:
    """Yield the transcripts in the messages of an error and of its causes.

    Each is its ``id``, and the number of its events at that time.
    """
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if shown := getattr(error, IN_MESSAGE, None):
            transcript, total = shown
            yield id(transcript), total
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _in_messages(each, seen)
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)
