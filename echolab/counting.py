"""Numbers of things, in words."""

from __future__ import annotations

__all__ = ["count"]


def count(number: int, thing: str) -> str:
    """Say how many there are: ``0 bytes``, ``1 byte``, ``2 bytes``."""
    return f"{number} {thing}{'s' * (number != 1)}"
