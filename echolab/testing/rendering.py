"""A transcript as stable text: nothing in it depends on time."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from echolab.addresses import Peer
from echolab.events import (
    Accepted,
    Connected,
    Finished,
    Misbehaved,
    Received,
    Sent,
    Unanswered,
)
from echolab.formats import Log, Style
from echolab.messages import Batch
from echolab.server.replying import CLOSES
from echolab.testing.questions import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.events import Event

__all__ = ["rendered"]


def rendered(events: Iterable[Event]) -> Iterator[bytes]:
    """Yield the lines of each peer in turn, its events in an order that is stable."""
    of_peer: dict[int, list[Event]] = {}
    for event in events:
        of_peer.setdefault(event.peer.number, []).append(event)
    form = Log(Style(escape=True, sent=True), timeless=True, exact=True)
    for number in sorted(of_peer):
        peer = Peer(number, f"peer {number}")
        for event in _in_order(of_peer[number]):
            yield form(replace(event, peer=peer))


def _in_order(events: list[Event]) -> Iterator[Event]:
    """Yield the events of a peer, each answer behind the message that it answers.

    Bytes that answer no message stand before the end, all together.
    """
    answers: dict[int, list[Sent]] = {}
    unanswered: dict[int, Unanswered] = {}
    others: list[Sent] = []
    for event in events:
        if isinstance(event, Unanswered):
            unanswered[event.number] = event
        elif isinstance(event, Sent):
            if event.answers is None:
                others.append(event)
            else:
                answers.setdefault(event.answers, []).append(event)
    number, last = 0, _last_answered(events)
    rest = [event for event in events if not isinstance(event, Sent | Unanswered)]
    rest.sort(key=_is_of_sending)  # It is stable: Accepted, these, and the others.
    for event in joined(rest):
        if isinstance(event, Received):
            for message in event.messages:
                number += 1
                if number > last:
                    break
                mark = event.messages.mark
                yield replace(event, messages=Batch((message,), mark))
                yield from _one(answers.pop(number, []))
                if number in unanswered:
                    yield unanswered[number]
            continue
        if isinstance(event, Finished):
            for late in sorted(answers):
                yield from _one(answers[late])
            yield from _one(others)
            answers, others = {}, []
        yield event
        if not number:
            yield from _one(answers.pop(0, []))
    yield from _one(others)


def _is_of_sending(event: Event) -> int:
    """Return the place of an event: misbehaviour in sending is told first.

    It is reported when it first strikes, which depends on time.
    """
    if isinstance(event, Accepted | Connected):
        return 0
    kinds = ("answer-", "send-", "jitter")
    of_sending = isinstance(event, Misbehaved) and event.behaviour.startswith(kinds)
    return 1 if of_sending else 2


def _last_answered(events: list[Event]) -> float:
    """Return the number of the message whose answer closed; infinite if none did.

    How much came after it depends on time.
    """
    for event in events:
        if isinstance(event, Finished) and (found := CLOSES.fullmatch(event.detail)):
            return int(found[1] or 0)
    return inf


def _one(sent: list[Sent]) -> Iterator[Sent]:
    """Yield one event with all the bytes of several, if there are any."""
    if sent:
        yield replace(sent[0], data=b"".join(each.data for each in sent))
