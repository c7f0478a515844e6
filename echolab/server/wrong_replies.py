"""Replies that are wrong on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from echolab.messages import Batch
from echolab.server.replies import AT_ONCE, Pace
from echolab.server.reply import no_reply, of_chunks, repeated

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.addresses import Peer
    from echolab.behaviour.values import Behaviour
    from echolab.messages import Messages
    from echolab.server.reply import Reply

__all__ = ["ANSWERS", "GARBAGE", "announced", "pace_of", "to_first", "wrong_reply"]

GARBAGE = bytes(range(0xFF, 0x7F, -1)) + b"\n"
"""Not UTF-8, not a number, and too large for a length; but it is a line."""

ANSWERS = {"answer-nothing", "answer-garbage", "answer-late", "answer-slowly"}


def wrong_reply(behaviour: Behaviour, reply: Reply) -> Reply:
    """Return the reply that is used instead of ``reply``."""
    kinds = {fault.kind for fault in behaviour}
    if "answer-nothing" in kinds:
        return no_reply
    return repeated(GARBAGE) if "answer-garbage" in kinds else reply


def pace_of(behaviour: Behaviour) -> Pace:
    """Return how late and how slowly to answer; the last fault of each kind counts."""
    faults = {fault.kind: fault for fault in behaviour}
    late, slow = faults.get("answer-late"), faults.get("answer-slowly")
    if not (late or slow):
        return AT_ONCE
    return Pace(
        delay_seconds=(late.seconds or 0.0) if late else 0.0,
        bytes_per_second=(slow.bytes_per_second or 0.0) if slow else 0.0,
    )


def to_first(reply: Reply, most: int) -> Reply:
    """Return a reply to only the first messages, at most ``most``."""
    left = most

    def answer(peer: Peer, messages: Messages) -> Any:
        nonlocal left
        first = tuple(messages)[:left]
        left -= len(first)
        return reply(peer, Batch(first, messages.mark)) if first else None

    return reply if isinstance(reply, of_chunks) else answer


def announced(reply: Reply, say: Callable[[], None]) -> Reply:
    """Return a reply that calls ``say`` before each answer."""

    def to_messages(peer: Peer, messages: Messages) -> Any:
        say()
        return reply(peer, messages)

    def to_chunk(peer: Peer, chunk: bytes) -> Any:
        say()
        return reply.to_chunk(peer, chunk) if isinstance(reply, of_chunks) else None

    return of_chunks(to_chunk) if isinstance(reply, of_chunks) else to_messages
