"""Lines from a pipe, which a server sends to its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from echolab.counting import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.errors import EcholabError
    from echolab.interfaces import Producer
    from echolab.server.addressing import Addressing
    from echolab.server.conversation import Conversation

__all__ = ["PipedTalk"]

MOST_LINE_BYTES = 1 << 20
"""A longer line is sent in pieces of this size."""

_log = Logger()


class PipedTalk:
    """Sends the lines of a pipe to the peer that spoke last; no line is a command.

    The pipe is read while there is such a peer, and as fast as it takes the lines.

    Args:
        addressing: knows the peer.
        frame: turns a line into bytes to send. It raises a ValueError if it cannot.
    """

    has_begun = False

    def __init__(self, addressing: Addressing, frame: Callable[[bytes], bytes]) -> None:
        self._addressing = addressing
        self._frame = frame
        self._source: Producer | None = None
        self._begun = b""
        self._waits = False  # until the peer has taken the lines

    def join(self, source: Producer) -> None:
        """Read the pipe, while there is a peer for its lines."""
        self._source = source
        self.refresh()

    def say(self, data: bytes) -> None:
        """Log a message: nobody types here."""
        _log.info("{text}", text=data.decode().removesuffix("\n"))

    def refresh(self) -> None:
        """Read, or wait for a peer."""
        if self._source is None:
            return
        if self._waits or self._addressing.last_to_speak() is None:
            self._source.pauseProducing()
        else:
            self._source.resumeProducing()

    def received(self, chunk: bytes) -> None:
        """Take lines, and the start of the next one."""
        *lines, begun = (self._begun + chunk).split(b"\n")
        if len(begun) > MOST_LINE_BYTES:
            lines, begun = [*lines, begun], b""
        self._begun = begun
        self._send(lines)

    def input_failed(self, why: EcholabError) -> None:
        """Take an error of reading the pipe."""
        self.say(str(why).encode())

    def ended(self) -> None:
        """Take the end of the pipe; the server goes on."""
        self.stop()

    def stop(self) -> None:
        """Read no more; what was read is still sent."""
        self._source = None
        begun, self._begun = self._begun, b""
        if begun:
            self._send([begun])

    def _send(self, lines: list[bytes]) -> None:
        data = b"".join(map(self._framed, lines))
        to = self._addressing.last_to_speak()
        if to is None:
            if data:
                self.say(f"not sent: {count(len(data), 'byte')}".encode())
        elif data:
            self._waits = True
            to.send(lambda at: data[at:], len(data), self._when_sent(to, len(data)))
        self.refresh()

    def _framed(self, line: bytes) -> bytes:
        try:
            return self._frame(line)
        except ValueError as why:
            self.say(f"not sent: {why}".encode())
            return b""

    def _when_sent(self, to: Conversation, size: int) -> Callable[[int, str], None]:
        def sent(sent_bytes: int, why: str) -> None:
            self._waits = False
            if left := size - sent_bytes:
                lost = count(left, "byte")
                self.say(f"not sent to {to.name}: {lost}: {why}".encode())
            self.refresh()

        return sent
