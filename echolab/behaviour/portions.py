"""A stage between a transport and a connection: received bytes in small portions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Portions"]


class Portions:
    """Passes on bytes that a transport has read, in portions, while it may.

    Bytes cannot be given back to a transport: the rest waits here.

    Args:
        size: returns how many bytes the next portion may have, at least 1.
        may_pass: returns whether a portion may be passed on now.
        passes: takes each portion.
    """

    def __init__(
        self,
        *,
        size: Callable[[], int],
        may_pass: Callable[[], bool],
        passes: Callable[[bytes], None],
    ) -> None:
        self._size = size
        self._may_pass = may_pass
        self._passes = passes
        self._rest = bytearray()

    def add(self, data: bytes) -> None:
        """Take the bytes of a read."""
        self._rest += data

    def go_on(self) -> None:
        """Pass on the portions that may be passed on now."""
        while self._rest and self._may_pass():
            size = self._size()
            portion = bytes(self._rest[:size])
            del self._rest[:size]
            self._passes(portion)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait."""
        return len(self._rest)
