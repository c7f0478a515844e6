"""A stream of bytes, to search patterns in while it comes."""

from __future__ import annotations

import re

__all__ = ["MATCH_BYTES", "Stream"]

MATCH_BYTES = 65536
"""The longest match that is found in a stream that comes in pieces; and how many bytes
before a match a lookbehind sees."""

_LOOKS_AHEAD = re.compile(rb"[$]|\\[zZbB]|\(\?[=!]")
"""Parts of a pattern whose match may depend on what follows it."""


class Stream:
    r"""The bytes of a stream so far, for patterns that are searched in it.

    ``^`` is the start of the stream; with ``(?m)``, of a line. ``$`` is its end, which
    is known only when it has come; with ``(?m)``, it is the end of a line too. If the
    byte after a match may undo it (``$``, ``\b``, ``(?!…)``), it is a match only when
    that byte has come, or the end.

    Args:
        is_cut: whether its first bytes are unknown: then no match begins at its start.

    Attributes:
        data: the bytes, except those at the start that were dropped.
        start: the position of the first of them.
        has_ended: whether no more will come.
    """

    def __init__(self, *, is_cut: bool = False) -> None:
        self.data = bytearray(b"\0" if is_cut else b"")
        self.start = -len(self.data)
        self.has_ended = False

    @property
    def end(self) -> int:
        """The position after the last byte so far."""
        return self.start + len(self.data)

    def append(self, data: bytes) -> None:
        """Take the next bytes."""
        self.data += data

    def drop(self, position: int) -> None:
        """Drop the bytes before a position."""
        if position > self.start:
            del self.data[: position - self.start]
            self.start = position

    def search(
        self, pattern: re.Pattern[bytes], searched: int
    ) -> re.Match[bytes] | None:
        """Return the first match.

        Args:
            pattern: what to search for.
            searched: a position up to which there was no match. It spares a long
                stream to be searched again with each piece.
        """
        match = pattern.search(self.data, max(0, searched - MATCH_BYTES - self.start))
        if match and not self.has_ended and _LOOKS_AHEAD.search(pattern.pattern):
            stays = all(self._matches_before(byte, match) for byte in range(256))
            return match if stays else None
        return match

    def _matches_before(self, byte: int, match: re.Match[bytes]) -> bool:
        """Whether there is a match, too, if this is the next byte of the stream."""
        self.data.append(byte)
        try:
            return match.re.search(self.data, match.start()) is not None
        finally:
            self.data.pop()
