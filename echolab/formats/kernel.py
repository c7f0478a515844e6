"""What the kernel says, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from echolab.counting import count
from echolab.facts import Diagnosed, Listening, Sampled, SynSaved
from echolab.quantities import span

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["said"]


def said(fact: Sampled | Diagnosed | SynSaved | Listening) -> str:
    """Return a fact in words, without what is zero or unknown."""
    match fact:
        case Sampled():
            return ", ".join(_sampled(fact))
        case Diagnosed():
            return ", ".join(_diagnosed(fact))
        case SynSaved(packet=packet):
            return f"SYN, {count(len(packet), 'byte')} of headers"
        case Listening():
            return _listening(fact)
        case _:
            assert_never(fact)


def _sampled(fact: Sampled) -> Iterator[str]:
    yield fact.state
    for number, what in (
        (fact.unread_bytes, "unread"),
        (fact.unsent_bytes, "unsent"),
        (fact.unacknowledged_bytes, "unacknowledged"),
    ):
        if number:
            yield f"{count(number, 'byte')} {what}"
    if fact.retransmits:
        yield count(fact.retransmits, "retransmit")
    if fact.send_window is not None:
        yield f"window {fact.send_window}"
    if fact.window_seconds:
        yield f"full for {span(fact.window_seconds, '.3f')}"
    if fact.rtt_seconds is not None:
        yield f"rtt {fact.rtt_seconds * 1000:.3f} ms"


def _diagnosed(fact: Diagnosed) -> Iterator[str]:
    whose = "the peer's end" if fact.end == "peer" else "this end"
    yield f"{whose} {fact.state}"
    if fact.timer_seconds is not None:
        yield f"timer {span(fact.timer_seconds, '.1f')}"
    for number, what in (
        (fact.unread_bytes, "unread"),
        (fact.unacknowledged_bytes, "unacknowledged"),
    ):
        if number:
            yield f"{count(number, 'byte')} {what}"


def _listening(fact: Listening) -> str:
    limits = []
    if fact.somaxconn is not None:
        limits.append(f"somaxconn {fact.somaxconn}")
    if fact.syn_backlog is not None:
        limits.append(f"SYN backlog {fact.syn_backlog}")
    text = f"backlog {fact.backlog}"
    if limits:
        text += f" ({', '.join(limits)})"
    if fact.waiting:
        text += f", {fact.waiting} waiting"
    if fact.drops:
        text += f", {fact.drops} dropped"
    return text
