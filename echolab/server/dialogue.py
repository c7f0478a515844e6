"""The answers to one connection, by rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from echolab.doors import DoorError, find
from echolab.escaping import escape_line, unescape
from echolab.framing import framed
from echolab.server.reply import PIECE_BYTES, no_reply
from echolab.server.replying import ReplyingProtocol
from echolab.server.script import FIRST, Answering, Rules, Script, Step, steps_of
from echolab.server.steps import Close, Delay, Next, Then, Unfitting
from echolab.server.template import template

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from echolab.addresses import Peer
    from echolab.framing import Framer
    from echolab.framing.base import AnyFraming
    from echolab.messages import Messages
    from echolab.server.reply import Reply
    from echolab.server.steps import Piece

__all__ = ["Answers", "Dialogue", "ready"]


NEXT = Next()


class Call(NamedTuple):
    """Compute an answer.

    Attributes:
        function: takes a peer and a message.
    """

    function: Callable[[Peer, bytes], Any]


class Fill(NamedTuple):
    """Make bytes of what the pattern has found."""

    fill: Callable[[re.Match[bytes]], bytes]


_Ready: TypeAlias = bytes | Fill | Call | Delay | Close | Then
_Rule: TypeAlias = (
    "tuple[Callable[[bytes], re.Match[bytes] | None], tuple[_Ready, ...]]"
)


def ready(
    step: Step,
    pattern: re.Pattern[bytes] | None,
    frame: Callable[[bytes], bytes] = bytes,
) -> _Ready:
    """Prepare a step.

    Args:
        step: the step.
        pattern: the pattern of its rule; None for a greeting.
        frame: makes a text what is sent.

    Raises:
        ValueError: it cannot be done.
    """
    if isinstance(step, Delay | Close | Then):
        return step
    if isinstance(step, str) and step.startswith("python:"):
        return Call(_function(step))
    if callable(step):
        return Call(step)
    try:
        return _said(step, pattern, frame)
    except ValueError as why:
        raise ValueError(f"{_shown(step)}: {why}") from None


def _said(
    text: str | bytes,
    pattern: re.Pattern[bytes] | None,
    frame: Callable[[bytes], bytes],
) -> bytes | Fill:
    exact = isinstance(text, bytes)
    data = text if isinstance(text, bytes) else text.encode()
    if pattern is not None and (pattern.groups or not exact):
        made = template(data, pattern)
        if callable(made):
            fill = made
            return Fill(fill if exact else lambda found: frame(fill(found)))
        data = made
    elif not exact:
        data = unescape(data)
    return data if exact else frame(data)


class Answers:
    """Rules that are ready for use by all connections of a server.

    A factory of a server that answers by rules: ``ReceiverFactory(...,
    make_protocol=Answers(rules, greet=b"220 lab").make_protocol)``.

    Args:
        rules: the rules.
        greet: what a peer gets before it has sent anything.
        framing: the framing of texts.
        numbered: whether to tell which bytes answer which message. If not, short
            answers are sent together, which is faster.

    Raises:
        TypeError: a rule is none.
        ValueError: a pattern is no regular expression, a text cannot be sent, a
            function cannot be found, or there is no such list of answers.
    """

    def __init__(
        self,
        rules: Rules | Script = (),
        *,
        greet: Answering | None = None,
        framing: AnyFraming = "line",
        numbered: bool = True,
    ) -> None:
        self.numbered = numbered
        script = rules if isinstance(rules, Script) else Script.of(rules)
        if greet is not None:
            script += Script(greeting=steps_of(greet))
        self.frame: Callable[[bytes], bytes] = partial(framed, name=framing)
        self.lists: dict[str, list[_Rule]] = {FIRST: []}
        for rule in script.rules:
            self.lists.setdefault(rule.within, [])
        for rule in script.rules:
            try:
                steps = tuple(self._ready(step, rule.pattern) for step in rule.steps)
            except ValueError as why:
                raise ValueError(
                    f"{rule.origin()}: {why}" if rule.origin else why
                ) from None
            self.lists[rule.within].append((rule.pattern.search, steps))
        greeting = script.greeting or ()
        self.greeting = tuple(self._ready(step, None) for step in greeting)

    def _ready(self, step: Step, pattern: re.Pattern[bytes] | None) -> _Ready:
        if isinstance(step, Then) and step.name not in self.lists:
            known = ", ".join(self.lists)
            raise ValueError(f"there is no list {step.name!r}, only {known}")
        return ready(step, pattern, self.frame)

    def make_protocol(
        self, framer: Framer, reply: Reply = no_reply, **keywords: Any
    ) -> ReplyingProtocol:
        """Make the protocol of one connection.

        Args:
            framer: turns bytes into messages.
            reply: what answers if there are no rules, only a greeting.
            keywords: see `ReplyingProtocol`.
        """
        dialogue = Dialogue(self)
        return ReplyingProtocol(
            framer,
            dialogue if self.lists[FIRST] else reply,
            greeting=dialogue.greet if self.greeting else None,
            **keywords,
        )


class Dialogue:
    """The answers to one connection.

    It is a reply: each message is looked at when it is its turn, since the answer
    before may change the rules.

    Args:
        answers: the rules.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._rules = answers.lists[FIRST]

    def greet(self, peer: Peer) -> Iterator[Piece]:
        """Yield the greeting."""
        yield NEXT
        yield from self._pieces(self._answers.greeting, peer, b"", None)

    def __call__(self, peer: Peer, messages: Messages) -> Iterator[Piece]:
        """Return the answer to each message: that of the first rule that fits."""
        pieces = self._answer(peer, messages)
        return pieces if self._answers.numbered else together(pieces)

    def _answer(self, peer: Peer, messages: Messages) -> Iterator[Piece]:
        for message in messages:
            for search, steps in self._rules:
                if found := search(message):
                    yield NEXT
                    yield from self._pieces(steps, peer, message, found)
                    break
            else:
                yield Unfitting(message)

    def _pieces(
        self,
        steps: Iterable[_Ready],
        peer: Peer,
        message: bytes,
        found: re.Match[bytes] | None,
    ) -> Iterator[Piece]:
        for step in steps:
            if isinstance(step, bytes):
                if step:
                    yield step
            elif isinstance(step, Fill):
                assert found is not None
                yield step.fill(found)
            elif isinstance(step, Call):
                yield from self._computed(step.function(peer, message))
            else:
                yield from self._step(step)

    def _step(self, step: Delay | Close | Then) -> Iterator[Piece]:
        if isinstance(step, Then):
            self._rules = self._answers.lists[step.name]
        else:
            yield step

    def _computed(self, answer: Any) -> Iterator[Piece]:
        """Yield what a function has returned."""
        if isinstance(answer, bytes | bytearray | memoryview):
            yield bytes(answer)
        elif isinstance(answer, str):
            yield self._answers.frame(answer.encode())
        elif isinstance(answer, Delay | Close | Then):
            yield from self._step(answer)
        elif isinstance(answer, Awaitable):
            yield self._awaited(answer)
        elif isinstance(answer, Iterable):
            for each in answer:
                yield from self._computed(each)
        elif answer is not None:
            raise TypeError(f"it returned {type(answer).__name__}, not bytes")

    async def _awaited(self, answer: Awaitable[Any]) -> Iterator[Piece]:
        return self._computed(await answer)


