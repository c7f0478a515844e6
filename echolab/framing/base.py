"""The interface of all framers, and their default bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.messages import Messages

__all__ = [
    "DEFAULT_MAX_MESSAGE_BYTES",
    "AnyFraming",
    "Framer",
    "Framing",
    "Overlong",
    "check_bound",
]

DEFAULT_MAX_MESSAGE_BYTES = 65536

Overlong: TypeAlias = Literal["split", "close"]
"""What to do with a message over the bound: split it, or close the connection."""


class Framer(Protocol):
    """Turns the chunks of one connection into messages."""

    @property
    def buffered_bytes(self) -> int:
        """Number of bytes of the unfinished message."""
        ...

    def feed(self, chunk: bytes) -> Iterable[Messages]:
        """Take the bytes of one read; return the messages they complete.

        Errors are raised at once, or after the good messages.

        Raises:
            MalformedError: the bytes are not valid in this framing.
            OverlongError: a message is over the bound, and ``overlong`` is ``close``.
        """
        ...

    def take(self) -> Iterable[Messages]:
        """Return the bytes of the unfinished message so far, marked ``partial``.

        The rest of the message follows later, marked ``continued``. Bytes that may
        begin the end of a message stay in the buffer. So do bytes that come before
        a message, such as its length.
        """
        ...

    def end(self) -> Iterable[Messages]:
        """Take the end of the stream; return the unterminated message, if any.

        Raises:
            FramingError: as in `feed`.
        """
        ...


class Framing(Protocol):
    """What provides `echolab.IFraming`."""

    def make_framer(self, max_message_bytes: int, overlong: Overlong, /) -> Framer:
        """Make the framer of one connection."""
        ...

    def framed(self, message: bytes, /) -> bytes:
        """Return a message as it is sent."""
        ...


AnyFraming: TypeAlias = str | Framing | type[Framing]
"""The name of a framing, or a framing of yours."""


def check_bound(max_message_bytes: int) -> int:
    """Return the bound, or raise ValueError if it is less than 1."""
    if max_message_bytes < 1:
        raise ValueError(
            f"max_message_bytes must be at least 1, not {max_message_bytes}"
        )
    return max_message_bytes
