"""What a client is given to send: files one after the other, paced, with CRLF."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from echolab.client.stdin import StdinReader
from echolab.errors import InputError, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import (
        IDelayedCall,
        IReactorFDSet,
        IReactorTime,
    )

__all__ = ["CRLF", "DotQuit", "FilesReader", "Pacer", "open_inputs"]

STANDARD = "-"


def open_inputs(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Open files to send; ``-`` is stdin.

    Returns:
        For each its descriptor, and its size in bytes: 0 if it has none, as a
        pipe.

    Raises:
        InputError: one cannot be opened.
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


class CRLF:
    r"""Ends each line with ``\r\n``, whatever pieces it comes in.

    Args:
        received: takes what comes out.
    """

    def __init__(self, received: Callable[[bytes], None]) -> None:
        self._received = received
        self._last = b""

    def __call__(self, chunk: bytes) -> None:
        r"""Take a chunk; a ``\n`` that has its ``\r`` stays as it is."""
        whole = re.sub(rb"(?<!\r)\n", b"\r\n", self._last + chunk)
        whole = whole[len(self._last) :]
        self._last = chunk[-1:] if chunk.endswith(b"\r") else b""
        self._received(whole)


class DotQuit:
    """Quits at the lecture's last line, one that begins with ``.``.

    The lines may arrive in any pieces; nothing is held back.

    Args:
        received: takes what stands before that line.
        quits: called once, at that line; nothing may come after it.
    """

    def __init__(
        self, *, received: Callable[[bytes], None], quits: Callable[[], None]
    ) -> None:
        self._received = received
        self._quits = quits
        self._at_line_start = True

    def __call__(self, chunk: bytes) -> None:
        """Take a chunk of input."""
        dot = self._find(chunk)
        if dot < 0:
            self._at_line_start = chunk.endswith(b"\n")
            self._received(chunk)
            return
        if dot:
            self._received(chunk[:dot])
        self._quits()

    def _find(self, chunk: bytes) -> int:
        """Where the last line begins in a chunk; -1 if it does not."""
        if b"." not in chunk:  # One byte is found much faster than two.
            return -1
        if self._at_line_start and chunk.startswith(b"."):
            return 0
        return chunk.find(b"\n.") + 1 or -1


@implementer(IPushProducer)
class FilesReader:
    """Reads descriptors one after the other, each to its end.

    Args:
        reactor: watches them.
        files: their names and descriptors.
        received: takes each chunk.
        ended: called once, at the end of the last.
        failed: called instead, once, if one cannot be read; the others are not.
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
        """Read, from now on or again."""
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


@implementer(IPushProducer)
class Pacer:
    """Passes on so many lines a second, and no more.

    It stands between a reader, which it pauses while it has lines, and what
    takes them. What comes after the last newline goes out with the end, or in
    pieces when it is more than ``MAX_BYTES``; its last piece counts as the line.

    Args:
        clock: tells the time.
        rate: how many lines a second.
        received: takes the lines.
        ended: called when the input has ended and all of it has gone out.
    """

    TURN_SECONDS = 0.01
    MAX_BYTES = 65536

    def __init__(
        self,
        clock: IReactorTime,
        rate: float,
        *,
        received: Callable[[bytes], None],
        ended: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._rate = rate
        self._received = received
        self._ended = ended
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._at_end = False
        self._paused = True
        self._turn: IDelayedCall | None = None
        self._next = 0.0  # when the next line is due
        self.source: IPushProducer | None = None

    def take(self, chunk: bytes) -> None:
        """Take a chunk of input."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._lines += [line + b"\n" for line in lines]
        if len(self._rest) > self.MAX_BYTES:
            self._lines.append(self._rest)
            self._rest = b""
        self._go_on()

    def end(self) -> None:
        """Take the end of input."""
        self._at_end = True
        if self._rest:
            self._lines.append(self._rest)
        self._go_on()

    def pauseProducing(self) -> None:
        """Pass nothing on until `resumeProducing`."""
        self._paused = True
        self._cancel()
        if self.source is not None:
            self.source.pauseProducing()

    def resumeProducing(self) -> None:
        """Pass lines on, from now on or again."""
        self._paused = False
        self._go_on()

    def stopProducing(self) -> None:
        """Pass nothing on any more."""
        self.pauseProducing()
        self._lines.clear()
        if self.source is not None:
            self.source.stopProducing()

    def _go_on(self) -> None:
        """Pass on what is due; then wait, or have more read, or end."""
        if self._paused or self._turn is not None:
            return
        now = self._clock.seconds()
        # Time in which there was nothing to send is not made up for.
        self._next = max(self._next, now - self.TURN_SECONDS)
        while self._lines and self._next <= now and not self._paused:
            line = self._lines.popleft()
            if line.endswith(b"\n"):
                self._next += 1 / self._rate
            self._received(line)
        if self.source is None:
            return
        if self._lines:
            self.source.pauseProducing()
            self._turn_in(max(self._next - now, self.TURN_SECONDS))
        elif self._at_end:
            self._ended()
        elif not self._paused:
            self.source.resumeProducing()

    def _turn_in(self, seconds: float) -> None:
        if not self._paused:
            self._turn = self._clock.callLater(seconds, self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        self._go_on()

    def _cancel(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()
