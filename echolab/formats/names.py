"""Formats by their names for users.

To add a format, write a class that takes a `Style` and is called with events, and
add it to `FORMATS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.doors import Found, find, made, verify
from echolab.formats.classic import Classic
from echolab.formats.flow import Flow
from echolab.formats.hex import Hex
from echolab.formats.json import Json
from echolab.formats.log import Log
from echolab.formats.raw import Raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.formats.style import Form, Style

__all__ = ["FORMATS", "format_named"]

FORMATS: dict[str, Callable[[Style], Form]] = {
    "classic": Classic,
    "log": Log,
    "raw": Raw,
    "hex": Hex,
    "json": Json,
    "flow": Flow,
}


def format_named(name: str) -> Callable[[Style], Form] | None:
    """Find a format by its name; None if there is none of that name.

    Args:
        name: a built-in one's in upper or lower case, an installed one's, or
            ``python:module:name`` (`echolab.IForm`).

    Returns:
        What makes a format, given a style.

    Raises:
        DoorError: what has the name is none.
    """
    if name.lower() in FORMATS:
        return FORMATS[name.lower()]
    found = find("formats", name)
    return found and _offered(found)


def _offered(found: Found) -> Callable[[Style], Form]:
    # Imported here, since most formats are built in.
    from echolab.extending import IForm

    verify(IForm, found)

    def make(style: Style) -> Form:
        form: Form = made(found, style).thing
        return form

    return make
