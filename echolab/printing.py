"""Sinks that print: what a server receives, what a client talks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.escaping import StreamEscaper
from echolab.events import Connected, Finished, Received
from echolab.formats import FINISH, Classic

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.events import Event
    from echolab.formats import Form

__all__ = ["ConversationPrinter", "Printer"]


class Printer:
    """A sink that prints.

    Args:
        write: takes the printed bytes, whole lines at a time; an output's
            ``write``.
        form: turns one event into those bytes; the lecture's if none is given.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        form: Form | None = None,
    ) -> None:
        self._write = write
        self._form = form or Classic()

    def __call__(self, event: Event) -> None:
        """Print one event."""
        printed = self._form(event)
        if printed:
            self._write(printed)


class ConversationPrinter:
    """A sink that prints what the person at a client should see.

    That is a prompt for each line to type, the server's replies as they are,
    and the lecture's ``finish.`` on a line of its own.

    Args:
        write: takes the printed bytes.
        prompt: the prompt; empty when nobody is typing.
        show_replies: whether to print what the server sends.
        escape: whether to make it harmless for a terminal.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        prompt: bytes = b"",
        show_replies: bool = True,
        escape: bool = False,
    ) -> None:
        self._write = write
        self._prompt = prompt
        self._show_replies = show_replies
        self._escaper = StreamEscaper() if escape else None
        self._prompting = False
        self._at_line_start = True

    def __call__(self, event: Event) -> None:
        """Print one event."""
        match event:
            case Connected():
                self.ask()
            case Received(messages=messages) if self._show_replies:
                reply = messages.raw()
                if self._escaper:
                    reply = self._escaper(reply)
                if reply:
                    self._show(reply)
            case Finished() if self._escaper:
                self._print(self._escaper.end())
            case _:
                pass

    def _show(self, reply: bytes) -> None:
        prompting = self._prompting
        if prompting:
            self.end_line()
        self._print(reply)
        if prompting:
            self.end_line()
            self.ask()

    def ask(self) -> None:
        """Print the prompt for the next line, if somebody is typing."""
        if self._prompt:
            self.end_line()
            self._print(self._prompt)
            self._prompting = True

    def typed(self) -> None:
        """Note that a line was typed: the terminal's echo has ended the prompt's."""
        if self._prompting:
            self._prompting = False
            self._at_line_start = True

    def end_line(self) -> None:
        """Go to the start of a line, unless that is where we are."""
        self._prompting = False
        if not self._at_line_start:
            self._print(b"\n")

    def finish(self) -> None:
        """Print the lecture's last line."""
        self.end_line()
        self._print(FINISH)

    def _print(self, data: bytes) -> None:
        if data:
            self._write(data)
            self._at_line_start = data.endswith(b"\n")
