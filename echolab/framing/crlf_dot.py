"""Framing of texts that end with a dot on a line of its own: SMTP, POP3, NNTP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from echolab.framing.decoded import line_end
from echolab.framing.delimiter import begun
from echolab.framing.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.framing.decoded import Part

__all__ = ["CrlfDot", "dotted", "word_before_texts"]

_EMPTY = b".\r\n"
_END = b"\r\n.\r\n"


class CrlfDot:
    r"""Decoder of texts that end with ``\r\n.\r\n`` (RFC 5321, 4.1.1.4 and 4.5.2).

    A message is the text before that, without the dots that were put before lines
    that begin with a dot. In a text, a ``\n`` without a ``\r`` ends no line.

    Args:
        after: a word in capitals. If it is given, a message is a line, but what
            follows a line with this first word is a text.
    """

    def __init__(self, after: bytes = b"") -> None:
        self.held = bytearray()
        self._after = after
        self._in_text = not after
        self._fresh = True  # whether nothing of the text has come
        self._begun = b""  # how a line begins

    def decode(self, chunk: bytes) -> Iterator[Part]:
        """Yield the bytes of messages."""
        data = bytes(self.held) + chunk
        self.held.clear()
        at = 0
        while at < len(data):
            find = self._text if self._in_text else self._line
            found, end, after = find(data, at)
            if after is None:
                self.held += data[end:]
                yield found, 0
                return
            yield found, None
            at = after

    def _line(self, data: bytes, at: int) -> tuple[bytes, int, int | None]:
        """Return what is found of a line, where that ends, and where the next begins.

        The last is None if the line is unfinished.
        """
        end, after = line_end(data, at)
        found = data[at:end]
        most = len(self._after) + 1
        self._begun = (self._begun + found[:most])[:most]
        if after is not None:
            self._in_text = self._begun.split(b" ")[0].upper() == self._after
            self._begun = b""
        return found, end, after

    def _text(self, data: bytes, at: int) -> tuple[bytes, int, int | None]:
        """Return the same of a text."""
        if self._fresh:
            head = data[at : at + len(_EMPTY)]
            if head == _EMPTY:
                self._in_text = not self._after
                return b"", at, at + len(_EMPTY)
            if _EMPTY.startswith(head):
                return b"", at, None
            at += head.startswith(b".")
            self._fresh = False
        end = data.find(_END, at)
        after = None
        if end < 0:
            end = len(data) - begun(_END, data[max(at, len(data) - len(_END)) :])
        else:
            after = end + len(_END)
            self._in_text = not self._after
            self._fresh = True
        return data[at:end].replace(b"\r\n.", b"\r\n"), end, after


def word_before_texts(text: str) -> bytes:
    """Read ``after=WORD``; return the word in capitals.

    Raises:
        ValueError: a parameter is wrong.
    """
    given = Parameters("crlf-dot", text, ("after",))
    word = given.text("after", "")
    if not re.fullmatch("[!-~]+", word):
        raise given.wrong("after", "a word in ASCII")
    return word.upper().encode()


def dotted(message: bytes) -> bytes:
    """Return a text with its end, and with a dot before lines that begin with one."""
    if not message:
        return _EMPTY
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    dot = b"." if message.startswith(b".") else b""
    return dot + stuffed + _END
