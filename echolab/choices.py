"""Choices that a user may leave to the program."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["When", "decide"]

When: TypeAlias = Literal["auto", "always", "never"]


def decide(when: When, auto: bool) -> bool:
    """Return whether to do it; ``auto`` is the answer for ``"auto"``."""
    return auto if when == "auto" else when == "always"
