"""Read a stream: give its events to a sink, in order and once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from echolab.carrying.deduplicating import Deduplicator
from echolab.carrying.numbering import Numbering
from echolab.carrying.schema import CONTENT_TYPE, NotCarriedError, decode
from echolab.counting import count
from echolab.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from echolab.addresses import Peer
    from echolab.interfaces import AnyClock, LiveSink

__all__ = ["Message", "Reader", "Source"]

TEXTS = "text/", "application/x-ndjson"
"""How the content types of printed events begin."""
LONGEST_KIND = 80

_log = Logger()


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A message of a stream.

    Attributes:
        place: its place in the stream (its sequence number), from 1.
        content_type: what its payload is; empty if it does not say.
        payload: its bytes.
        reply: where its acknowledgement goes.
    """

    place: int
    content_type: str
    payload: bytes
    reply: str = ""


class Source(Protocol):
    """Where the messages come from."""

    acknowledges: bool
    """Whether messages are to be acknowledged."""

    def fetch(self) -> Deferred[Sequence[Message]]:
        """Return the next messages when there are some; none at the end.

        They are asked for only here. So what waits is bounded.

        Raises:
            EcholabError: they cannot be read.
        """
        ...

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the engine that these need not be delivered again."""

    def close(self) -> Deferred[None]:
        """Leave the engine, when it has what was acknowledged."""
        ...


class State(Enum):
    """Whether a reader gives events."""

    RUNNING = auto()
    PAUSED = auto()
    STOPPED = auto()


@implementer(IPushProducer)
class Reader:
    """Gives the events of a stream to a sink, which may pause it.

    Messages are acknowledged when the sink has written them. While some are printed,
    the next ones are fetched.

    A message that carries no events is skipped, whoever has published it.

    Args:
        source: where the messages come from.
        sink: takes the events.
        name: the name of the stream that users see.
        clock: lets it go on in a later turn.
        wanted: whether a peer's events are wanted; None if all are.
        text: takes the payloads of messages that are printed events; None if there
            must be none.
    """

    def __init__(
        self,
        source: Source,
        sink: LiveSink,
        *,
        name: str,
        clock: AnyClock,
        wanted: Callable[[Peer], bool] | None = None,
        text: Callable[[bytes], None] | None = None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._name = name
        self._clock = clock
        self._wanted = wanted
        self._text = text
        self._fresh = Deduplicator().fresh
        self._numbered = Numbering()
        self._state = State.RUNNING
        self._waiting: Deferred[None] | None = None
        self._skipped = 0

    async def read(self) -> None:
        """Read to the end of the stream; it may be cancelled.

        Raises:
            EcholabError: the stream cannot be read.
        """
        self._sink.registerProducer(self, True)
        following = self._source.fetch()
        try:
            while messages := await following:
                following = self._source.fetch()
                await self._take(messages)
        finally:
            following.addErrback(lambda _: None)  # It is too late for its error.
            following.cancel()
            self._sink.unregisterProducer(self)
            self._tell_skipped()

    async def _take(self, messages: Sequence[Message]) -> None:
        taken: list[Message] = []
        try:
            for message in messages:
                while self._state is not State.RUNNING:
                    self._waiting = Deferred()
                    await self._waiting
                self._give(message)
                taken.append(message)
        finally:
            if taken and self._source.acknowledges:
                self._sink.flush(None).addCallback(self._written, taken)

    def _written(self, left: int, messages: Sequence[Message]) -> None:
        if not left and self._state is not State.STOPPED:
            self._source.acknowledge(messages)

    def _give(self, message: Message) -> None:
        """Give the events of a message to the sink."""
        if message.content_type.startswith(TEXTS):
            self._give_text(message)
            return
        try:
            if message.content_type != CONTENT_TYPE:
                kind = message.content_type[:LONGEST_KIND] or "unknown"
                raise NotCarriedError(f"its content type is {kind}")
            carried = decode(message.payload)
        except NotCarriedError as why:
            self._skip(message, str(why))
            return
        if self._wanted is not None and not self._wanted(carried.events[0].peer):
            return
        events = self._fresh(carried, message.place)
        for event in self._numbered(carried, events):
            self._sink(event)

    def _give_text(self, message: Message) -> None:
        if self._text is None:
            kind = message.content_type[:LONGEST_KIND]
            why = (
                f"message {message.place} is printed already ({kind}): it can be shown "
                "on stdout alone, without --peer and options of printing"
            )
            raise InputError("read", self._name, why)
        self._text(message.payload)

    def _skip(self, message: Message, why: str) -> None:
        if not self._skipped:
            _log.warn(
                "read {name}: message {place} is skipped: {why}",
                name=self._name,
                place=message.place,
                why=why,
            )
        self._skipped += 1

    def _tell_skipped(self) -> None:
        if self._skipped > 1:
            skipped = count(self._skipped, "message")
            _log.warn("read {name}: {n} skipped", name=self._name, n=skipped)

    def pauseProducing(self) -> None:
        """Stop giving events; what was fetched waits."""
        if self._state is State.RUNNING:
            self._state = State.PAUSED

    def resumeProducing(self) -> None:
        """Go on, in a later turn: an output that resumes is not yet done with that."""
        if self._state is State.PAUSED:
            self._state = State.RUNNING
            self._clock.callLater(0, self._go_on)

    def _go_on(self) -> None:
        waiting = self._waiting
        if self._state is State.RUNNING and waiting is not None:
            self._waiting = None
            waiting.callback(None)

    def stopProducing(self) -> None:
        """Give and acknowledge nothing more: no output takes it."""
        self._state = State.STOPPED
