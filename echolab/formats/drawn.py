"""Whether lines and arrows can be drawn."""

from __future__ import annotations

import locale
import os

__all__ = ["can_draw"]

DRAWN = "│─·◀▶…µ"


def can_draw(fd: int) -> bool:
    """Whether an output can show lines and arrows; a file always can."""
    if not os.isatty(fd):
        return True
    try:
        DRAWN.encode(locale.getpreferredencoding(do_setlocale=False))
    except (UnicodeEncodeError, LookupError):
        return False
    return True
