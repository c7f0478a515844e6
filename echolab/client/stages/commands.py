"""Commands among the lines that a user types on a terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from typing_extensions import override

from echolab.client.stages.base import Stage
from echolab.counting import count
from echolab.errors import EcholabError
from echolab.escaping import escape_line
from echolab.terminal.commands import FOR_ONE, SIGN, bytes_of, read_line
from echolab.terminal.named_file import SHORTER, open_named
from echolab.terminal.stdin import StdinReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorFDSet

    from echolab.errors import InputError
    from echolab.terminal.commands import TypedCommand

__all__ = ["Commands"]


class Commands(Stage):
    """Obey the commands among typed lines; pass on the other lines.

    What a command sends is sent as it is: no later stage sees it. While a file is sent,
    as fast as the server takes it, no line is read.

    Args:
        reactor: watches a file that is sent.
        send: sends bytes.
        reset: resets the connection.
        say: shows a line to the user.
        typed: called when a command was typed.
        ask: called when the next line can be typed.
    """

    def __init__(
        self,
        reactor: IReactorFDSet,
        *,
        send: Callable[[bytes], None],
        reset: Callable[[], None],
        say: Callable[[str], None],
        typed: Callable[[], None],
        ask: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._send = send
        self._reset = reset
        self._say = say
        self._typed = typed
        self._ask = ask
        self._at_line_start = True
        self._begun = b""  # a command whose end has not come
        self._file: StdinReader | None = None
        self._sent_bytes = 0
        self._paused = True
        self._at_end = False

    @override
    def received(self, chunk: bytes) -> None:
        """Take a line, or a part of one: a terminal ends a read at Ctrl-D too."""
        if not self._begun and not (self._at_line_start and chunk.startswith(SIGN)):
            self._at_line_start = chunk.endswith(b"\n")
            self._taker.received(chunk)
            return
        self._begun += chunk
        if self._begun.endswith(b"\n"):
            line, self._begun = self._begun[:-1], b""
            self._read(line)

    @override
    def ended(self) -> None:
        """Take the end; a command may stand before it, without a newline."""
        self._at_end = True
        if self._begun:
            self._read(self._begun)
        if self._file is None:
            self._taker.ended()

    @override
    def pauseProducing(self) -> None:
        self._paused = True
        (self._file or self._source).pauseProducing()

    @override
    def resumeProducing(self) -> None:
        self._paused = False
        (self._file or self._source).resumeProducing()

    @override
    def stopProducing(self) -> None:
        self._close_file()
        self._source.stopProducing()

    def _read(self, line: bytes) -> None:
        try:
            what = read_line(line, FOR_ONE)
            if isinstance(what, bytes):
                self._taker.received(what + b"\n")
                return
            self._typed()
            self._obey(what)
        except (ValueError, EcholabError) as why:
            self._typed()
            self._say(str(why))
        if self._file is None and not self._at_end:
            self._ask()

    def _obey(self, command: TypedCommand) -> None:
        name, argument = command
        if name not in FOR_ONE:
            raise ValueError(f"/{name}: there is one connection")
        if name == "send":
            self._send(bytes_of(argument))
        elif name == "file":
            self._send_file(argument.strip())
        elif argument.strip():
            raise ValueError(f"/{name}: there is one connection, without a number")
        else:
            at_end, self._at_end = self._at_end, True
            self._source.stopProducing()
            if name == "reset":
                self._reset()
            elif not at_end:
                self._taker.ended()

    def _send_file(self, path: str) -> None:
        self._fd = open_named(path)
        self._size = os.fstat(self._fd).st_size
        self._sent_bytes = 0
        self._source.pauseProducing()
        self._file = StdinReader(
            self._reactor,
            self._fd,
            received=self._send_piece,
            ended=lambda: self._sent(path),
            failed=lambda why: self._sent(path, why),
            name=path,
        )
        if not self._paused:
            self._file.resumeProducing()

    def _send_piece(self, piece: bytes) -> None:
        self._sent_bytes += len(piece)
        self._send(piece)

    def _sent(self, path: str, why: InputError | None = None) -> None:
        """Go on with the lines: the file has ended, or cannot be read."""
        self._close_file()
        if why is not None:
            self._say(str(why))
        said = f"sent {count(self._sent_bytes, 'byte')} of {escape_line(path)}"
        if why is None and self._sent_bytes < self._size:
            said += f", not more: {SHORTER}"
        self._say(said)
        if self._at_end:
            self._taker.ended()
            return
        self._ask()
        if not self._paused:
            self._source.resumeProducing()

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.stopProducing()
            os.close(self._fd)
