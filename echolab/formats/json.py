"""The format for programs: one JSON object per line."""

from __future__ import annotations

import base64
import json
from binascii import b2a_base64
from contextlib import suppress
from dataclasses import fields
from functools import lru_cache
from json.encoder import encode_basestring
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from echolab.escaping import escape_json
from echolab.events import (
    Accepted,
    Called,
    Chunk,
    Connected,
    Finished,
    HalfClosed,
    Introduced,
    LeftOut,
    Misbehaved,
    Mistaken,
    Received,
    Refused,
    Sent,
    Unanswered,
)
from echolab.facts import Diagnosed, Listening, Sampled, SynSaved
from echolab.formats.style import Needs, Style
from echolab.formats.times import rfc3339, rfc3339_exactly
from echolab.messages import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from echolab.addresses import Peer
    from echolab.events import Event
    from echolab.formats.reframing import RecordedFraming

__all__ = ["Json", "peer_text"]

_PLAIN = bytes({*range(0x20, 0x7F), *b"\n"} - {*b'"\\'})
"""Bytes that a JSON string contains without an escape; and the line end."""


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_WRITERS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: repr,
    float: repr,
}


class Json:
    """One JSON object per line; docs/formats.md lists its members.

    Args:
        style: only ``escape``, ``sent`` and ``kernel`` are used.
        recording: whether this is a recording: it has chunks, sent bytes, calls and
            what the kernel says too, and times with all their digits.

        framing: makes the messages, if a recording need not have them; it then names
            the framing instead, which costs less.

    Attributes:
        needs: see `Needs`.
    """

    def __init__(
        self,
        style: Style | None = None,
        *,
        recording: bool = False,
        framing: RecordedFraming | None = None,
    ) -> None:
        self._style = style or Style()
        self._framing = framing
        self._begun = framing is None
        self._recording = recording
        self._sent = recording or self._style.sent
        self._kernel = recording or self._style.kernel
        self.needs = Needs(
            chunks=recording,
            sent=self._sent,
            ledger=self._kernel,
            whole_lines=recording,
        )
        self._time = rfc3339_exactly if recording else rfc3339

    def __call__(self, event: Event) -> bytes:
        """Return the bytes to print for an event."""
        if not self._begun and self._framing is not None:
            self._begun = True
            return _heading(self._framing) + self(event)
        match event:
            case Received(messages=messages) if self._framing is not None:
                if messages.mark != "partial":
                    return b""
                return self._line(self._start("partial", event), {})
            case Received(messages=messages):
                start = self._start("received", event)
                if messages.mark:
                    start += f',"{messages.mark}":true'
                if isinstance(messages, Lines):
                    with suppress(UnicodeDecodeError):
                        return self._lines(start, messages)
                return self._messages(start, messages)
            case Accepted():
                return self._line(self._start("accepted", event), self._began(event))
            case Connected():
                return self._line(self._start("connected", event), self._began(event))
            case Chunk(data=data):
                if not self._recording:
                    return b""
                start = self._start("chunk", event)
                if not data.translate(None, _PLAIN):  # Much faster than an encoder.
                    return b'%b,"data":"%b"}\n' % (
                        start.encode(),
                        data.replace(b"\n", b"\\n"),
                    )
                return self._line(start, _bytes("data", data))
            case Sent(data=data, taken_bytes=taken, answers=answers):
                if not self._sent:
                    return b""
                sent: dict[str, object] = {**_bytes("data", data)}
                if taken is not None:
                    sent["taken_bytes"] = taken
                if answers is not None:
                    sent["answers"] = answers
                return self._line(self._start("sent", event), sent)
            case Unanswered(number=number, message=message):
                what = {"number": number, **_bytes("message", message)}
                return self._line(self._start("unanswered", event), what)
            case Introduced(client=client, number=number):
                who = {"client": client, "number": number}
                return self._line(self._start("introduced", event), who)
            case Misbehaved(behaviour=behaviour):
                done = {"behaviour": behaviour}
                return self._line(self._start("misbehaved", event), done)
            case Mistaken(protocol=protocol):
                if not self._recording:
                    return b""  # Stderr reports it; the sent bytes are printed.
                speaks = {"protocol": protocol}
                return self._line(self._start("mistaken", event), speaks)
            case HalfClosed():
                return self._line(self._start("half_closed", event), {})
            case Called():
                if not self._recording:
                    return b""
                return self._line(self._start("called", event), _called(event))
            case Sampled() | Diagnosed() | SynSaved() | Listening():
                if not self._kernel:
                    return b""
                return self._line(self._start(NAMES[type(event)], event), _fact(event))
            case LeftOut():
                if not self._recording:
                    return b""
                left = {
                    "events": event.events,
                    "received_bytes": event.received_bytes,
                    "sent_bytes": event.sent_bytes,
                }
                return self._line(self._start("left_out", event), left)
            case Finished():
                end: dict[str, object] = {
                    "cause": event.cause.value,
                    "bytes": event.received_bytes,
                    "messages": event.messages,
                    "unterminated_bytes": event.unterminated_bytes,
                    "unread_bytes": event.unread_bytes,
                    "seconds": event.seconds
                    if self._recording
                    else round(event.seconds, 3),
                }
                if event.detail:
                    end["detail"] = event.detail
                if event.rtt_seconds is not None:
                    end["rtt_seconds"] = event.rtt_seconds
                    end["retransmits"] = event.retransmits
                if event.sent_bytes is not None and self._sent:
                    end["sent_bytes"] = event.sent_bytes
                    if event.unsent_bytes:
                        end["unsent_bytes"] = event.unsent_bytes
                if event.unsent_answers:
                    end["unsent_answers"] = event.unsent_answers
                return self._line(self._start("finished", event), end)
            case Refused(cause=cause, detail=detail, others=others):
                why = {"cause": cause.value, "detail": detail, "others": others}
                return self._line(self._start("refused", event), why)

    def restart(self) -> None:
        """Begin a recording again, in another file."""
        self._begun = self._framing is None

    def _lines(self, start: str, lines: Lines) -> bytes:
        """Print all lines at once: escape them as one string, then cut it."""
        start += ',"message":"'
        block = lines.block
        if block.isascii() and not block.translate(None, _PLAIN):
            first = start.encode()
            return b'%b%b"}\n' % (first, lines.join(b'"}\n' + first))
        text = _dumps(block.decode())[1:-3]
        # When escaped backslashes are replaced, each "\\n" is a newline.
        text = text.replace(r"\\", "\0").replace(r"\n", '"}\n' + start)
        text = start + text.replace("\0", r"\\") + '"}\n'
        return (escape_json(text) if self._style.escape else text).encode()

    def _messages(self, start: str, messages: Iterable[bytes]) -> bytes:
        """Print each message by itself, since not all of them are text.

        A chunk can have tens of thousands of messages, and all other peers wait: so
        their common part is made once.
        """
        as_text, as_bytes = f'{start},"message":', f'{start},"message_base64":"'
        escaped = self._style.escape
        lines: list[str] = []
        for message in messages:
            text = message.decode(errors="replace")  # An exception is slow.
            if "\ufffd" in text and text.encode() != message:
                coded = b2a_base64(message, newline=False).decode()
                lines.append(f'{as_bytes}{coded}"}}\n')
                continue
            text = encode_basestring(text)
            if escaped and not text.isprintable():
                text = escape_json(text)
            lines.append(f"{as_text}{text}}}\n")
        return "".join(lines).encode()

    def _line(self, start: str, members: Mapping[str, object]) -> bytes:
        # An encoder of the library takes long to begin.
        rest = "".join(
            [
                f',"{name}":{_WRITERS.get(type(value), _dumps)(value)}'
                for name, value in members.items()
            ]
        )
        line = f"{start}{rest}}}\n"
        return (escape_json(line) if self._style.escape else line).encode()

    def _began(self, event: Accepted | Connected) -> dict[str, object]:
        """Return the members that only recordings have."""
        if not self._recording or event.local is None:
            return {}
        return {"local": _members(event.local), "monotonic": event.monotonic}

    def _start(self, name: str, event: Event) -> str:
        """Return an object without its end, with the members of every event."""
        time = self._time(event.time).decode()
        return f'{{"event":"{name}","time":"{time}","peer":{peer_text(event.peer)}'


