"""Times as text: UTC, local time, time since the first event."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Elapsed",
    "Time",
    "local_time",
    "rfc3339",
    "rfc3339_exactly",
    "writer_of_times",
]

Time: TypeAlias = Literal["local", "utc", "elapsed"]


def rfc3339(seconds: float) -> bytes:
    """Return a time in UTC, with milliseconds: ``2026-11-22T13:16:04.123Z``."""
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds").encode() + b"Z"


def local_time(seconds: float) -> bytes:
    """Return a time in this machine's zone: ``2026-11-22T14:16:04.123+01:00``."""
    moment = datetime.fromtimestamp(seconds, UTC).astimezone()
    return moment.isoformat(timespec="milliseconds").encode()


class Elapsed:
    """Write times since the first event: ``0:00:04.123`` (hours, minutes, seconds).

    Args:
        clock: measures when each time is written, which is when its event happens;
            nobody can set it. None for events of the past: their own times count.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._first: float | None = None

    def __call__(self, seconds: float) -> bytes:
        """Return the time of an event.

        Args:
            seconds: when it happened, in POSIX seconds.
        """
        now = seconds if self._clock is None else self._clock()
        if self._first is None:
            self._first = now
        since = round((now - self._first) * 1000)
        sign = b"-" * (since < 0)  # Events of the past may come from several machines.
        minutes, millis = divmod(abs(since), 60_000)
        return b"%b%d:%02d:%06.3f" % (sign, *divmod(minutes, 60), millis / 1000)


def writer_of_times(
    time: Time, clock: Callable[[], float] | None
) -> Callable[[float], bytes]:
    """Return the function that writes the times of events.

    Args:
        time: how times are written.
        clock: see `Elapsed`.
    """
    if time == "elapsed":
        return Elapsed(clock)
    return local_time if time == "local" else rfc3339


def rfc3339_exactly(seconds: float) -> bytes:
    """Return a time in UTC with the seven digits that a float has for present times."""
    whole, _, fraction = f"{seconds:.7f}".partition(".")
    return f"{_second(whole)}.{fraction}Z".encode()


@lru_cache(maxsize=16)
def _second(whole: str) -> str:
    """Return the time of a whole second, without its zone."""
    moment = datetime.fromtimestamp(int(whole), UTC).replace(tzinfo=None)
    return moment.isoformat()
