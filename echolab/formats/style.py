"""How all formats show peers and pieces of messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from echolab.escaping import escape_messages, escape_newlines
from echolab.formats.times import rfc3339
from echolab.messages import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.addresses import Peer
    from echolab.events import Event
    from echolab.messages import Messages

__all__ = [
    "Form",
    "Label",
    "Needs",
    "Show",
    "Style",
    "mark_of",
    "needs_of",
    "restart",
    "sent_lines",
]

Form: TypeAlias = "Callable[[Event], bytes]"
Label: TypeAlias = Literal["auto", "always", "never"]
Show: TypeAlias = Literal["received", "sent"]


class Needs(NamedTuple):
    """The needs of a format, besides the usual events.

    Attributes:
        counts: `Finished` must have the number of messages.
        chunks: it needs the event `Chunk`.
        sent: it needs the event `Sent`.
        ledger: it needs the event `Called`, and what the kernel says.
        whole_lines: its earlier output must end with a whole line, even after a
            crash.
        alone: a part of a message may be shown only while no other connection is
            open, since nothing would separate it from other peers' messages.
    """

    counts: bool = True
    chunks: bool = False
    sent: bool = False
    ledger: bool = False
    whole_lines: bool = False
    alone: bool = False


def needs_of(form: object) -> Needs:
    """Return the ``needs`` of a format or sink, or no needs if it has none."""
    needs: Needs = getattr(form, "needs", Needs())
    return needs


def restart(form: object) -> None:
    """Let a format begin again, in another file, if it needs to know."""
    begin = getattr(form, "restart", None)
    if begin is not None:
        begin()


COLORS = (36, 33, 35, 32, 34, 31)
"""The colours of peers on a terminal: ECMA-48 foreground colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The settings of all formats.

    Attributes:
        label: whether to name the peer of each message: ``auto`` only while several
            connections are open, and never in raw.
        escape: whether to make bytes from the network harmless.
        color: whether to give each peer a colour.
        sent: whether to show sent bytes too, in the formats that can.
        kernel: whether to show what the kernel says, in the formats that can.
        unicode: whether lines and arrows may be drawn with characters beyond ASCII.
        time: writes the time of an event, which is in POSIX seconds, in log.
    """

    label: Label = "auto"
    escape: bool = False
    color: bool = False
    sent: bool = False
    kernel: bool = False
    unicode: bool = True
    time: Callable[[float], bytes] = rfc3339

    def name(self, peer: Peer) -> bytes:
        """Return the peer's address, in its colour."""
        name = str(peer).encode()
        if self.color:
            name = b"\x1b[%dm%b\x1b[0m" % (COLORS[peer.number % len(COLORS)], name)
        return name

    def text(self, messages: Messages, *, one_line: bool = False) -> Messages:
        r"""Return the messages, escaped if the style says so.

        Args:
            messages: the messages.
            one_line: whether a newline within a message must become ``\n`` in any
                case, so that the label before it holds for all of it.
        """
        if self.escape:
            return escape_messages(messages)
        return escape_newlines(messages) if one_line else messages


def sent_lines(data: bytes) -> Batch:
    """Return sent bytes as lines; the last may be unfinished."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    return Batch(tuple(lines[:-1] if len(lines) > 1 and not lines[-1] else lines))


def mark_of(messages: Messages) -> bytes:
    """Return a mark such as ``(partial)`` for pieces; nothing for whole messages."""
    return b"(%b)" % messages.mark.encode() if messages.mark else b""