@lru_cache(maxsize=1024)
def peer_text(peer: Peer) -> str:
    """Return a peer as a JSON object."""
    # The peer may have chosen a path or a name: escape it in any case.
    return escape_json(_dumps(_members(peer)))


def _members(peer: Peer) -> dict[str, object]:
    members: dict[str, object] = {"number": peer.number, "family": peer.family}
    if peer.host is not None:
        members |= {"host": peer.host, "port": peer.port}
    if peer.path is not None:
        members |= _bytes("path", peer.path.encode("utf-8", "surrogateescape"))
    if peer.pid is not None:
        members |= {"pid": peer.pid, "uid": peer.uid}
    if peer.name is not None:
        members["name"] = peer.name
    if peer.receiver is not None:
        members["receiver"] = peer.receiver
    return members


def _heading(framing: RecordedFraming) -> bytes:
    """Return the first line of a recording without messages."""
    members = {
        "event": "recording",
        "framing": framing.framing,
        "max_message": framing.max_message_bytes,
        "overlong": framing.overlong,
    }
    return f"{_dumps(members)}\n".encode()


NAMES = {
    Sampled: "sampled",
    Diagnosed: "diagnosed",
    SynSaved: "syn",
    Listening: "listening",
}
"""How the kernel's facts are called in a recording."""


def _called(event: Called) -> dict[str, object]:
    members: dict[str, object] = {"source": "app", "call": event.call}
    if event.arguments:
        members["arguments"] = event.arguments
    members["result"] = event.result
    if event.errno:
        members["errno"] = event.errno
    members["seconds"] = event.seconds
    members["certainty"] = "exact" if event.exact else "between"
    if event.monotonic is not None:
        members["monotonic"] = event.monotonic
    if event.waited_seconds is not None:
        members["waited_seconds"] = event.waited_seconds
    if event.data is not None:
        members["data_base64"] = base64.b64encode(event.data).decode()
    return members


def _fact(event: Sampled | Diagnosed | SynSaved | Listening) -> dict[str, object]:
    """Return what is known of a fact, member by member."""
    if isinstance(event, SynSaved):
        packet = base64.b64encode(event.packet).decode()
        return {"source": event.source, "packet_base64": packet}
    names, values = _FACTS[type(event)]
    known = zip(names, values(event), strict=True)
    return {"source": event.source} | {k: v for k, v in known if v is not None}


def _members_of(kind: type) -> tuple[tuple[str, ...], Callable[[object], Any]]:
    """Return the names of a fact's own members, and what reads them all."""
    names = tuple(field.name for field in fields(kind)[2:])
    return names, attrgetter(*names)


_FACTS = {kind: _members_of(kind) for kind in (Sampled, Diagnosed, Listening)}


def _bytes(name: str, data: bytes) -> dict[str, str]:
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}
