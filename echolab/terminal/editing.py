"""A line editor with history; needs the extra ``edit``.

It needs a reactor that runs on asyncio, because prompt_toolkit does.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol, TextIO, cast

from prompt_toolkit import PromptSession
from prompt_toolkit.data_structures import Size
from prompt_toolkit.output.vt100 import Vt100_Output
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from echolab.escaping import escape
from echolab.sinks.printing import Replies
from echolab.terminal.cells import CellProcessor, rows_of
from echolab.terminal.keyboard import key_by_key, typed_ahead
from echolab.terminal.keys import editing_keys
from echolab.terminal.recall import Recall
from echolab.terminal.secret_answers import SecretAnswers

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.buffer import Buffer

    from echolab.interfaces import Taker
    from echolab.terminal.completing import Completion
    from echolab.terminal.history import HistoryFile
    from echolab.terminal.screen import Display
    from echolab.terminal.terminal_stream import TerminalStream

__all__ = ["LineEditor"]

SHOW_SECONDS = 0.05
"""How often replies are shown: not one by one, so that the line stays visible."""
SHOW_BYTES = 1 << 16
"""How many bytes of replies may wait until they are shown."""
ABOVE_BYTES = 1024
"""How many bytes of an unfinished line are shown above the prompt."""
READER_SECONDS = 0.02
"""How long the line is hidden, so that the reader of a pipe can show a reply."""


class Secrets(Protocol):
    """Decides which typed lines may be secret; see `SecretAnswers`."""

    @property
    def may_be_secret(self) -> bool:
        """Whether a line typed now should not be kept."""
        ...

    def hear(self, said: bytes) -> None:
        """Take what is shown."""

    def answer(self) -> None:
        """Note that a line was typed."""


@implementer(IPushProducer)
class LineEditor:
    """Read lines from a terminal, with editing.

    It is also a display: replies appear above the line that is being typed. An
    unfinished line of a reply also appears there, and goes on there.

    Args:
        prompt: the text before the line; or a function that returns it each time the
            line is drawn.
        terminal: the terminal of the line.
        history: keeps lines from run to run; None to forget them. A line that may
            answer a question for a password is never kept.
        screen: shows the replies, and messages if the replies are not visible here.
        replies: where the replies are visible.
        secrets: decides which lines are never kept; by default, by all that is shown.
        complete: completes a line at the key Tab; with it, a line of a paste is never
            a command.
    """

    def __init__(
        self,
        prompt: str | Callable[[], str],
        terminal: TerminalStream,
        history: HistoryFile | None,
        *,
        screen: Display,
        replies: Replies = Replies.HERE,
        secrets: Secrets | None = None,
        complete: Callable[[str], Completion | None] | None = None,
    ) -> None:
        self._prompt = prompt if callable(prompt) else lambda: prompt
        self._terminal = terminal
        self._screen = screen
        self._replies = replies
        self._waiting = bytearray()
        self._showing: asyncio.TimerHandle | None = None
        self._above = b""  # a reply's unfinished line, not printed yet
        self._secrets = secrets or SecretAnswers()
        self._entered = False
        self._pasted: deque[str] = deque()
        self._begun = ""  # the unfinished line at the end of a paste
        self._history = Recall(history, lambda: not self._secrets.may_be_secret)
        self._session: PromptSession[str] = PromptSession(
            self._message,
            history=self._history,
            enable_suspend=True,
            input_processors=[CellProcessor()],
            key_bindings=editing_keys(
                lambda buffer: buffer is self._session.default_buffer,
                paste_more=self._paste_more,
                complete=complete,
                show=self.say,
            ),
            output=Vt100_Output(
                cast("TextIO", terminal),
                self._size,
                term=os.environ.get("TERM"),
                # The cursor's position is not needed here, and each reply would wait
                # for a terminal that does not answer.
                enable_cpr=False,
            ),
        )
        buffer = self._session.default_buffer
        assert buffer.accept_handler is not None
        buffer.accept_handler = partial(self._accept, buffer.accept_handler)
        self._resumed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def reader(self, taker: Taker) -> LineEditor:
        """Pass each line, with its newline, and the end (Ctrl-D) to ``taker``.

        Returns:
            The reader: this editor.
        """
        self._taker = taker
        return self

    @property
    def has_begun(self) -> bool:
        """Whether there is a line, or a part of one, that was not passed on."""
        typed = self._session.default_buffer.text
        return bool(self._entered or typed or self._pasted or self._begun)

    def write(self, data: bytes) -> None:
        """Show replies above the line that is being typed."""
        self._secrets.hear(data)
        self._above_line(data)

    def say(self, data: bytes) -> None:
        """Show a message to the user, above the line."""
        if self._replies is Replies.HERE:
            self._above_line(data)
            return
        app = self._session.app
        if app.is_running:
            app.renderer.erase(leave_alternate_screen=False)
            app.invalidate()
        self._screen.say(data)

    def refresh(self) -> None:
        """Draw the line again, soon: its prompt may have changed."""
        if self._session.app.is_running and self._showing is None:
            loop = asyncio.get_running_loop()
            self._showing = loop.call_later(SHOW_SECONDS, self.show)

    def _above_line(self, data: bytes) -> None:
        self._waiting += data
        if not self._session.app.is_running or len(self._waiting) > SHOW_BYTES:
            self.show()
        else:
            self.refresh()

    def resumeProducing(self) -> None:
        """Start or resume reading."""
        self._resumed.set()
        if self._task is None:
            self._task = asyncio.ensure_future(self._read())

    def pauseProducing(self) -> None:
        """Read no further line until `resumeProducing`; this one may be finished."""
        self._resumed.clear()

    def stopProducing(self) -> None:
        """Stop reading for good; do not call ``ended``."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()

    def close(self) -> Deferred[None]:
        """Stop, and wait until the terminal is restored."""
        self.stopProducing()
        if self._task is None:
            return succeed(None)
        closed: Deferred[None] = Deferred()
        self._task.add_done_callback(lambda _: closed.callback(None))
        return closed

    def show(self) -> None:
        """Print the waiting replies now, and redraw the line below."""
        if self._showing is not None:
            self._showing.cancel()
            self._showing = None
        data = bytes(self._waiting)
        self._waiting.clear()
        app = self._session.app
        if not data and not self._stopped:
            app.invalidate()
            return
        if app.is_running and self._replies is not Replies.ELSEWHERE:
            app.renderer.erase(leave_alternate_screen=False)
        if self._replies is Replies.HERE and not self._stopped:
            *ended, self._above = (self._above + data).rsplit(b"\n", 1)
            if len(self._above) > ABOVE_BYTES:
                ended, self._above = [*ended, self._above], b""
            self._screen.write(b"".join(each + b"\n" for each in ended))
            app.invalidate()
        else:
            self._screen.write(self._above + data)
            self._above = b""
            if self._replies is Replies.ELSEWHERE:
                app.invalidate()
            elif app.is_running and self._replies is Replies.PIPED:
                loop = asyncio.get_running_loop()
                loop.call_later(READER_SECONDS, self._come_back, data.endswith(b"\n"))

    def _come_back(self, at_line_start: bool) -> None:
        """Redraw the line, after the reader of the pipe has shown the reply."""
        app = self._session.app
        if app.is_running:
            # A key may have redrawn it too early.
            app.renderer.erase(leave_alternate_screen=False)
            if not at_line_start:
                self._terminal.write("\n")
            app.invalidate()

    def _message(self) -> str:
        """Return the text above and before the line that is being typed."""
        prompt = self._prompt()
        if not self._above:
            return prompt
        size = self._size()
        text = self._above.decode("utf-8", "replace").replace("\r", "")
        rows = rows_of(text, size.columns)[-max(1, size.rows // 2) :]
        return "\n".join([*rows, prompt])

    def _size(self) -> Size:
        columns = rows = 0
        with suppress(OSError):  # The terminal has gone.
            columns, rows = os.get_terminal_size(self._terminal.fileno())
        return Size(rows=rows or 24, columns=columns or 80)

    def _paste_more(self, lines: list[str]) -> None:
        *whole, self._begun = lines
        self._pasted.extend(whole)

    def _accept(self, accept: Callable[[Buffer], bool], buffer: Buffer) -> bool:
        """Accept a line, and note that it was entered."""
        self._entered = True
        return accept(buffer)

    async def _read(self) -> None:
        keyboard = self._session.app.input.fileno()
        try:
            at_end = self._take_typed_ahead(keyboard)
            with key_by_key(keyboard):
                while not self._stopped:
                    await asyncio.sleep(0)  # What a pasted line sends goes out first.
                    await self._resumed.wait()
                    line = self._next_pasted()
                    if line is None and at_end:
                        raise EOFError
                    if line is None:
                        begun, self._begun = self._begun, ""
                        line = await self._prompt_for_line(begun)
                    self._taker.received(
                        line.encode("utf-8", "surrogateescape") + b"\n"
                    )
                    self._entered = False
        except EOFError:
            self._stopped = True
            self._taker.ended()
        except KeyboardInterrupt:  # The key Ctrl-C, which is not a signal here.
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            self._stopped = True
            self.show()
            self._history.flush()

    def _take_typed_ahead(self, keyboard: int) -> bool:
        """Take the lines typed before; return whether the input ended there."""
        for line in typed_ahead(keyboard):
            text = self._begun + line.decode("utf-8", "surrogateescape")
            whole, newline, self._begun = text.rpartition("\n")
            if newline or (text and not line):
                self._pasted.append(whole or self._begun)
            if not line:
                return True
        return False

    async def _prompt_for_line(self, begun: str) -> str:
        try:
            return await self._session.prompt_async(
                default=begun, set_exception_handler=False, handle_sigint=False
            )
        finally:
            self._above = b""  # It stays above the finished line.
            self._secrets.answer()

    def _next_pasted(self) -> str | None:
        """Return the next whole line of a paste, and show it as if it were typed."""
        if not self._pasted:
            return None
        if self._above:
            self._screen.write(self._above + b"\n")
            self._above = b""
        line = self._pasted.popleft()
        shown = escape(line.encode("utf-8", "surrogateescape")).decode()
        self._terminal.write(f"{self._prompt()}{shown}\n")
        self._history.append_string(line)
        self._secrets.answer()
        return line
