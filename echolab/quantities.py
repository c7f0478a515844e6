"""Numbers as users write them: ASCII digits, with units for times and sizes."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "byte_rate",
    "byte_size",
    "number",
    "plain",
    "seconds",
    "span",
    "whole_number",
]

_WHOLE = re.compile(r"-?\d+", re.ASCII)
_NUMBER = re.compile(r"(-?(?:\d+(?:\.\d+)?|\.\d+))([A-Za-z]*)", re.ASCII)

_MINUTE = 60
_NONE = {"": Decimal(1)}
_TIMES = {
    "": Decimal(1),
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_SIZES = {"": Decimal(1)} | {
    unit: Decimal(base**power)
    for power, letter in enumerate("kmg", start=1)
    for unit, base in ((letter, 1024), (f"{letter}ib", 1024), (f"{letter}b", 1000))
}


def whole_number(text: str) -> int:
    """Read a whole number: ASCII digits, with an optional minus sign.

    ``int`` would also accept ``1_000``, `` 10``, ``+10`` and other scripts' digits.

    Raises:
        ValueError: the text is not a whole number.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text} is not a whole number")
    return int(text)


def number(text: str) -> float:
    """Read a number: ASCII digits, an optional point; no exponent, no ``inf``.

    Raises:
        ValueError: the text is not a number.
    """
    return _float(_measure(text, _NONE, "a number"))


def seconds(text: str) -> float:
    """Read a time in seconds: ``5``, ``500ms``, ``5s``, ``2m``, ``1h``, ``1d``.

    Raises:
        ValueError: the text is not a time.
    """
    return _float(_measure(text, _TIMES, "a time"))


def byte_size(text: str) -> int:
    """Read a size in bytes: ``65536``, ``64k``, ``1MiB``, in upper or lower case.

    As in GNU's ``head -c``, ``k``, ``M``, ``G`` and ``KiB``… are powers of 1024;
    ``kB``, ``MB``, ``GB`` are powers of 1000.

    Raises:
        ValueError: the text is not a size, or not a whole number of bytes.
    """
    if _WHOLE.fullmatch(text):
        return int(text)
    size = byte_rate(text)
    if not size.is_integer():
        raise ValueError(f"{text} is not a whole number of bytes")
    return int(size)


def byte_rate(text: str) -> float:
    """Read a rate in bytes a second; as `byte_size`, but with fractions.

    Raises:
        ValueError: the text is not a size.
    """
    return _float(_measure(text, _SIZES, "a size", any_case=True))


def plain(number: float) -> str:
    """Write a number as it is read here: with all its digits, and no exponent."""
    digits = format(Decimal(repr(number)), "f")
    return digits.removesuffix(".0")


def span(seconds: float, form: str = "g") -> str:
    """Write how long something takes: ``5 s``, ``1 min 5 s``, ``2 h 5 min``, ``3 d``.

    Args:
        seconds: how long, from 0.
        form: how seconds under a minute are formatted.
    """
    short = f"{seconds:{form}}"
    if float(short) < _MINUTE:
        return f"{short} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    while not parts[0][0]:
        del parts[0]
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number)


def _measure(
    text: str, units: Mapping[str, Decimal], what: str, *, any_case: bool = False
) -> Decimal:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is not {what}")
    digits, unit = found.groups()
    factor = units.get(unit.lower() if any_case else unit)
    if factor is None:
        raise ValueError(f"{text} is not {what}: unknown unit {unit}")
    return Decimal(digits) * factor


def _float(value: Decimal) -> float:
    if math.isinf(number := float(value)):
        raise ValueError("the number is too large")
    return number
