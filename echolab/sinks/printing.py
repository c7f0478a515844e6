"""Sinks that print: what a server receives, and a client's conversation."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from echolab.escaping import StreamEscaper
from echolab.events import Connected, Finished, Received
from echolab.formats.classic import FINISH, Classic
from echolab.formats.style import restart
from echolab.interfaces import IOutput, ISink

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IProducer

    from echolab.events import Event
    from echolab.formats import Form
    from echolab.interfaces import AnyClock, Output, Producer

__all__ = ["ConversationPrinter", "Printer", "Replies"]

ASK_SECONDS = 0.1
"""How long an unfinished reply may wait for its rest before the prompt is printed."""
AGAIN_BYTES = 4096
"""How much of an unfinished line is shown again when its rest comes."""


@implementer(ISink)
class Printer:
    """A sink that prints.

    Args:
        output: takes the printed bytes in whole lines: an output, which is closed
            with this sink; or only a function ``write``.
        form: turns an event into bytes; by default, the lecture's format.
    """

    def __init__(
        self,
        output: Output | Callable[[bytes], None],
        form: Form | None = None,
    ) -> None:
        self._output: Output | None = None
        self._write: Callable[[bytes], None]
        if IOutput.providedBy(output):
            self._output = cast("Output", output)
            self._write = self._output.write
        else:
            self._write = cast("Callable[[bytes], None]", output)
        self.name = f"printing to {getattr(output, 'name', output)}"
        self._form = form or Classic()

    def __call__(self, event: Event) -> None:
        """Print one event."""
        printed = self._form(event)
        if printed:
            self._write(printed)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait in the output; 0 if it does not tell."""
        return getattr(self._output, "waiting_bytes", 0)

    def registerProducer(self, producer: Producer | IProducer, streaming: bool) -> None:
        """Pause ``producer`` while the output is full."""
        if self._output is not None:
            self._output.registerProducer(producer, streaming)

    def unregisterProducer(self, producer: Producer | IProducer | None = None) -> None:
        """Stop pausing it."""
        if self._output is not None:
            self._output.unregisterProducer(producer)

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until all is written; see `ISink`."""
        return succeed(0) if self._output is None else self._output.flush(seconds)

    def reopen(self) -> bool:
        """Open the path again; return whether the output is a file."""
        restart(self._form)
        return self._output is not None and self._output.reopen()

    def close(self) -> None:
        """Close the output."""
        if self._output is not None:
            self._output.close()


class Replies(Enum):
    """Where a client's replies are shown."""

    HERE = auto()
    """On the terminal with the prompt."""
    PIPED = auto()
    """In a pipe, whose reader may show them on that terminal too, as tee does."""
    ELSEWHERE = auto()
    """In a file, or nowhere."""


class ConversationPrinter:
    """A sink that prints what the user of a client should see.

    This is a prompt for each line to type, the server's replies as they are,
    and the lecture's ``finish.`` on its own line.

    An unfinished line of a reply is printed on its own line, above the prompt. When
    its rest comes, the whole line is shown again, since the prompt is between them;
    but not if the user has typed a line since, which is the answer to it.

    Args:
        write: takes the replies.
        say: takes all else; by default, ``write``.
        replies: where the replies are shown, in relation to where ``say`` writes.
        prompt: the prompt, or a function that returns it; empty if nobody types, or if
            an editor shows it.
        echoed: whether typed lines are echoed, which ends the line on the screen;
            always true with a prompt.
        show_replies: whether to print the server's replies.
        escape: whether to make them harmless for a terminal.
        form: turns an event of replies into the bytes to print; by default, they are
            printed as they are.
        clock: tells the time; with a clock, the prompt comes back a moment after an
            unfinished line, without one at once.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        say: Callable[[bytes], None] | None = None,
        replies: Replies = Replies.HERE,
        prompt: bytes | Callable[[], bytes] = b"",
        echoed: bool = False,
        show_replies: bool = True,
        escape: bool = False,
        form: Form | None = None,
        clock: AnyClock | None = None,
    ) -> None:
        self._write = write
        self._say = say or write
        self._replies = replies
        self._prompt = prompt
        self._echoed = echoed or bool(prompt)
        self._show_replies = show_replies
        self._escaper = StreamEscaper() if escape else None
        self._form = form
        self._clock = clock
        self._prompting = False
        self._at_line_start = True
        self._line = b""  # the unfinished line of a reply
        self._asking: IDelayedCall | None = None

    def __call__(self, event: Event) -> None:
        """Print one event."""
        match event:
            case Connected():
                self.ask()
            case Received(messages=messages) if self._show_replies:
                reply = self._form(event) if self._form else messages.raw()
                if self._escaper:
                    reply = self._escaper(reply)
                if reply:
                    self.show(reply)
            case Finished() if self._escaper:
                if rest := self._escaper.end():
                    self.show(rest)
            case _:
                pass

    def show(self, reply: bytes) -> None:
        """Show bytes as a reply is shown: above the prompt, if there is one."""
        if self._replies is Replies.ELSEWHERE:
            self._write(reply)
        elif self._prompt:
            self._show_between_prompts(reply)
        else:
            self._write(reply)
            self._at_line_start = reply.endswith(b"\n")

    def _show_between_prompts(self, reply: bytes) -> None:
        here = self._replies is Replies.HERE
        again = self._line if here and self._prompting else b""
        if self._prompting:
            self.end_line()
        self._write(again + reply)
        *ended, rest = reply.rsplit(b"\n", 1)
        self._line = (rest if ended else self._line + rest)[-AGAIN_BYTES:]
        self._at_line_start = not rest
        if here and self._at_line_start:
            self.ask()
        else:
            self._ask_soon()

    def _ask_soon(self) -> None:
        if self._clock is None:
            self.ask()
        elif self._asking is None:
            self._asking = self._clock.callLater(ASK_SECONDS, self.ask)
        else:
            self._asking.reset(ASK_SECONDS)

    def ask(self) -> None:
        """Print the prompt for the next line, if there is a prompt."""
        self.end_line()
        if self._prompt:
            prompt = self._prompt
            self._say(prompt() if callable(prompt) else prompt)
            self._prompting = True
            self._at_line_start = False

    def typed(self) -> None:
        """Note that a line was typed, whose echo has ended the line on the screen."""
        if self._echoed:
            self._prompting = False
            self._at_line_start = True
            self._line = b""

    def stop_asking(self) -> None:
        """Stop printing prompts: the input has ended."""
        self._prompt = b""
        if self._prompting:
            self.end_line()
        self._cancel()

    def end_line(self) -> None:
        """Start a new line, unless the cursor is at the start of one."""
        self._cancel()
        self._prompting = False
        if not self._at_line_start:
            self._say(b"\n")
            self._at_line_start = True

    def finish(self) -> None:
        """Print the lecture's last line."""
        self.end_line()
        self._say(FINISH)

    def _cancel(self) -> None:
        asking, self._asking = self._asking, None
        if asking is not None and asking.active():
            asking.cancel()
