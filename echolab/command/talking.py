"""Talk by hand to the peers of a server: assemble the terminal and what it needs."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from echolab.command.line_editing import (
    line_editor,
    messages_go_above,
    restore_at_end,
)
from echolab.command.saying import say
from echolab.errors import InputError, OutputError
from echolab.framing import framed
from echolab.framing.names import takes_lines
from echolab.server.addressing import Addressing
from echolab.server.piped_talk import PipedTalk
from echolab.server.talk import Talk
from echolab.terminal.completing import Completer
from echolab.terminal.plain import PlainLines
from echolab.terminal.screen import Screen
from echolab.terminal.shown import ShownOutput
from echolab.terminal.stdin import StdinReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.framing.base import AnyFraming
    from echolab.interfaces import Done, IReactor, Output, Producer
    from echolab.server.settings import ServerSettings
    from echolab.terminal.editing import LineEditor

__all__ = ["Talking", "check_foreground", "framing_of_lines"]

_log = Logger()

CLOSE_SECONDS = 1.0
"""How long the terminal may take to show the last messages."""


class Talking:
    """What is typed or piped to the peers of a server.

    Args:
        reactor: watches stdin.
        settings: the user's settings.
        stdin: the descriptor to read; None if there is none.
        done: called when stdout is lost.
        prints: whether the server prints on stdout.

    Attributes:
        addressing: the peers; a sink of events.
        stdout: the output for stdout, above the line; None for the usual one.

    Raises:
        InputError: the terminal cannot be read.
        OutputError: there is no terminal for the prompt.
    """

    def __init__(
        self,
        reactor: IReactor,
        settings: ServerSettings,
        *,
        stdin: int | None,
        done: Done,
        prints: bool,
    ) -> None:
        self.addressing = Addressing(reactor)
        self.stdout: Output | None = None
        self._display: LineEditor | PlainLines | None = None
        self._screen: Screen | None = None
        self._prints = prints
        self._source: Producer
        is_typed = stdin is not None and os.isatty(stdin)
        frame = framing_of_lines(settings.framing, is_typed=is_typed)
        if stdin is None or not is_typed:
            self._read_pipe(reactor, stdin, PipedTalk(self.addressing, frame))
            return
        check_foreground(stdin)
        self._screen = screen = _screen(reactor, done, prints=prints)
        editor = None
        if settings.edit:
            editor = line_editor(
                reactor,
                self.addressing.prompt,
                screen,
                complete=Completer(self.addressing.numbers),
                history="server-history" if settings.history else None,
                secrets=self.addressing,
            )
        display = editor or PlainLines(reactor, stdin, self.addressing.prompt, screen)
        self._display = display
        self.addressing.show_on(display)
        if prints:
            self.stdout = ShownOutput(display, screen.output)
        self._source = display.reader(Talk(self.addressing, frame))
        if editor:
            restore_at_end(stdin, screen)

    def _read_pipe(self, reactor: IReactor, stdin: int | None, talk: PipedTalk) -> None:
        def failed(why: InputError) -> None:
            talk.input_failed(why)
            talk.ended()

        self._source = StdinReader(
            reactor, stdin, received=talk.received, ended=talk.ended, failed=failed
        )
        self.addressing.show_on(talk)
        self._piped = talk

    def start(self) -> None:
        """Read from now on."""
        if self._display is None:
            self._piped.join(self._source)
        else:
            assert self._screen is not None
            messages_go_above(self._display, self._screen)
            self._source.resumeProducing()

    def stop(self) -> Deferred[None]:
        """Read no more, and wait until the terminal is restored.

        What waits is still sent; what cannot be sent is logged.
        """
        self.addressing.choose(None)
        self.addressing.show_on(_Logged())
        self._source.stopProducing()
        if self._display is None:
            self._piped.stop()
        say.show_by(None)
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        if self._display is None or self._screen is None:
            return
        await self._display.close()
        terminal = self._screen.terminal
        if terminal is not None and (
            terminal is not self._screen.output or not self._prints
        ):
            await terminal.flush(CLOSE_SECONDS)
            terminal.close()


def framing_of_lines(
    framing: AnyFraming, *, is_typed: bool
) -> Callable[[bytes], bytes]:
    """Return what frames a line.

    Raises:
        InputError: a line is no message of this framing, and nobody types, who could
            send bytes.
    """
    if takes_lines(framing):
        return partial(framed, name=framing)
    why = f"a line is no message with --framing {framing}"
    if not is_typed:
        raise InputError("read", "stdin", why)

    def refuse(_line: bytes) -> bytes:
        raise ValueError(f"{why}: use /send or /file")

    return refuse


class _Logged:
    """Where messages go when nobody can type any more."""

    has_begun = False

    def say(self, data: bytes) -> None:
        _log.info("{text}", text=data.decode().removesuffix("\n"))

    def refresh(self) -> None:
        """Do nothing: there is no prompt."""


def check_foreground(stdin: int) -> None:
    """Raise if this is a background job: reading the terminal would suspend it."""
    try:
        foreground = os.tcgetpgrp(stdin)
    except OSError:
        return  # Not its controlling terminal: nothing is suspended.
    if foreground != os.getpgrp():
        raise InputError("read", "stdin", "a background job cannot read its terminal")


def _screen(reactor: IReactor, done: Done, *, prints: bool) -> Screen:
    if prints:
        screen: Screen | None = Screen.of_process(reactor, done, patient=True)
    else:
        screen = Screen.of_terminal(reactor)
    if screen is None or screen.stream is None:
        why = "neither stdout nor stderr is a terminal"
        raise OutputError("show", "the prompt of --talk", why)
    return screen
