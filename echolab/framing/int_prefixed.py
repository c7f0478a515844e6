"""Framing with a length prefix, a big-endian integer."""

from __future__ import annotations

from echolab.framing.base import DEFAULT_MAX_MESSAGE_BYTES, Overlong
from echolab.framing.length import LengthFramer

__all__ = ["IntFramer", "int_framed"]


class IntFramer(LengthFramer):
    """Framer for messages with a length prefix, an unsigned big-endian integer.

    Args:
        width: bytes of the integer: 2 (``int16``), 4 (``int32``).
        max_message_bytes: the longest message, at least 1.
        overlong: what to do with a longer one.
    """

    __slots__ = ()

    def __init__(
        self,
        width: int,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        overlong: Overlong = "split",
    ) -> None:
        def length(data: bytes, at: int) -> tuple[int, int] | None:
            after = at + width
            if len(data) < after:
                return None
            return int.from_bytes(data[at:after], "big"), after

        super().__init__(length, b"", max_message_bytes, overlong)


def int_framed(width: int, message: bytes) -> bytes:
    """Return a message with its length in front.

    Raises:
        ValueError: the length does not fit into ``width`` bytes.
    """
    most = (1 << 8 * width) - 1
    if len(message) > most:
        raise ValueError(f"{len(message)} bytes are too long: at most {most}")
    return len(message).to_bytes(width, "big") + message
