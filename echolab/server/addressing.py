"""To whom a person writes who talks to the peers of a server."""

from __future__ import annotations

from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, Protocol, TypeAlias

from echolab.ends import EndCause, in_words
from echolab.escaping import escape_line
from echolab.events import Chunk, Finished, Received
from echolab.server.conversation import Conversation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echolab.events import Event
    from echolab.interfaces import AnyClock
    from echolab.server.replying import ReplyingProtocol

__all__ = ["ALL", "Addressing", "Everybody", "TalkDisplay", "Target"]

NOBODY = "nobody is connected"


class Everybody(Enum):
    """The addressee of what goes to all peers."""

    ALL = "all"


ALL = Everybody.ALL
Target: TypeAlias = "Conversation | Everybody | None"


class TalkDisplay(Protocol):
    """Where the user types, and sees to whom."""

    @property
    def has_begun(self) -> bool:
        """Whether a line is begun."""
        ...

    def say(self, data: bytes) -> None:
        """Show a message."""

    def refresh(self) -> None:
        """Draw the prompt again, soon: it may have changed."""


class Addressing:
    """The peers of a server, and the one to which the next line goes.

    That is the peer that spoke last, or the one that the user has chosen; the prompt
    names it. Only drawing the prompt changes it, and only while no line is begun. So a
    line goes to the peer that the user sees, or if that has left, to nobody.

    This is a sink of events. It also decides which lines may be secret.

    Args:
        clock: measures how long a peer takes nothing.

    Attributes:
        target: the addressee of the line, as the prompt shows it.
    """

    def __init__(self, clock: AnyClock) -> None:
        self.target: Target = None
        self._clock = clock
        self._display: TalkDisplay | None = None
        self._open: dict[int, Conversation] = {}
        self._spoke: dict[Conversation, None] = {}  # the last to speak is the last
        self._chosen: Target = None  # None for the peer that spoke last

    def show_on(self, display: TalkDisplay | None) -> None:
        """Show messages and the prompt there; None to show them no more."""
        self._display = display

    def say(self, text: str) -> None:
        """Show a line to the user."""
        if self._display is not None:
            self._display.say(f"{escape_line(text)}\n".encode())

    def _refresh(self) -> None:
        if self._display is not None:
            self._display.refresh()

    def prompt(self) -> str:
        """Return the prompt: to whom the line goes."""
        begun = self._display is not None and self._display.has_begun
        if not begun or self.target is None:
            self.target = self._next()
        match self.target:
            case Conversation(has_left=True, name=name):
                return f"to {name} (left): "
            case Conversation(name=name):
                return f"to {name}: "
            case Everybody():
                return f"to all ({len(self._open)}): "
            case None:
                return "to nobody: "

    def accepted(self, protocol: ReplyingProtocol) -> None:
        """Add a peer."""
        conversation = Conversation(protocol, clock=self._clock, say=self.say)
        self._open[conversation.number] = conversation
        self._refresh()

    def __call__(self, event: Event) -> None:
        """Note who speaks, and who has left."""
        match event:
            case Chunk(peer=peer, data=data):
                if speaker := self._open.get(peer.number):
                    speaker.secrets.hear(data)
            case Received(peer=peer):
                if speaker := self._open.get(peer.number):
                    self._spoke.pop(speaker, None)
                    self._spoke[speaker] = None
                    self._refresh()
            case Finished(peer=peer):
                if gone := self._open.pop(peer.number, None):
                    self._left(gone, _why(event))
            case _:
                pass

    def _left(self, gone: Conversation, why: str) -> None:
        self._spoke.pop(gone, None)
        gone.leave(why)
        if self._chosen is gone:
            self._chosen = None
            self.say(f"{gone.name} has left: lines go to the peer that spoke last")
        self._refresh()

    def choose(self, target: Target) -> None:
        """Let this line and the next ones go to a peer, or to all.

        Args:
            target: None for the peer that spoke last.
        """
        self._chosen = target
        self.target = self._next()

    def _next(self) -> Target:
        """Return the addressee of the next line."""
        if self._chosen is ALL:
            return ALL
        if isinstance(self._chosen, Conversation) and self._chosen.is_open:
            return self._chosen
        return self.last_to_speak()

    def last_to_speak(self) -> Conversation | None:
        """Return the peer that spoke last; if none has, the first that came."""
        candidates = chain(reversed(self._spoke), self._open.values())
        return next((each for each in candidates if each.is_open), None)

    def by_speech(self) -> list[Conversation]:
        """Return the peers: the last to speak first, then those that never spoke."""
        return list(dict.fromkeys(chain(reversed(self._spoke), self._open.values())))

    def numbered(self, number: int) -> Conversation | None:
        """Return the peer with this number; None if there is none."""
        return self._open.get(number)

    def numbers(self) -> dict[int, str]:
        """Return the numbers of the peers, each with its address."""
        return {number: each.address for number, each in self._open.items()}

    def targets(self) -> Sequence[Conversation]:
        """Return the peers to which the line goes.

        Raises:
            ValueError: there are none; the text says so.
        """
        match self.target:
            case Conversation(has_left=False) as target:
                return [target]
            case Conversation(name=name):
                raise ValueError(f"{name} has left")
            case Everybody() if self._open:
                return tuple(self._open.values())
            case _ if self._open:
                raise ValueError("all connections are ending")
            case _:
                raise ValueError(NOBODY)

    @property
    def may_be_secret(self) -> bool:
        """Whether a line typed now may answer a question for a password."""
        return any(each.secrets.may_be_secret for each in self._heard())

    def hear(self, said: bytes) -> None:
        """Do nothing: what each peer says is known from its events."""

    def answer(self) -> None:
        """Note that a line was typed."""
        for each in self._heard():
            each.secrets.answer()

    def _heard(self) -> Sequence[Conversation]:
        match self.target:
            case Conversation() as target:
                return [target]
            case Everybody():
                return tuple(self._open.values())
            case _:
                return ()


def _why(event: Finished) -> str:
    """Return why the peer gets no more."""
    if event.cause in (EndCause.EOF, EndCause.RESET):
        return "it has left"
    return in_words(event.detail) if event.detail else "the server has stopped"
