"""The parameters in the name of a framing: ``length:offset=4,width=2``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.near_misses import did_you_mean, nearest
from echolab.quantities import whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Parameters"]


class Parameters:
    """The parameters of one framing, as they were given.

    Args:
        framing: the framing, named in errors.
        text: ``NAME=VALUE`` with commas between them.
        takes: the names of all parameters that the framing takes.

    Raises:
        ValueError: there is no such parameter, or one is given twice.
    """

    def __init__(self, framing: str, text: str, takes: Sequence[str]) -> None:
        self._framing = framing
        self._given: dict[str, str] = {}
        for word in text.split(","):
            spelt, _, value = word.partition("=")
            name = spelt.lower()
            if name not in takes:
                meant = did_you_mean(nearest(name, takes))
                names = ", ".join(takes)
                raise ValueError(
                    f"{framing} takes {names}, not {word or 'nothing'}{meant}"
                )
            if name in self._given:
                raise ValueError(f"{framing}: {name} is given twice")
            self._given[name] = value

    def text(self, name: str, default: str) -> str:
        """Return a parameter that is any text."""
        return self._given.get(name, default)

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a parameter that is a whole number.

        Raises:
            ValueError: it is not, or not from ``least`` to ``most``.
        """
        text = self._given.get(name)
        if text is None:
            return default
        try:
            number = whole_number(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise self.wrong(name, f"a whole number from {least} to {most}")
        return number

    def wrong(self, name: str, what: str) -> ValueError:
        """Return the error for a parameter that is not what it must be."""
        return ValueError(
            f"{self._framing}: {name}={self._given.get(name, '')} must be {what}"
        )
