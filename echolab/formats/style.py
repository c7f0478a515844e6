"""What all formats share: how peers, times and pieces of messages are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from echolab.escaping import escape_messages, escape_newlines
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
    "rfc3339",
    "rfc3339_exactly",
    "sent_lines",
]

Form: TypeAlias = "Callable[[Event], bytes]"
Label: TypeAlias = Literal["auto", "always", "never"]
Show: TypeAlias = Literal["received", "sent"]


class Needs(NamedTuple):
    """What a format needs, besides the events, of those who serve it.

    Attributes:
        counts: that `Finished` says how many messages there were.
        chunks: the event `Chunk`.
        sent: the event `Sent`.
        whole_lines: that what it printed before ends with a whole line, also after
            a crash.
        alone: that no other connection is open where a part of a message is shown,
            since nothing would part it from what others send.
    """

    counts: bool = True
    chunks: bool = False
    sent: bool = False
    whole_lines: bool = False
    alone: bool = False


def needs_of(form: Form) -> Needs:
    """What a format says that it needs, by an attribute ``needs`` if it has one."""
    needs: Needs = getattr(form, "needs", Needs())
    return needs


COLORS = (36, 33, 35, 32, 34, 31)
"""What tells peers apart on a terminal: ECMA-48 foreground colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What all formats can be told.

    Attributes:
        label: whether to say whose each message is: ``auto`` only while a second
            connection is open, and never in raw.
        escape: whether to make what came from the network harmless.
        color: whether to give each peer a colour.
        sent: whether to show what is sent too, in the formats that can.
    """

    label: Label = "auto"
    escape: bool = False
    color: bool = False
    sent: bool = False

    def name(self, peer: Peer) -> bytes:
        """The peer's address, in its colour."""
        name = str(peer).encode()
        if self.color:
            name = b"\x1b[%dm%b\x1b[0m" % (COLORS[peer.number % len(COLORS)], name)
        return name

    def text(self, messages: Messages, *, one_line: bool = False) -> Messages:
        r"""The messages, escaped if that is wanted.

        Args:
            messages: the messages.
            one_line: whether a newline within one must become ``\n`` in any case,
                since what stands before it says whose it is.
        """
        if self.escape:
            return escape_messages(messages)
        return escape_newlines(messages) if one_line else messages


def sent_lines(data: bytes) -> Batch:
    """What was sent, line by line as far as it has lines."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    return Batch(tuple(lines[:-1] if len(lines) > 1 and not lines[-1] else lines))


def mark_of(messages: Messages) -> bytes:
    """What these are if not whole, as ``(partial)``; else nothing."""
    return b"(%b)" % messages.mark.encode() if messages.mark else b""


def rfc3339(seconds: float) -> bytes:
    """A time in UTC, with milliseconds: ``2026-11-22T13:16:04.123Z``."""
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds").encode() + b"Z"


def rfc3339_exactly(seconds: float) -> bytes:
    """The same with seven digits, all that a float has of a time in our days."""
    whole, _, fraction = f"{seconds:.7f}".partition(".")
    moment = datetime.fromtimestamp(int(whole), UTC).replace(tzinfo=None)
    return f"{moment.isoformat()}.{fraction}Z".encode()
