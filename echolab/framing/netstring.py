"""Framing of netstrings (D. J. Bernstein, 1997)."""

from __future__ import annotations

from echolab.errors import MalformedError
from echolab.framing.base import DEFAULT_MAX_MESSAGE_BYTES, Overlong
from echolab.framing.length import LengthFramer

__all__ = ["NetstringFramer", "netstring"]

_DIGITS = 10


class NetstringFramer(LengthFramer):
    """Framer for netstrings: ``5:hello,`` (D. J. Bernstein, 1997).

    Args:
        max_message_bytes: the longest message, at least 1.
        overlong: what to do with a longer one.
    """

    __slots__ = ()

    def __init__(
        self,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        overlong: Overlong = "split",
    ) -> None:
        super().__init__(_length, b",", max_message_bytes, overlong)


def netstring(message: bytes) -> bytes:
    """Return a message as a netstring."""
    return b"%d:%b," % (len(message), message)


def _length(data: bytes, at: int) -> tuple[int, int] | None:
    head, colon, _ = data[at : at + _DIGITS + 1].partition(b":")
    bad = head[:1] == b"0" and len(head) > 1
    if bad or (head and not head.isdigit()) or (colon and not head):
        raise MalformedError("a netstring begins with its length and a colon", data, at)
    if colon:
        return int(head), at + len(head) + 1
    if len(head) > _DIGITS:
        raise MalformedError(
            f"a netstring's length has over {_DIGITS} digits", data, at
        )
    return None
