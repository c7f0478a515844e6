"""The files of the page: what the browser runs, and the style of the figures."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from echolab.lab.svg import STYLE
from echolab.web.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

__all__ = ["page_files"]

KINDS = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
}
"""The content types, by the ends of names; other files are not for browsers."""


def page_files() -> dict[str, Answer]:
    """Read all files of the page; return them by name: ``vendor/uPlot.min.css``."""
    found = dict(_found(files("echolab.web") / "static", ""))
    found["figure.css"] = Answer(STYLE.encode(), KINDS["css"])
    return found


def _found(folder: Traversable, prefix: str) -> Iterator[tuple[str, Answer]]:
    for each in folder.iterdir():
        name = f"{prefix}{each.name}"
        if each.is_dir():
            yield from _found(each, f"{name}/")
        elif kind := KINDS.get(name.rpartition(".")[2]):
            yield name, Answer(each.read_bytes(), kind)
