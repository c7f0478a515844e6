"""Rate limit for reports."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Throttle"]


@dataclass(slots=True)
class Throttle:
    """Let a number of reports a second pass; count the others.

    Attributes:
        most: how many reports pass in one second.
    """

    most: int = 10
    _second: int = -1
    _passed: int = 0
    _withheld: int = 0

    def __call__(self, time: float) -> int | None:
        """Ask whether one report may pass.

        Args:
            time: now, in seconds.

        Returns:
            None if the report is suppressed; else the number of reports suppressed
            since the last one that passed.
        """
        if int(time) != self._second:
            self._second = int(time)
            self._passed = 0
        if self._passed >= self.most:
            self._withheld += 1
            return None
        self._passed += 1
        return self.take()

    def take(self) -> int:
        """Return the number of reports suppressed since the last one; reset it."""
        withheld, self._withheld = self._withheld, 0
        return withheld
