"""The messages of a chunk, as one batch.

A batch travels, not a single message, because a batch can be handled at the speed
of the wire: one ``bytes.replace`` labels a thousand lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENDED", "GOES_ON", "Batch", "Lines", "Mark", "Messages", "without_first"]

Mark: TypeAlias = Literal["overlong", "partial", "continued", "unterminated"]
"""The state of a batch with one message that is not whole.

- ``overlong``: one piece of a message over the bound; the message goes on.
- ``partial``: the start of a message whose peer fell silent; the message goes on.
- ``continued``: the end of a message; its other pieces came before.
- ``unterminated``: the start of a message whose peer ended.
"""

GOES_ON: frozenset[Mark | None] = frozenset({"overlong", "partial"})
"""The marks of a message that goes on."""

ENDED: frozenset[Mark | None] = frozenset({None, "continued"})
"""The marks of messages that their peer has ended."""


class Messages(Protocol):
    """The messages of one chunk of one peer, in order; at least one in an event."""

    @property
    def mark(self) -> Mark | None:
        """The mark, if this is one message that is not whole; else None."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Return an iterator over the messages."""
        ...

    def __len__(self) -> int:
        """Return the number of messages."""
        ...

    def join(self, separator: bytes) -> bytes:
        """Return all messages with ``separator`` between them, as ``bytes.join``."""
        ...

    def raw(self) -> bytes:
        """Return all messages as the peer ended them, with nothing added."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    r"""Lines, as one block of bytes.

    Attributes:
        block: the lines, each followed by one ``\n`` (a peer's ``\r\n`` has become
            ``\n``).
        mark: the mark, if this is one line that is not whole; else None.
    """

    block: bytes
    mark: Mark | None = None
    _count: int | None = field(default=None, init=False, repr=False, compare=False)

    def __iter__(self) -> Iterator[bytes]:
        r"""Return an iterator over the lines, without their ``\n``."""
        return iter(self.block[:-1].split(b"\n") if self.block else ())

    def __bool__(self) -> bool:
        """Whether there are any lines; faster than to count them."""
        return bool(self.block)

    def __len__(self) -> int:
        """Return the number of lines; it costs nothing after `join`."""
        return self.block.count(b"\n") if self._count is None else self._count

    def join(self, separator: bytes) -> bytes:
        """Return all lines with ``separator`` between them."""
        joined = self.block[:-1].replace(b"\n", separator)
        if len(separator) > 1:
            # Counting newlines would take as long as replacing them.
            growth = len(joined) - len(self.block) + 1
            object.__setattr__(self, "_count", growth // (len(separator) - 1) + 1)
        return joined

    def raw(self) -> bytes:
        r"""Return the lines; one that the peer has not ended has no ``\n``."""
        return self.block if self.mark in ENDED else self.block[:-1]


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of any bytes.

    Attributes:
        messages: each message, unchanged.
        mark: the mark, if this is one message that is not whole; else None.
    """

    messages: tuple[bytes, ...]
    mark: Mark | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Return an iterator over the messages."""
        return iter(self.messages)

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self.messages)

    def join(self, separator: bytes) -> bytes:
        """Return all messages with ``separator`` between them."""
        return separator.join(self.messages)

    def raw(self) -> bytes:
        """Return the messages, joined without a separator."""
        return b"".join(self.messages)


def without_first(messages: Messages, count: int) -> Messages:
    """Return messages without their first ones.

    Args:
        messages: the messages.
        count: how many to leave out; there are more.
    """
    if isinstance(messages, Lines):
        return Lines(messages.block.split(b"\n", count)[count], messages.mark)
    return Batch((*messages,)[count:], messages.mark)
