"""Words of figures: sizes, times, and the first of some bytes."""

from __future__ import annotations

import unicodedata

from echolab.counting import count
from echolab.escaping import escape

__all__ = [
    "NO_BREAK",
    "cells",
    "clock_time",
    "cut",
    "duration",
    "harmless",
    "preview",
    "size",
]

NO_BREAK = chr(0xA0)
"""A space at which no label is broken."""

PLAIN_BYTES = 10_000
"""From so many on, a size has a unit."""
DIGITS = 3
_READ_FROM_THE_RIGHT = {"R", "AL", "AN"}


def size(number: int) -> str:
    """Return a number of bytes: ``6 bytes``, ``26 MB`` (1 MB is 1000 kB)."""
    if number < PLAIN_BYTES:
        return count(number, "byte")
    value = float(number)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5:
            return f"{_rounded(value)} {unit}"
    return f"{_rounded(value / 1000)} TB"


def duration(seconds: float) -> str:
    """Return a span of time: ``38 µs``, ``4.2 ms``, ``1.5 s``, ``2.1 min``."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 999.5:
            return f"{_rounded(seconds * factor)} {unit}"
    for most, span, unit in ((99.5, 1, "s"), (5970, 60, "min"), (171_000, 3600, "h")):
        if seconds < most:
            return f"{_rounded(seconds / span)} {unit}"
    return f"{_rounded(seconds / 86400)} d"


def _rounded(value: float) -> str:
    """Return a number with two or three digits, and no exponent."""
    if value < 10:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.0f}"


def clock_time(seconds: float) -> str:
    """Return a time on the axis, to the microsecond: ``0.812 300``."""
    digits = f"{seconds:.6f}"
    return f"{digits[:-3]} {digits[-3:]}"


def preview(data: bytes, most: int, *, whole: bool = True) -> str:
    r"""Return the first of some bytes, in quotes: ``"hello\n"``.

    Nothing in it can drive a terminal, and it is read from left to right.

    Args:
        data: the bytes.
        most: how many cells it may take, the quotes included.
        whole: whether the bytes are all; otherwise, it ends with ``…``.
    """
    text = escape(data).decode()
    shown = "".join(map(_visible, text.removesuffix("\ufffd") if not whole else text))
    if whole and cells(shown) + 2 <= most:
        return f'"{shown}"'
    return f'"{cut(shown, most - 3)}…"'


def _visible(character: str) -> str:
    if character in '"\n\t':
        return {'"': '\\"', "\n": "\\n", "\t": "\\t"}[character]
    return "\\xa0" if character == NO_BREAK else _escaped(character)


def harmless(text: str) -> str:
    r"""Return a label as it may be shown: without control characters.

    What is read from right to left would move its neighbours: it becomes ``\u05d0``.
    """
    return (
        text
        if text.isascii() and text.isprintable()
        else "".join(each if each == NO_BREAK else _escaped(each) for each in text)
    )


def _escaped(character: str) -> str:
    right = unicodedata.bidirectional(character) in _READ_FROM_THE_RIGHT
    if character.isprintable() and not right:
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    if "\u1160" <= character <= "\u11ff":
        return 0  # The vowel or the end of a Hangul syllable.
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def cut(text: str, most: int) -> str:
    """Return the start of a text that takes at most so many cells."""
    taken = 0
    for at, character in enumerate(text):
        taken += _width(character)
        if taken > most:
            return text[:at]
    return text
