"""Framing of syslog over TCP (RFC 6587): octet counting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.errors import MalformedError
from echolab.framing.decoded import line_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.framing.decoded import Part

__all__ = ["OctetCount", "octet_counted"]

_DIGITS = 10


class OctetCount:
    r"""Decoder of messages that follow their length and a space (RFC 6587, 3.4.1).

    What does not begin with a digit is a message that ends with a newline (3.4.2).
    """

    def __init__(self) -> None:
        self.held = bytearray()
        self._left = 0  # of a message whose length is known
        self._in_line = False

    def decode(self, chunk: bytes) -> Iterator[Part]:
        """Yield the bytes of messages."""
        data = bytes(self.held) + chunk
        self.held.clear()
        at = 0
        while at < len(data):
            if self._left:
                part = data[at : at + self._left]
                at += len(part)
                self._left -= len(part)
                yield part, self._left or None
            elif self._in_line or not data[at : at + 1].isdigit():
                end, after = line_end(data, at)
                self._in_line = after is None
                yield data[at:end], None if after else 0
                if after is None:
                    self.held += data[end:]
                    return
                at = after
            else:
                found = _length(data, at)
                if found is None:
                    self.held += data[at:]
                    return
                left, start = found
                if start == len(data):
                    # Kept until more comes: at the end of the stream it is all that
                    # there is of the message.
                    yield b"", left
                    self.held += data[at:]
                    return
                self._left, at = left, start


def octet_counted(message: bytes) -> bytes:
    """Return a message with its length in front.

    Raises:
        ValueError: the message is empty, which RFC 6587 does not allow.
    """
    if not message:
        raise ValueError("the text is empty: a length cannot be 0")
    return b"%d %b" % (len(message), message)


def _length(data: bytes, at: int) -> tuple[int, int] | None:
    head, space, _ = data[at : at + _DIGITS + 1].partition(b" ")
    if head[:1] == b"0" or not head.isdigit():
        raise MalformedError("a message begins with its length and a space", data, at)
    if space:
        return int(head), at + len(head) + 1
    if len(head) > _DIGITS:
        raise MalformedError(f"a message's length has over {_DIGITS} digits", data, at)
    return None
