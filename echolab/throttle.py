"""A bound on how often something happens."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Throttle"]


@dataclass(slots=True)
class Throttle:
    """Lets so many reports a second pass, and counts the others.

    Attributes:
        most: how many, in a second.
    """

    most: int = 10
    _second: int = -1
    _passed: int = 0
    _withheld: int = 0

    def __call__(self, time: float) -> int | None:
        """Ask for one report.

        Args:
            time: now, in seconds.

        Returns:
            None if it is withheld; else how many were since the last that passed.
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
        """How many were withheld since this, or a report that passed, was asked."""
        withheld, self._withheld = self._withheld, 0
        return withheld
