"""Formats by their names for users.

To add a format, write a class that takes a `Style` and is called with events, and
add it to `FORMATS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.formats.classic import Classic
from echolab.formats.hex import Hex
from echolab.formats.json import Json
from echolab.formats.log import Log
from echolab.formats.raw import Raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.formats.style import Form, Style

__all__ = ["FORMATS"]

FORMATS: dict[str, Callable[[Style], Form]] = {
    "classic": Classic,
    "log": Log,
    "raw": Raw,
    "hex": Hex,
    "json": Json,
}
