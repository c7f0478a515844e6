"""Where in a stream a reader begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from typing_extensions import override

__all__ = ["FIRST", "Begin", "begin_value"]

MOST_PLACE = 2**63 - 1
EARLIEST, LATEST = 1970, 2261
"""The engine counts nanoseconds since 1970, in 63 bits."""
_PLACE = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Begin:
    """The first message to read.

    Attributes:
        at: the first of the stream, the next to come, the number of one, or the time
            after which they were stored, with a zone.
    """

    at: Literal["first", "now"] | int | datetime

    @override
    def __str__(self) -> str:
        """The text of which `begin_value` makes the same."""
        return self.at.isoformat() if isinstance(self.at, datetime) else str(self.at)


FIRST = Begin("first")


def begin_value(text: str) -> Begin:
    """Read where to begin: ``first``, ``now``, a number, or a time.

    Raises:
        ValueError: it is none of them.
    """
    match text.lower():
        case "first":
            return FIRST
        case "now":
            return Begin("now")
        case digits if _PLACE.fullmatch(digits) and 0 < int(digits) <= MOST_PLACE:
            return Begin(int(digits))
        case _:
            return Begin(_time(text))


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        in_utc = time.replace(tzinfo=UTC) if time.tzinfo is None else time
        in_utc = in_utc.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            "must be first, now, the number of a message, or a time in UTC, "
            "as 2026-11-29T13:00:00Z"
        ) from None
    if not EARLIEST <= in_utc.year <= LATEST:
        raise ValueError(f"a time must be in the years {EARLIEST} to {LATEST}")
    return in_utc
