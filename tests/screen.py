"""A terminal's screen, with the control sequences that prompt_toolkit uses."""

from __future__ import annotations

import codecs
import re

__all__ = ["Screen"]

_PIECES = re.compile(r"\x1b\[\??([0-9;]*)([A-Za-z])|\x1b[=>]|[\r\n\b\a]|.", re.DOTALL)
_UNFINISHED = re.compile(r"\x1b(\[[?0-9;]*)?$")


class Screen:
    """Shows what was written to it; so high that nothing leaves it at the top.

    Args:
        wide: characters that take two cells, and have an empty one behind them.
    """

    def __init__(self, wide: str = "") -> None:
        self._wide = wide
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._rest = ""
        self._cells: list[list[str]] = [[]]
        self._row = self._column = 0

    def feed(self, data: bytes) -> None:
        """Draw what is written."""
        text = self._rest + self._decode(data)
        cut = _UNFINISHED.search(text)
        self._rest = cut.group() if cut else ""
        for piece in _PIECES.finditer(text[: len(text) - len(self._rest)]):
            if piece.group(2):
                self._obey(piece.group(2), int(piece.group(1).split(";")[0] or 1))
            else:
                self._draw(piece.group())
            while self._row >= len(self._cells):
                self._cells.append([])

    def text(self) -> str:
        """Return the visible text, without spaces and empty rows at the ends."""
        return "\n".join("".join(row).rstrip() for row in self._cells).rstrip("\n")

    def _draw(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._row += 1
        elif character == "\b":
            self._column -= 1
        elif character.isprintable():
            row = self._cells[self._row]
            row += [" "] * (self._column + 2 - len(row))
            row[self._column] = character
            self._column += 1
            if character in self._wide:
                row[self._column] = ""
                self._column += 1

    def _obey(self, command: str, number: int) -> None:
        if command == "A":
            self._row -= number
        elif command == "B":
            self._row += number
        elif command == "C":
            self._column += number
        elif command == "D":
            self._column -= number
        elif command in "JK":
            del self._cells[self._row][self._column :]
            if command == "J":
                del self._cells[self._row + 1 :]
