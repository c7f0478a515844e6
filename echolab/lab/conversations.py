"""The packets of all connections of a recording."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.events import Accepted, Called, Connected, Finished
from echolab.facts import SynSaved
from echolab.lab.ciphertext import encrypted
from echolab.lab.conversation import Conversation
from echolab.lab.places import places_of, plain_text_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echolab.events import Event
    from echolab.lab.made_up import MadePacket

__all__ = ["packets_of"]

MOST_ENDED = 1000
"""How many ended connections are remembered for what the kernel says later."""
MOST_EARLY = 1000
"""How many calls are remembered before a connection begins, as in a recording."""


def packets_of(
    events: Iterable[Event], number: int | None = None
) -> Iterator[MadePacket]:
    """Yield the packets of a recording's connections.

    Args:
        events: the events of the recording.
        number: the only connection whose packets are wanted; None for all.
    """
    layers: dict[int, _Layers] = {}
    ended: dict[int, None] = {}  # those of them that are finished, in order
    begun: _Beginning | None = None
    early: deque[Called] = deque(maxlen=MOST_EARLY)  # of the next connection
    asked: Called | None = None
    for event in events:
        who = event.peer.number
        if begun is not None and (who or not isinstance(event, Called)):
            # If there is a saved SYN, it follows at once, but for the server's calls.
            layers[begun.number] = begun.layers(event)
            ended.pop(begun.number, None)
            yield from layers[begun.number].open()
            begun = None
        if isinstance(event, Accepted | Connected):
            if number in (None, who):
                begun = _Beginning(event, _time_of(asked, event), [*early])
            early.clear()
        elif isinstance(event, Called) and event.call == "connect":
            if asked is None or event.result or asked.peer != event.peer:
                asked = event
        elif isinstance(event, Called) and who and (who not in layers or who in ended):
            if early and early[0].peer.number != who:
                early.clear()
            early.append(event)
        elif who in layers:
            yield from layers[who].take(event)
            if isinstance(event, Finished):
                ended[who] = None
            if layers[who].over and who in ended:
                del layers[who], ended[who]
            elif len(ended) > MOST_ENDED:
                oldest = next(iter(ended))
                del layers[oldest], ended[oldest]
    if begun is not None:
        yield from begun.layers(None).open()


class _Beginning:
    """What is known when a connection begins.

    Args:
        event: the event with which it begins.
        asked: when a client called connect, if that is known.
        early: calls before it, which may be of another connection.
    """

    def __init__(
        self, event: Accepted | Connected, asked: float | None, early: list[Called]
    ) -> None:
        self.number = event.peer.number
        self._event = event
        self._asked = asked
        self._early = [each for each in early if each.peer.number == self.number]

    def layers(self, following: Event | None) -> _Layers:
        """Return the connection, as the event that follows has its SYN or not."""
        event, places, syn = self._event, places_of(self._event), None
        if isinstance(following, SynSaved) and following.peer == event.peer:
            syn = following
        if not any(each.data for each in self._early):
            return _Layers(Conversation(event, places, syn, self._asked), None, [])
        # The program knows of the connection after the handshake of TLS, the kernel
        # before it.
        plain = Conversation(event, plain_text_places(event))
        first = replace(event, time=min(event.time, self._early[0].time))
        cipher = Conversation(first, places, syn, self._asked, is_encrypted=True)
        return _Layers(plain, cipher, self._early)


class _Layers:
    """A connection as the program saw it, and over TLS also as the kernel did.

    Args:
        plain: its plain text.
        cipher: its ciphertext; None without TLS, or without the encrypted bytes.
        early: the calls of the TLS handshake.
    """

    def __init__(
        self, plain: Conversation, cipher: Conversation | None, early: list[Called]
    ) -> None:
        self._plain = plain
        self._cipher = cipher
        self._early = early

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self._plain.over and (self._cipher is None or self._cipher.over)

    def open(self) -> Iterator[MadePacket]:
        """Yield the handshakes of TCP and TLS."""
        if self._cipher is not None:
            yield from _marked(self._cipher.open())
            for event in self._early:
                yield from self._encrypted(event)
        yield from self._plain.open()

    def take(self, event: Event) -> Iterator[MadePacket]:
        """Yield the packets of an event."""
        yield from self._encrypted(event)
        yield from self._plain.take(event)

    def _encrypted(self, event: Event) -> Iterator[MadePacket]:
        if self._cipher is not None:
            for each in encrypted(event):
                yield from _marked(self._cipher.take(each))


def _marked(packets: Iterator[MadePacket]) -> Iterator[MadePacket]:
    for packet in packets:
        yield packet._replace(encrypted=True)


def _time_of(asked: Called | None, begun: Accepted | Connected) -> float | None:
    """Return when a client called connect, if that call was for this connection."""
    if asked is None or not isinstance(begun, Connected):
        return None
    there = begun.peer
    if (asked.peer.host, asked.peer.port) != (there.host, there.port):
        return None
    return max(0.0, asked.time - asked.seconds)
