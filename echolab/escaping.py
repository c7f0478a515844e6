"""Bytes from the network made harmless for a terminal."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from echolab.messages import Batch, Lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.messages import Messages

__all__ = [
    "StreamEscaper",
    "escape",
    "escape_json",
    "escape_messages",
    "escape_newlines",
    "unescape",
]

_SAFE = b"\t\n" + bytes(range(0x20, 0x7F))
_UNSAFE = re.compile(
    "["
    "\0-\x08\x0b-\x1f\x7f"  # control characters (ECMA-48 C0), but tab and newline
    "\x80-\x9f"  # the C1 set: U+009B is "ESC [" to some terminals
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u2028\u2029"  # line and paragraph separators
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # invisible marks and tags
    "]"
)


def escape(data: bytes) -> bytes:
    r"""Show what could drive a terminal as escapes, leave text as it is.

    Control characters, C1 controls, DEL and bidirectional controls become
    ``\x1b``, ``\r``, ``\u202e``; bytes that are not UTF-8 become ``\xff``. Tab,
    newline and all other Unicode stay.
    """
    if not data.translate(None, _SAFE):
        return data
    return _escape_text(data.decode("utf-8", "backslashreplace")).encode()


def _escape_text(text: str) -> str:
    return _UNSAFE.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    character = match.group()
    if character == "\r":
        return "\\r"
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escape_json(line: str) -> str:
    r"""Escape what JSON leaves as it is, as JSON does: ``\u009b``."""
    return _UNSAFE.sub(_shown_in_json, line)


def _shown_in_json(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def escape_messages(messages: Messages) -> Messages:
    r"""Escape messages; a newline within one becomes ``\n``."""
    if isinstance(messages, Lines):
        block = escape(messages.block)
        if block is messages.block:
            return messages
        return Lines(block, messages.mark)
    return escape_newlines(_with(messages, map(escape, messages)))


def escape_newlines(messages: Messages) -> Messages:
    r"""Show a newline within a message as ``\n``; a line has none."""
    if isinstance(messages, Lines):
        return messages
    return _with(messages, (each.replace(b"\n", b"\\n") for each in messages))


def _with(messages: Messages, changed: Iterable[bytes]) -> Batch:
    return Batch(tuple(changed), messages.mark)


def unescape(text: str) -> bytes:
    r"""Read what a user wrote with escapes as in Python: ``\0``, ``\n``, ``\x1e``.

    Raises:
        ValueError: an escape is unknown or unfinished.
    """
    if re.search(r"(?<!\\)(\\\\)*\\[^\\'\"abfnrtvx0-7]", text):
        raise ValueError("has an unknown escape")
    return codecs.escape_decode(text.encode())[0]


class StreamEscaper:
    """Escapes a stream of chunks, in which a character may be cut in two."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode

    def __call__(self, chunk: bytes) -> bytes:
        """Escape a chunk; the bytes of an unfinished character wait for the next."""
        return _escape_text(self._decode(chunk)).encode()

    def end(self) -> bytes:
        """Escape what is left of a character that was never finished."""
        return self._decode(b"", True).encode()
