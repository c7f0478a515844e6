"""What every framer promises, and the bound they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.messages import Messages

__all__ = ["DEFAULT_MAX_MESSAGE_BYTES", "Framer", "Overlong", "check_bound"]

DEFAULT_MAX_MESSAGE_BYTES = 65536

Overlong: TypeAlias = Literal["split", "close"]
"""What becomes of a message over the bound: given out in pieces, or refused."""


class Framer(Protocol):
    """Turns the chunks of one connection into messages."""

    @property
    def buffered_bytes(self) -> int:
        """How many bytes wait for the rest of their message."""
        ...

    def feed(self, chunk: bytes) -> Iterable[Messages]:
        """Take the bytes of one read; give out the messages they complete.

        Errors are raised at once, or behind the messages that were good.

        Raises:
            MalformedError: the bytes are not of this framing.
            OverlongError: a message is over the bound, and that is refused.
        """
        ...

    def take(self) -> Iterable[Messages]:
        """Give out what there is of the message that waits, marked ``partial``.

        Its end follows, marked ``continued``. What may turn out to be the end of a
        message stays here, and so does what comes before it, such as its length.
        """
        ...

    def end(self) -> Iterable[Messages]:
        """Take the end of the stream; give out what was left unterminated.

        Raises:
            FramingError: as `feed` does.
        """
        ...


def check_bound(max_message_bytes: int) -> int:
    """Return a bound that is one; raise ValueError where it is not."""
    if max_message_bytes < 1:
        raise ValueError(
            f"max_message_bytes must be at least 1, not {max_message_bytes}"
        )
    return max_message_bytes
