"""Manual pages in roff, of texts as they are in ``--help`` and in topics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SPECIAL = {
    "\\": r"\e",
    "-": r"\-",
    "'": r"\(aq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
}
_OPTION = re.compile(r"(?<![\w\\-])\\-\\-[a-z]+(?:\\-[a-z]+)*")
_ROW = re.compile(r"  (\S.*?)(?:  +(\S.*))?$")
_EXAMPLE = "  $ "


def escaped(text: str) -> str:
    """Write a text so that roff prints it as it is."""
    signs = (_SPECIAL.get(sign, sign) for sign in text)
    plain = "".join(
        sign if sign.isascii() else rf"\[u{ord(sign):04X}]" for sign in signs
    )
    return rf"\&{plain}" if plain.startswith(".") else plain


def prose(text: str) -> str:
    """Write a text with its options in bold."""
    return _OPTION.sub(lambda found: rf"\fB{found[0]}\fR", escaped(text))


def bold(text: str) -> str:
    """Write a text in bold."""
    return rf"\fB{escaped(text)}\fR"


def italic(text: str) -> str:
    """Write a text in italics, as the name of a value."""
    return rf"\fI{escaped(text)}\fR"


def section(title: str) -> str:
    """Begin a section."""
    return f'.SH "{escaped(title.upper())}"\n'


def subsection(title: str) -> str:
    """Begin a part of a section."""
    return f'.SS "{escaped(title)}"\n'


def tagged(tag: str, text: str) -> str:
    """Write what a tag, which is roff already, means."""
    return f".TP\n{tag}\n{prose(text)}\n"


def examples(lines: Iterable[str]) -> str:
    """Write lines as they are typed."""
    return "".join([".PP\n.EX\n", *(f"  {escaped(line)}\n" for line in lines), ".EE\n"])


def topic_as_roff(text: str) -> str:
    """Write a topic of ``echolab help``, but for its first line."""
    _, *blocks = text.rstrip("\n").split("\n\n")
    return "".join(map(_block, blocks))


def _block(block: str) -> str:
    lines = block.splitlines()
    if block.startswith(_EXAMPLE):
        return examples(line.removeprefix(_EXAMPLE) for line in lines)
    if block.startswith("  "):
        return "".join(tagged(bold(tag), text) for tag, text in rows(block))
    return f".PP\n{prose(' '.join(lines))}\n"


def rows(block: str) -> Iterator[tuple[str, str]]:
    """Yield the rows of a table in a topic: what users write, and what it means."""
    tag = ""
    words: list[str] = []
    for line in block.splitlines():
        if found := _ROW.fullmatch(line):
            if tag:
                yield tag, " ".join(words)
            tag, words = found[1], [found[2]] if found[2] else []
        else:
            words.append(line.strip())
    yield tag, " ".join(words)
