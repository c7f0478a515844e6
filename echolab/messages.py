"""What framing makes of a chunk: a batch of messages.

A batch is what travels, not one message, because a batch can be handled at the
speed of the wire: a thousand lines are labelled by one ``bytes.replace``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENDED", "GOES_ON", "Batch", "Lines", "Mark", "Messages"]

Mark: TypeAlias = Literal["overlong", "partial", "continued", "unterminated"]
"""What a batch of one message is, where that is not a whole message.

- ``overlong``: one piece of a message over the bound, which goes on.
- ``partial``: what had come of a message when its peer fell silent; it goes on.
- ``continued``: the end of a message of which pieces were given out before.
- ``unterminated``: what had come of a message when its peer ended.
"""

GOES_ON: frozenset[Mark | None] = frozenset({"overlong", "partial"})
"""The marks of a message that goes on."""

ENDED: frozenset[Mark | None] = frozenset({None, "continued"})
"""The marks of messages that their peer has ended."""


class Messages(Protocol):
    """A chunk's worth of messages of one peer, in order; none are no event."""

    @property
    def mark(self) -> Mark | None:
        """What this is, if it is one message and not a whole one."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """The messages one by one."""
        ...

    def __len__(self) -> int:
        """How many they are."""
        ...

    def join(self, separator: bytes) -> bytes:
        """All messages with ``separator`` between them, as ``bytes.join`` would."""
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
        mark: what this is, if it is one line and not a whole one.
    """

    block: bytes
    mark: Mark | None = None
    _count: int | None = field(default=None, init=False, repr=False, compare=False)

    def __iter__(self) -> Iterator[bytes]:
        r"""Each line, without its ``\n``."""
        return iter(self.block[:-1].split(b"\n") if self.block else ())

    def __bool__(self) -> bool:
        """Whether there are any: they need not be counted for that."""
        return bool(self.block)

    def __len__(self) -> int:
        """How many lines these are; for nothing, once they have been joined."""
        return self.block.count(b"\n") if self._count is None else self._count

    def join(self, separator: bytes) -> bytes:
        """All lines with ``separator`` between them."""
        joined = self.block[:-1].replace(b"\n", separator)
        if len(separator) > 1:
            # To count newlines would take as long as to replace them.
            growth = len(joined) - len(self.block) + 1
            object.__setattr__(self, "_count", growth // (len(separator) - 1) + 1)
        return joined

    def raw(self) -> bytes:
        r"""The lines; one that its peer has not ended is without a ``\n``."""
        return self.block if self.mark in ENDED else self.block[:-1]


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of any bytes.

    Attributes:
        messages: each as it is.
        mark: what this is, if it is one message and not a whole one.
    """

    messages: tuple[bytes, ...]
    mark: Mark | None = None

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
