r"""Texts of answers with groups of the pattern in them: ``VALUE \1``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from echolab.escaping import unescape

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["template"]

_REFERENCE = re.compile(rb"\\(?:([1-9][0-9]?)|g<([^>]*)>|(.))", re.DOTALL)


def template(
    text: bytes, pattern: re.Pattern[bytes]
) -> bytes | Callable[[re.Match[bytes]], bytes]:
    r"""Read a text with escapes and groups, as in ``re.sub``.

    Args:
        text: the text; ``\1`` and ``\g<name>`` are groups, other escapes are Python's.
        pattern: the pattern, whose groups these are.

    Returns:
        The bytes; or, if they depend on what was found, what makes them.

    Raises:
        ValueError: it names a group that the pattern does not have, or has an unknown
            escape.
    """
    parts: list[bytes | int] = []
    at = start = 0
    while found := _REFERENCE.search(text, at):
        at = found.end()
        if not found[3]:
            parts += [unescape(text[start : found.start()]), _group(found, pattern)]
            start = at
    parts.append(unescape(text[start:]))
    if len(parts) == 1:
        return unescape(text)

    def fill(found: re.Match[bytes]) -> bytes:
        texts = (found[part] if isinstance(part, int) else part for part in parts)
        return b"".join([each or b"" for each in texts])

    return fill


def _group(reference: re.Match[bytes], pattern: re.Pattern[bytes]) -> int:
    name = (reference[1] or reference[2]).decode(errors="backslashreplace")
    if name in pattern.groupindex:
        return pattern.groupindex[name]
    if name.isdecimal() and int(name) <= pattern.groups:
        return int(name)
    raise ValueError(f"has no group {name or 'of that name'} in its pattern")
