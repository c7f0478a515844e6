"""Regular expressions that are searched in bytes."""

from __future__ import annotations

import re
from typing import TypeAlias

__all__ = ["Pattern", "pattern_of"]

Pattern: TypeAlias = "str | bytes | re.Pattern[bytes] | re.Pattern[str]"
"""A regular expression to search in bytes; a str means its UTF-8."""


def pattern_of(pattern: Pattern) -> re.Pattern[bytes]:
    """Compile a pattern.

    Raises:
        TypeError: it is neither str nor bytes.
        ValueError: it is no regular expression; the text is one line that says why.
    """
    flags = 0
    text: object = pattern
    if isinstance(pattern, re.Pattern):
        text, flags = pattern.pattern, pattern.flags & ~re.UNICODE
    if not isinstance(text, str | bytes):
        raise TypeError(f"a pattern is a str or bytes, not {text!r}")
    try:
        return re.compile(text.encode() if isinstance(text, str) else text, flags)
    except (re.error, OverflowError, RecursionError) as why:
        raise ValueError(f"{text!r} is no regular expression: {why}") from None
