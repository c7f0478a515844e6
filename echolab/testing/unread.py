"""The received bytes that no match has consumed yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from echolab.testing.stream import MATCH_BYTES, Stream
from echolab.testing.wording import SHOWN_BYTES

if TYPE_CHECKING:
    import re

__all__ = ["Search", "Unread"]

LEAST_BYTES = 4 * MATCH_BYTES
"""How much is kept at least: enough for a match, and what stands before it."""


class Search:
    """A search that goes on while bytes come.

    Args:
        pattern: what to search for.
        searched: the position up to which there was no match.

    Attributes:
        match: the first match; None if there is none yet.
    """

    def __init__(self, pattern: re.Pattern[bytes], searched: int) -> None:
        self.pattern = pattern
        self.searched = searched
        self.match: re.Match[bytes] | None = None


class Unread:
    """The received bytes that no match has consumed yet.

    Args:
        max_bytes: how many bytes are kept; of more, only the last.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max(max_bytes, LEAST_BYTES)
        self._stream = Stream()
        self._consumed = 0  # the position after the last match
        self._searches: list[Search] = []

    @override
    def __str__(self) -> str:
        """How many bytes these are, and the last of them."""
        rest = bytes(self._stream.data[-SHOWN_BYTES:])
        many = self._stream.end - self._consumed
        return f"{many} bytes, the last are {rest!r}" if many else "nothing"

    def append(self, data: bytes) -> None:
        """Take received bytes."""
        self._stream.append(data)
        self._search_all()
        if len(self._stream.data) > self._max_bytes:
            self._stream.drop(self._stream.end - self._max_bytes // 2)

    def end(self) -> None:
        """Take the end of the stream."""
        self._stream.has_ended = True
        self._search_all()

    def search(self, pattern: re.Pattern[bytes]) -> Search:
        """Search after the last match, also in what comes until `forget`.

        Raises:
            OverflowError: more bytes came after the last match than are kept.
        """
        if self._stream.start > self._consumed:
            raise OverflowError(
                f"more than {self._max_bytes} bytes came after the last match"
            )
        search = Search(pattern, self._consumed)
        self._search(search)
        self._searches.append(search)
        return search

    def forget(self, search: Search) -> None:
        """End a search."""
        self._searches.remove(search)

    def _search_all(self) -> None:
        for search in self._searches:
            if search.match is None:
                self._search(search)

    def _search(self, search: Search) -> None:
        stream = self._stream
        match = stream.search(search.pattern, search.searched)
        search.searched = stream.end
        if match:
            # A match of its own, since these bytes change.
            so_far = bytes(stream.data)
            search.match = match.re.search(so_far, match.start())
            self._consumed = stream.start + match.end()
            stream.drop(self._consumed)
