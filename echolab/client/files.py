"""Files that a client sends, one after the other."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from echolab.errors import InputError, reason_of
from echolab.terminal.stdin import StdinReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IReactorFDSet

__all__ = ["FilesReader", "open_inputs"]

STANDARD = "-"


def open_inputs(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Open files to send; ``-`` is stdin.

    Returns:
        The descriptor of each file, and its size in bytes: 0 if it has none, such
        as a pipe.

    Raises:
        InputError: a file cannot be opened.
    """
    opened: list[tuple[int, int]] = []
    for path in paths:
        try:
            fd = 0 if path == STANDARD else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            status = os.fstat(fd)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        except OSError as error:
            raise InputError("open", path, reason_of(error)) from None
        opened.append((fd, status.st_size if stat.S_ISREG(status.st_mode) else 0))
    return opened


@implementer(IPushProducer)
class FilesReader:
    """Reads descriptors one after the other, each to its end.

    Args:
        reactor: watches the descriptors.
        files: the names and descriptors.
        received: takes each chunk.
        ended: called once, at the end of the last file.
        failed: called once instead, if a file cannot be read; the rest are not read.
    """

    def __init__(
        self,
        reactor: IReactorFDSet,
        files: Sequence[tuple[str, int]],
        *,
        received: Callable[[bytes], None],
        ended: Callable[[], None],
        failed: Callable[[InputError], None],
    ) -> None:
        self._ended = ended
        self._failed = failed
        self._readers = [
            StdinReader(
                reactor,
                fd,
                received=received,
                ended=self._next,
                failed=self._fail,
                name="stdin" if name == STANDARD else name,
            )
            for name, fd in files
        ]
        self._paused = True

    def pauseProducing(self) -> None:
        """Do not read until `resumeProducing`."""
        self._paused = True
        if self._readers:
            self._readers[0].pauseProducing()

    def resumeProducing(self) -> None:
        """Read now, or again."""
        self._paused = False
        if self._readers:
            self._readers[0].resumeProducing()

    def stopProducing(self) -> None:
        """Never read again; ``ended`` is not called."""
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.stopProducing()

    def _fail(self, why: InputError) -> None:
        self.stopProducing()
        self._failed(why)

    def _next(self) -> None:
        del self._readers[:1]
        if not self._readers:
            self._ended()
        elif not self._paused:
            self._readers[0].resumeProducing()
