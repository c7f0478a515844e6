"""The sentences of a page in Markdown, without its code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

__all__ = ["sentences_of"]

_MARKDOWN = MarkdownIt("commonmark").enable("table")
_END = re.compile(r"(?<=[.!?])[\"”)]*\s+")


def sentences_of(page: str) -> Iterator[str]:
    """Yield each sentence, heading, and note in a cell of a table; code as `code`."""
    before = ""
    for token in _MARKDOWN.parse(page):
        if token.type == "inline":
            text = "".join(map(_text, token.children or ()))
            in_cell = before in ("td_open", "th_open")
            for note in text.split("; ") if in_cell else (text,):
                yield from filter(None, _END.split(note))
        before = token.type


def _text(token: Token) -> str:
    if token.type == "code_inline":
        return "`code`"
    return " " if token.type == "softbreak" else token.content
