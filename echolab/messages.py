"""What framing makes of a chunk: a batch of messages.

A batch is what travels, not one message, because a batch can be handled at the
speed of the wire: a thousand lines are labelled by one `bytes.replace`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Batch", "Lines", "Messages"]


class Messages(Protocol):
    """A chunk's worth of messages of one peer, in order."""

    @property
    def overlong(self) -> bool:
        """Whether this is one piece of a longer message, which goes on."""
        ...

    @property
    def unterminated(self) -> bool:
        """Whether the peer ended before it ended this message."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """The messages one by one."""
        ...

    def __len__(self) -> int:
        """How many they are."""
        ...

    def join(self, separator: bytes) -> bytes:
        """All messages with ``separator`` between them, as `bytes.join` would."""
        ...

    def raw(self) -> bytes:
        """All messages as the peer ended them, and nothing added."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    r"""Messages that are lines, as one block of bytes.

    Attributes:
        block: the lines, each followed by one ``\n`` (a ``\r\n`` of the peer's
            has become ``\n``).
        overlong: this is one piece of a line longer than the bound; the line
            goes on in what follows.
        unterminated: this is one last line, and the peer never ended it.
    """

    block: bytes
    overlong: bool = False
    unterminated: bool = False

    def __iter__(self) -> Iterator[bytes]:
        r"""Each line, without its ``\n``."""
        return iter(self.block[:-1].split(b"\n"))

    def __len__(self) -> int:
        """How many lines these are."""
        return self.block.count(b"\n")

    def join(self, separator: bytes) -> bytes:
        """All lines with ``separator`` between them."""
        return self.block[:-1].replace(b"\n", separator)

    def raw(self) -> bytes:
        r"""The lines; a piece or an unterminated line without a ``\n``."""
        return self.block[:-1] if self.overlong or self.unterminated else self.block


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of any bytes.

    Attributes:
        messages: each as it is.
        overlong: this is one piece of a message longer than the bound.
        unterminated: this is one last message, and the peer never ended it.
    """

    messages: tuple[bytes, ...]
    overlong: bool = False
    unterminated: bool = False

    def __iter__(self) -> Iterator[bytes]:
        """Each message."""
        return iter(self.messages)

    def __len__(self) -> int:
        """How many messages these are."""
        return len(self.messages)

    def join(self, separator: bytes) -> bytes:
        """All messages with ``separator`` between them."""
        return separator.join(self.messages)

    def raw(self) -> bytes:
        """The messages, one right behind the other."""
        return b"".join(self.messages)