def together(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the same pieces, with the bytes of short answers joined."""
    block: list[bytes] = []
    size = begun = 0
    for piece in pieces:
        if isinstance(piece, bytes):
            block.append(piece)
            size += len(piece)
            if size < PIECE_BYTES:
                continue
        elif piece is NEXT:
            begun += 1
            continue
        yield from _joined(block, begun)
        block, size, begun = [], 0, 0
        if not isinstance(piece, bytes):
            yield piece
    yield from _joined(block, begun)


def _joined(block: list[bytes], begun: int) -> Iterator[Piece]:
    if block:
        yield b"".join(block)
    if begun:
        yield Next(begun)


def _function(name: str) -> Callable[[Peer, bytes], Any]:
    """Find a function by its name, ``python:module:name``.

    Raises:
        DoorError: it cannot be used.
    """
    found = find("answers", name)
    assert found is not None  # Such names are found, or an error.
    try:
        [function] = steps_of(found.thing)
    except TypeError as why:
        raise DoorError(f"{found.name}: {why}") from None
    if not callable(function):
        raise DoorError(f"{found.name} cannot be called")
    return function


def _shown(text: str | bytes) -> str:
    shown = text if isinstance(text, str) else repr(text)
    return escape_line(shown if len(shown) <= 60 else f"{shown[:60]}...")
