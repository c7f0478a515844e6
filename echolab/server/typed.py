"""What is sent by hand to one peer."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from echolab.errors import reason_of
from echolab.terminal.named_file import SHORTER

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NamedFile", "Typed"]

PIECE_BYTES = 1 << 16


class Typed:
    """Bytes for one peer, each piece read when the peer can take it.

    Args:
        read: returns the next bytes behind so many; nothing at the end.
        held_bytes: how many bytes are held for it.
        ended: called once, at the end: with how many bytes were sent, and why no more
            were; an empty text if these were all.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        held_bytes: int,
        ended: Callable[[int, str], None],
    ) -> None:
        self.held_bytes = held_bytes
        self._read = read
        self._ended: Callable[[int, str], None] | None = ended
        self._sent_bytes = 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._ended is None

    def __iter__(self) -> Typed:
        """Return itself: it is read once."""
        return self

    def __next__(self) -> bytes:
        """Return the next piece."""
        why = piece = None
        if not self.is_over:
            try:
                piece = self._read(self._sent_bytes)
            except OSError as error:
                why = reason_of(error)
        if not piece:
            self.end(why or "")
            raise StopIteration
        self._sent_bytes += len(piece)
        return piece

    def end(self, why: str) -> None:
        """Send no more."""
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self._sent_bytes, why)


class NamedFile:
    """An open file that is sent to one or more peers, each at its own pace.

    Args:
        fd: the descriptor; it is closed when every peer has its end.
        readers: how many peers there are.

    Attributes:
        size: how many bytes it had at the start.
    """

    def __init__(self, fd: int, readers: int) -> None:
        self._fd = fd
        self.size = os.fstat(fd).st_size
        self._readers = readers

    def read(self, at: int) -> bytes:
        """Return the next bytes behind so many.

        Raises:
            OSError: they cannot be read, or are not there any more.
        """
        piece = os.pread(self._fd, PIECE_BYTES, at)
        if not piece and at < self.size:
            raise OSError(errno.ENODATA, SHORTER)
        return piece

    def leave(self) -> None:
        """Note that one peer needs it no more."""
        self._readers -= 1
        if not self._readers:
            os.close(self._fd)
