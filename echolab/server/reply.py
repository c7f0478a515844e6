"""Replies: an echo (RFC 862), a text for each message, or what a function returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from echolab.doors import Found, find, made, verify
from echolab.escaping import unescape
from echolab.framing import framed
from echolab.server.maker import Hosting, is_maker
from echolab.server.steps import Next, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.addresses import Peer
    from echolab.framing.base import AnyFraming
    from echolab.messages import Messages

__all__ = [
    "Answer",
    "Reply",
    "echo",
    "no_reply",
    "of_chunks",
    "repeated",
    "reply_itself",
    "reply_named",
    "reply_text",
]

Answer: TypeAlias = bytes | Iterable[Piece] | None
"""What is sent back: bytes, an iterable of pieces, or nothing.

Each piece is made when the peer can take it: bytes, a `Delay`, `Close`, or a coroutine
or Deferred that will have an answer."""

Reply: TypeAlias = "Callable[[Peer, Messages], Answer | Awaitable[Answer]]"
"""A function that takes a peer and its finished messages, and returns the answer.

The answer of a coroutine is sent when it is ready; later answers wait for it."""

PIECE_BYTES = 1 << 16


class of_chunks:  # noqa: N801  (a decorator)
    """Make a reply that is given the bytes of each read, with any framing.

    Args:
        reply: takes a peer and the bytes of one read; returns the answer.
    """

    def __init__(self, reply: Callable[[Peer, bytes], Answer]) -> None:
        self._reply = reply

    def to_chunk(self, peer: Peer, chunk: bytes) -> Answer:
        """Answer the bytes of one read."""
        return self._reply(peer, chunk)

    def __call__(self, _peer: Peer, _messages: Messages) -> None:
        """Answer nothing to messages: their bytes were answered already."""


@of_chunks
def echo(_peer: Peer, chunk: bytes) -> bytes:
    """Send back the received bytes (RFC 862)."""
    return chunk


def no_reply(_peer: Peer, _messages: Messages) -> None:
    """Do not answer."""


def reply_named(text: str) -> Callable[[], Reply | Hosting] | None:
    """Find the reply that a text names; None if it names none, and is what to send.

    Args:
        text: ``none``, ``echo``, the name of an installed reply, or
            ``python:module:name`` (`echolab.IReply`, or a Protocol or Factory).

    Returns:
        What makes the reply of one server; it raises a DoorError if that fails.

    Raises:
        DoorError: what has the name is no reply.
    """
    if text in _REPLIES:
        return partial(_REPLIES.__getitem__, text)
    found = find("replies", text)
    return found and _offered(found)


def reply_itself(reply: Reply | type[Reply]) -> Reply | Hosting:
    """Return a reply that is not named but handed in; a class is called.

    Raises:
        DoorError: it is none.
    """
    return _offered(Found.here(reply))()


def _offered(found: Found) -> Callable[[], Reply | Hosting]:
    if is_maker(found.thing):
        return lambda: Hosting(found.thing)
    # Imported here, since most replies are built in.
    from echolab.extending import IReply

    verify(IReply, found)

    def make() -> Reply:
        reply: Reply = made(found).thing
        return reply

    return make


def reply_text(
    text: str, framing: AnyFraming = "line", *, numbered: bool = False
) -> Reply:
    r"""Send back a text for each message.

    Args:
        text: the text to send, with escapes such as ``\r`` and ``\x00``.
        framing: the framing for it: its name, or the framing itself.
        numbered: see `repeated`.

    Raises:
        ValueError: the text has an unknown escape, or is too long for the framing;
            or there is no such framing.
    """
    return repeated(framed(unescape(text), framing), numbered=numbered)


_REPLIES: dict[str, Reply] = {"none": no_reply, "echo": echo}


def repeated(message: bytes, *, numbered: bool = False) -> Reply:
    """Send back the same bytes for each message.

    Args:
        message: the bytes, at least one.
        numbered: whether to tell which bytes answer which message, which is slower.
    """
    most = max(1, PIECE_BYTES // len(message))

    def reply(_peer: Peer, messages: Messages) -> Iterator[Piece]:
        for left in range(len(messages), 0, -most):
            yield message * min(left, most)

    following = Next()

    def reply_numbered(_peer: Peer, messages: Messages) -> Iterator[Piece]:
        for _ in range(len(messages)):
            yield following
            yield message

    return reply_numbered if numbered else reply
