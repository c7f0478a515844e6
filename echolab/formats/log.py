"""One line for each message and event: time, peer, what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.counting import count
from echolab.events import (
    Accepted,
    Connected,
    Finished,
    HalfClosed,
    Introduced,
    Misbehaved,
    Received,
    Refused,
    Sent,
    Unanswered,
)
from echolab.facts import Diagnosed, Listening, Sampled, SynSaved
from echolab.formats.kernel import said
from echolab.formats.style import Needs, Style, mark_of, sent_lines
from echolab.messages import Batch
from echolab.quantities import span

if TYPE_CHECKING:
    from echolab.events import Event

__all__ = ["Log"]

ENDED_HERE = {"stopped", "malformed", "overlong", "error"}
"""The causes of an end by this side, in the midst of what its peer sends."""


class Log:
    """One line for each message and event: time, peer, what.

    The time is written as the style says. Pieces of messages are marked:
    ``recv(overlong)``, ``recv(partial)``, ``recv(unterminated)``.

    Args:
        style: how messages and peers are shown.
        timeless: whether to leave out times, and all that depends on them.
        exact: whether sent bytes are one line each, with their line ends as escapes.

    Attributes:
        needs: see `Needs`.
    """

    def __init__(
        self,
        style: Style | None = None,
        *,
        timeless: bool = False,
        exact: bool = False,
    ) -> None:
        self._style = style or Style()
        self._timeless = timeless
        self._exact = exact
        self.needs = Needs(sent=self._style.sent, ledger=self._style.kernel)

    def __call__(self, event: Event) -> bytes:
        """Return the bytes to print for an event."""
        start = self._style.name(event.peer) + b" "
        if not self._timeless:
            start = b"%b %b" % (self._style.time(event.time), start)
        match event:
            case Received(messages=messages):
                start += b"recv%b " % mark_of(messages)
                text = self._style.text(messages, one_line=True)
                return start + text.join(b"\n" + start) + b"\n"
            case Sent(data=data) if self._exact:
                text = self._style.text(Batch((data,)), one_line=True)
                return start + b"sent " + text.join(b"") + b"\n"
            case Sent(data=data) if self._style.sent:
                start += b"sent "
                text = self._style.text(sent_lines(data), one_line=True)
                return start + text.join(b"\n" + start) + b"\n"
            case Accepted():
                return start + b"accepted\n"
            case Connected():
                return start + b"connected\n"
            case HalfClosed() if not self._timeless:
                return start + b"half-closed\n"
            case Unanswered(message=message):
                text = self._style.text(Batch((message,)), one_line=True)
                return start + b"unanswered " + text.join(b"") + b"\n"
            case Introduced(client=client, number=number):
                return start + f"introduced {client} {number}\n".encode()
            case Misbehaved(behaviour=behaviour):
                return start + f"misbehaved {behaviour}\n".encode()
            case Finished():
                words = _timeless_ending if self._timeless else _ending
                ending = words(event, shows_sent=self._style.sent)
                return start + f"finished {ending}\n".encode()
            case Refused(cause=cause, detail=detail, others=others):
                more = f", and {count(others, 'other')}" if others else ""
                return start + f"{cause.value}: {detail}{more}\n".encode()
            case Sampled() | Diagnosed() | SynSaved() | Listening():
                if not self._style.kernel:
                    return b""
                return start + f"kernel {said(event)}\n".encode()
            case _:
                return b""


def _ending(event: Finished, *, shows_sent: bool) -> str:
    """Return in words why a connection ended and after how much, without zeros."""
    words = [_why(event), *_received(event)]
    if event.sent_bytes is not None and shows_sent:
        words.append(f"{count(event.sent_bytes, 'byte')} sent")
        if event.unsent_bytes:
            words.append(f"{count(event.unsent_bytes, 'byte')} of it left")
    if event.unsent_answers:
        words.append(f"{count(event.unsent_answers, 'answer')} unsent")
    if event.unread_bytes:
        words.append(f"{count(event.unread_bytes, 'byte')} unread")
    words[-1] += f" in {span(event.seconds, '.3f')}"
    if event.rtt_seconds is not None:
        words.append(f"rtt {event.rtt_seconds * 1000:.3f} ms")
    if event.retransmits:
        words.append(count(event.retransmits, "retransmit"))
    return ", ".join(words)


def _timeless_ending(event: Finished, *, shows_sent: bool) -> str:
    """Return the same without what depends on time."""
    words = [_why(event)]
    if event.cause.value not in ENDED_HERE:
        # Otherwise this side ended, and more may have come by then, or less.
        words += _received(event)
    if shows_sent and (event.unsent_bytes or event.unsent_answers):
        words.append("not all was sent")
    elif shows_sent and event.sent_bytes:
        words.append(f"{count(event.sent_bytes, 'byte')} sent")
    return ", ".join(words)


def _why(event: Finished) -> str:
    return event.cause.value + (f" ({event.detail})" if event.detail else "")


def _received(event: Finished) -> list[str]:
    words = [count(event.received_bytes, "byte")]
    if event.messages is not None:
        words.append(count(event.messages, "message"))
    if event.unterminated_bytes:
        words.append(f"{count(event.unterminated_bytes, 'byte')} unterminated")
    return words
