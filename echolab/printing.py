"""One event in, printed bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.events import Accepted, Connected, Event, Finished, Received

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.events import Peer

__all__ = ["ConversationPrinter", "Printer", "classic"]

FINISH = b"finish.\n"
RECV = b"recv data: "


def classic(event: Event) -> bytes:
    """Print an event as the lecture's ``server.c`` does.

    Returns:
        Whole lines: ``accepted host(IP: 127.0.0.1, Port: 60612)``, one
        ``recv data: …`` for each message, ``finish.``
    """
    match event:
        case Received(messages=messages):
            return RECV + messages.join(b"\n" + RECV) + b"\n"
        case Accepted(peer=peer):
            return b"accepted host(%b)\n" % _host(peer)
        case Finished():
            return FINISH
        case _:
            return b""


def _host(peer: Peer) -> bytes:
    match peer.family:
        case "IPv4" | "IPv6":
            text = f"IP: {peer.host}, Port: {peer.port}"
        case "UNIX":
            text = f"UNIX: {peer.path}"
        case kind:
            text = kind
    return text.encode("utf-8", "surrogateescape")


class Printer:
    """A sink that prints.

    Args:
        write: takes the printed bytes, whole lines at a time; an output's
            ``write``.
        form: turns one event into those bytes.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        form: Callable[[Event], bytes] = classic,
    ) -> None:
        self._write = write
        self._form = form

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
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        prompt: bytes = b"",
        show_replies: bool = True,
    ) -> None:
        self._write = write
        self._prompt = prompt
        self._show_replies = show_replies
        self._prompting = False
        self._at_line_start = True

    def __call__(self, event: Event) -> None:
        """Print one event."""
        match event:
            case Connected():
                self.ask()
            case Received(messages=messages) if self._show_replies:
                prompting = self._prompting
                if prompting:
                    self.end_line()
                self._print(messages.join(b""))
                if prompting:
                    self.end_line()
                    self.ask()
            case _:
                pass

    def ask(self) -> None:
        """Print the prompt for the next line, if somebody is typing."""
        if self._prompt:
            self.end_line()
            self._print(self._prompt)
            self._prompting = True

    def typed(self) -> None:
        """Note that a line was typed: the terminal's echo has ended it."""
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
        self._write(data)
        self._at_line_start = data.endswith(b"\n")
