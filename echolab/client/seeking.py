"""Find patterns in a stream, however it was cut."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from echolab.counting import count
from echolab.option import EmptyError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WINDOW_BYTES", "Seeker", "StreamPattern"]

WINDOW_BYTES = 1 << 13
"""The longest match that is certainly found.

Some expressions take time that grows with the square of it, as ``[a-z]+:`` in a flood
of letters.
"""
SHOWN_BYTES = 200
"""How much is shown of what came instead."""

_TOKEN = re.compile(rb"\\[\s\S]|\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|\(\?#[^)]*\)|\(\?!|\$")
"""Escapes, classes, comments: what may look like one of the following."""

_SETTLED = {
    rb"$": rb"(?=\r?\n)",
    rb"\b": rb"(?:(?<=\w)(?=\W)|(?<!\w)(?=\w))",
    rb"\B": rb"(?:(?<=\w)(?=\w)|(?<!\w)(?=\W))",
    rb"\Z": rb"(?!)",
    rb"\z": rb"(?!)",
}
"""What depends on the end of the bytes so far, in words that wait for the next byte."""


class StreamPattern:
    r"""A regular expression for a stream, in which more may follow.

    ``^`` is the start of a line. ``$`` is the end of a line, which may end with
    ``\r\n``, or of the stream; it does not match where the stream was only cut.

    Args:
        text: the regular expression.

    Raises:
        ValueError: the text is no regular expression, or what it says about the
            following bytes would depend on how the stream was cut.

    Attributes:
        text: the regular expression as it was written.
        open: the expression while more bytes may follow. If a match of it is in some
            bytes, it stays there whatever follows.
        ended: the expression for the end of the stream.
    """

    def __init__(self, text: str) -> None:
        if not text:
            raise EmptyError("the pattern is empty")
        self.text = text
        written = text.encode("utf-8", "surrogateescape")
        self.ended = _compiled(written)
        self.open = _compiled(_TOKEN.sub(_settled, written))


def _settled(token: re.Match[bytes]) -> bytes:
    if token.group() == rb"(?!":
        raise ValueError("(?!…) would depend on how the stream was cut")
    return _SETTLED.get(token.group(), token.group())


def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as why:
        raise ValueError(f"is no regular expression: {why}") from None


class Seeker:
    """Finds one pattern after the other in a stream, each behind the one before.

    It finds what it would find if the stream came one byte at a time, however it was
    cut: a pattern is found as soon as possible, so ``.*`` at its end matches nothing.
    It keeps at most two windows and a chunk. Each chunk costs at most a few searches
    in so many bytes.
    """

    def __init__(self) -> None:
        self._data = b""
        self._start = 0  # where the search begins; `^` looks at the byte before
        self._failed = -1  # the last end of the data up to which there is no match
        self._dropped = 0  # bytes since the last match that are not kept

    def take(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        self._data += chunk

    def find(self, pattern: StreamPattern) -> bool:
        """Whether the pattern is there; the next one is then looked for behind it."""
        for end in self._ends():
            if self._search(pattern, end):
                break
            self._failed = end
        else:
            return False
        # A pattern that is there by `end` is there by any later end.
        while end - self._failed > 1:
            middle = (self._failed + end) // 2
            if self._search(pattern, middle):
                end = middle
            else:
                self._failed = middle
        self._go_behind(self._search(pattern, end))
        return True

    def find_at_end(self, pattern: StreamPattern) -> bool:
        """Whether the pattern is there, now that the stream has ended."""
        if self.find(pattern):
            return True
        found = pattern.ended.search(self._data, self._start)
        if found:
            self._go_behind(found)
        return found is not None

    def came(self) -> str:
        """Tell in words what came since the last match."""
        kept = self._data[self._start :]
        size = self._dropped + len(kept)
        if not size:
            return "nothing came"
        last = kept[-SHOWN_BYTES:].decode("utf-8", "backslashreplace")
        which = ", the last" if size > SHOWN_BYTES else ""
        return f"{count(size, 'byte')} came{which}: '{last}'"

    def _ends(self) -> Iterator[int]:
        """Yield where to search up to; drop bytes at fixed places of the stream."""
        while self._start + 2 * WINDOW_BYTES <= len(self._data):
            yield self._start + 2 * WINDOW_BYTES
            self._dropped += WINDOW_BYTES
            self._drop(self._start + WINDOW_BYTES)
        yield len(self._data)

    def _search(self, pattern: StreamPattern, end: int) -> re.Match[bytes] | None:
        return pattern.open.search(self._data, self._start, end)

    def _go_behind(self, found: re.Match[bytes] | None) -> None:
        assert found is not None
        self._dropped = 0
        self._drop(found.end())
        self._failed = self._start - 1

    def _drop(self, start: int) -> None:
        """Search from here on; keep only the byte before."""
        gone = max(0, start - 1)
        self._data = self._data[gone:]
        self._start = start - gone
        self._failed -= gone
