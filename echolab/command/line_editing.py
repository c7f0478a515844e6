"""A line editor on the terminal of a client or of a server."""

from __future__ import annotations

import os
import termios
from contextlib import suppress
from typing import TYPE_CHECKING

from echolab.command.program import undo_at_end
from echolab.command.saying import say
from echolab.descriptors import write_now
from echolab.terminal.history import HistoryFile, history_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.interfaces import IReactor
    from echolab.terminal.completing import Completer
    from echolab.terminal.editing import LineEditor, Secrets
    from echolab.terminal.screen import Display, Screen

__all__ = ["line_editor", "messages_go_above", "restore_at_end"]

STDERR = 2

NO_BRACKETED_PASTE = b"\x1b[?2004l"


def line_editor(
    reactor: IReactor,
    prompt: str | Callable[[], str],
    screen: Screen,
    *,
    complete: Completer,
    history: str | None,
    secrets: Secrets | None = None,
) -> LineEditor | None:
    """Return a line editor, if all that it needs is there.

    Args:
        reactor: must run on asyncio.
        prompt: see `LineEditor`.
        screen: has the terminal.
        complete: see `LineEditor`.
        history: the name of the file that keeps the lines; None to forget them.
        secrets: see `LineEditor`.
    """
    if screen.stream is None or _is_dumb():
        return None
    # Imported here, because it imports asyncio, which is slow.
    from twisted.internet.asyncioreactor import AsyncioSelectorReactor

    if not isinstance(reactor, AsyncioSelectorReactor):
        return None
    try:
        from echolab.terminal.editing import LineEditor
    except ImportError:
        return None
    path = history_path(name=history) if history else None
    return LineEditor(
        prompt,
        screen.stream,
        HistoryFile(path) if path else None,
        screen=screen,
        replies=screen.replies,
        secrets=secrets,
        complete=complete,
    )


def messages_go_above(display: Display, screen: Screen) -> None:
    """Show the program's messages above the line, if they go to its terminal."""
    terminal = screen.terminal
    if terminal is None or not os.isatty(STDERR):
        return

    def show(text: bytes) -> bool:
        if terminal.is_full:
            return False
        with suppress(ValueError):  # The terminal is closed, or lost.
            display.say(text)
        return True

    say.show_by(show)


def restore_at_end(keyboard: int, screen: Screen) -> None:
    """Restore the terminal even if the program ends in the middle of a line.

    Args:
        keyboard: the terminal's descriptor, in line mode now.
        screen: the terminal.
    """
    try:
        before = termios.tcgetattr(keyboard)
    except termios.error:
        return  # The terminal is gone.

    def restore() -> None:
        with suppress(OSError, termios.error):
            if termios.tcgetattr(keyboard) != before and screen.stream is not None:
                termios.tcsetattr(keyboard, termios.TCSANOW, before)
                write_now(screen.stream.fileno(), NO_BRACKETED_PASTE + b"\n")

    undo_at_end(restore)


def _is_dumb() -> bool:
    """Whether the terminal cannot move its cursor."""
    return os.environ.get("TERM", "dumb") in ("dumb", "unknown", "")
