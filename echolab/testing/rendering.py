"""A transcript as stable text: nothing in it depends on time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.addresses import Peer
from echolab.events import Finished, Received, Sent, Unanswered
from echolab.formats import Log, Style
from echolab.messages import Batch
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
    form = Log(Style(escape=True, sent=True), timeless=True)
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
    number = 0
    rest = [event for event in events if not isinstance(event, Sent | Unanswered)]
    for event in joined(rest):
        if isinstance(event, Received):
            for message in event.messages:
                number += 1
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


def _one(sent: list[Sent]) -> Iterator[Sent]:
    """Yield one event with all the bytes of several, if there are any."""
    if sent:
        yield replace(sent[0], data=b"".join(each.data for each in sent))
