"""The format for programs: one JSON object a line."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from echolab.escaping import escape_json
from echolab.events import Accepted, Finished, Received
from echolab.messages import Lines
from echolab.style import Style, rfc3339

if TYPE_CHECKING:
    from echolab.events import Event

__all__ = ["Json"]

_PLAIN = bytes({*range(0x20, 0x7F), *b"\n"} - {*b'"\\'})
"""What stands in a JSON string as itself; and what ends a line."""


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Json:
    """One JSON object a line; the README has its members."""

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()

    def __call__(self, event: Event) -> bytes:
        """Print an event."""
        match event:
            case Received(messages=messages):
                shared = self._shared("received", event)
                if messages.mark:
                    shared[messages.mark] = True
                if isinstance(messages, Lines):
                    with suppress(UnicodeDecodeError):
                        return self._lines(shared, messages)
                return b"".join(self._line(shared | _message(m)) for m in messages)
            case Accepted():
                return self._line(self._shared("accepted", event))
            case Finished():
                end = {
                    "cause": event.cause.value,
                    "bytes": event.received_bytes,
                    "messages": event.messages,
                    "unterminated_bytes": event.unterminated_bytes,
                    "seconds": round(event.seconds, 3),
                }
                return self._line(self._shared("finished", event) | end)
            case _:
                return b""

    def _lines(self, shared: dict[str, object], lines: Lines) -> bytes:
        """All lines at once: escaped as one string, which is then cut."""
        start = _dumps(shared)[:-1] + ',"message":"'
        block = lines.block
        if block.isascii() and not block.translate(None, _PLAIN):
            first = start.encode()
            return b'%b%b"}\n' % (first, lines.join(b'"}\n' + first))
        text = _dumps(block.decode())[1:-3]
        # Only a newline is "\\n" now, once escaped backslashes are out of the way.
        text = text.replace(r"\\", "\0").replace(r"\n", '"}\n' + start)
        text = start + text.replace("\0", r"\\") + '"}\n'
        return (escape_json(text) if self._style.escape else text).encode()

    def _shared(self, name: str, event: Event) -> dict[str, object]:
        peer = event.peer
        where: dict[str, object] = {"number": peer.number, "family": peer.family}
        if peer.host is not None:
            where |= {"host": peer.host, "port": peer.port}
        if peer.path is not None:
            where["path"] = peer.path.encode("utf-8", "replace").decode()
        return {"event": name, "time": rfc3339(event.time).decode(), "peer": where}

    def _line(self, members: dict[str, object]) -> bytes:
        line = _dumps(members)
        return (escape_json(line) if self._style.escape else line).encode() + b"\n"


def _message(message: bytes) -> dict[str, object]:
    try:
        return {"message": message.decode()}
    except UnicodeDecodeError:
        return {"message_base64": base64.b64encode(message).decode()}
