"""Counts as text."""

from __future__ import annotations

__all__ = ["count"]


def count(number: int, thing: str) -> str:
    """Return a count with its noun: ``0 bytes``, ``1 byte``, ``2 bytes``."""
    return f"{number} {thing}{'s' * (number != 1)}"
