"""Lines on a terminal that edits them itself, below a prompt."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed

from echolab.descriptors import is_ready
from echolab.sinks.printing import ConversationPrinter
from echolab.terminal.stdin import StdinReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from echolab.errors import InputError
    from echolab.interfaces import IReactor, Taker
    from echolab.terminal.screen import Screen

__all__ = ["PlainLines"]

REFRESH_SECONDS = 0.05


class PlainLines:
    """Lines on a terminal that edits them itself, below a prompt that may change.

    What is typed of a line is not known before its end. So a line has always begun,
    but for the moment behind the last one that was entered.

    Args:
        reactor: watches the terminal.
        stdin: the terminal's descriptor.
        prompt: returns the prompt.
        screen: shows what is received, and messages.
    """

    def __init__(
        self,
        reactor: IReactor,
        stdin: int,
        prompt: Callable[[], str],
        screen: Screen,
    ) -> None:
        self._reactor = reactor
        self._stdin = stdin
        self._prompt = prompt
        self._drawn = ""
        self._screen = screen
        self._printer = ConversationPrinter(
            screen.write,
            say=screen.say,
            replies=screen.replies,
            prompt=self._draw,
            clock=reactor,
        )
        self._source: StdinReader | None = None
        self._refreshing: IDelayedCall | None = None
        self._obeying = False
        self._entered_all = False

    @property
    def has_begun(self) -> bool:
        """Whether a line may be begun."""
        return not self._entered_all

    def reader(self, taker: Taker) -> PlainLines:
        """Pass what is typed, and the end (Ctrl-D), to ``taker``.

        Returns:
            The reader: this object.
        """

        def failed(why: InputError) -> None:
            taker.input_failed(why)
            self._end(taker)

        self._taker = taker
        self._source = StdinReader(
            self._reactor,
            self._stdin,
            received=self._received,
            ended=lambda: self._end(taker),
            failed=failed,
        )
        return self

    def resumeProducing(self) -> None:
        """Ask for lines."""
        if self._source is not None:
            self._printer.ask()
            self._source.resumeProducing()

    def pauseProducing(self) -> None:
        """Read nothing until `resumeProducing`."""
        if self._source is not None:
            self._source.pauseProducing()

    def stopProducing(self) -> None:
        """Read no more, and end the line of the prompt."""
        refreshing, self._refreshing = self._refreshing, None
        if refreshing is not None:
            refreshing.cancel()
        source, self._source = self._source, None
        if source is not None:
            source.stopProducing()
            self._printer.stop_asking()

    def _received(self, chunk: bytes) -> None:
        if not chunk.endswith(b"\n"):  # Ctrl-D in the middle of a line
            self._taker.received(chunk)
            return
        self._printer.typed()
        self._obeying = True
        self._taker.received(chunk)
        self._obeying = False
        self._entered_all = not is_ready(self._stdin, select.POLLIN)
        self._printer.ask()
        self._entered_all = False

    def _end(self, taker: Taker) -> None:
        self.stopProducing()
        taker.ended()

    def write(self, data: bytes) -> None:
        """Show what is received, above a new prompt."""
        self._printer.show(data)

    def say(self, data: bytes) -> None:
        """Show a message to the user, above a new prompt."""
        self._printer.end_line()
        self._screen.say(data)
        if not self._obeying:
            self._printer.ask()

    def refresh(self) -> None:
        """Draw the prompt again, soon, if it has changed."""
        if self._refreshing is None:
            self._refreshing = self._reactor.callLater(REFRESH_SECONDS, self._redraw)

    def show(self) -> None:
        """Do nothing: nothing waits to be shown."""

    def close(self) -> Deferred[None]:
        """Stop; the terminal itself was not changed."""
        self.stopProducing()
        return succeed(None)

    def _redraw(self) -> None:
        self._refreshing = None
        if self._source is not None and self._prompt() != self._drawn:
            self._printer.ask()

    def _draw(self) -> bytes:
        self._drawn = self._prompt()
        return self._drawn.encode()
