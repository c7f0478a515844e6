"""Break the texts of figures into lines."""

from __future__ import annotations

import re

from echolab.formats.figure_words import NO_BREAK, cells, cut

__all__ = ["wrap"]

BREAKS = f":-=/,{NO_BREAK}"
"""The signs after which a word that is too long is broken."""


def wrap(text: str, width: int) -> list[str]:
    """Break a text into lines: at spaces, where there are any."""
    if not text or cells(text) <= width:
        return [text] if text else []
    lines: list[str] = []
    line = ""
    for word in re.findall(r"[^ (]*\(|[^ (]+ *| +", text):
        if line and cells(line) + cells(word.rstrip()) > width:
            lines.append(line.rstrip())
            line = "  "
        rest = word
        while cells(line) + cells(rest.rstrip()) > width:
            part = cut(rest, max(2, width - cells(line)))
            part = part[: _break(part) or len(part)]
            lines.append(line + part)
            rest, line = rest[len(part) :], "  "
        line += rest
    return [*lines, line.rstrip()] if line.strip() else lines


def _break(part: str) -> int:
    """Return after how many characters a long word is best broken; 0 if anywhere."""
    place = max(part.rfind(sign) for sign in BREAKS) + 1
    return place if place > len(part) // 3 else 0
