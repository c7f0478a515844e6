"""Make bytes from the network harmless for a terminal.

`escape` is for bytes, a `StreamEscaper` for chunks in which a character may be cut in
two, `escape_line` for text that is to stay one line, `escape_name` for a name in a
label, `escape_json` for a line of JSON. `escape_messages` and `escape_newlines` are for
messages. `unescape` reads what a user wrote with escapes.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import bidirectional, category, is_normalized, normalize

from echolab.messages import Batch, Lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.messages import Messages

__all__ = [
    "StreamEscaper",
    "escape",
    "escape_json",
    "escape_line",
    "escape_messages",
    "escape_name",
    "escape_newlines",
    "unescape",
]

_SAFE = b"\t\n" + bytes(range(0x20, 0x7F))
_UNSAFE_RANGES = (
    # Control characters (ECMA-48 C0) except tab and newline.
    *(("\0", "\x08"), ("\x0b", "\x1f"), ("\x7f", "\x7f")),
    # The C1 set: U+009B is "ESC [" to some terminals.
    ("\x80", "\x9f"),
    # Bidirectional controls.
    *(("\u061c", "\u061c"), ("\u200e", "\u200f")),
    *(("\u202a", "\u202e"), ("\u2066", "\u2069")),
    # Line and paragraph separators.
    ("\u2028", "\u2029"),
    # Invisible marks and tags.
    *(("\ufeff", "\ufeff"), ("\ufff9", "\ufffb"), ("\U000e0000", "\U000e007f")),
)
_UNSAFE = re.compile(f"[{''.join(f'{a}-{b}' for a, b in _UNSAFE_RANGES)}]+")

_SHORT = {"\n": r"\n", "\r": r"\r", "\\": r"\\"}


def escape(data: bytes) -> bytes:
    r"""Escape what could drive a terminal; leave text as it is.

    Control characters, C1 controls, DEL and bidirectional controls become
    ``\x1b``, ``\r``, ``\u202e``. Bytes that are not UTF-8 become ``\xff``. Tab,
    newline and all other Unicode stay.
    """
    if not data.translate(None, _SAFE):
        return data
    return _escape_text(data.decode("utf-8", "backslashreplace")).encode()


def _escape_text(text: str) -> str:
    return _UNSAFE.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    return match.group().translate(_ESCAPES)


def _as_escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # A byte that is not UTF-8; see PEP 383.
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_ESCAPES = {
    number: _as_escape(chr(number))
    for first, last in _UNSAFE_RANGES
    for number in range(ord(first), ord(last) + 1)
}
"""For `str.translate`, called once for each run: one call a character is slow."""


def _as_json_escape(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


_JSON_ESCAPES = {number: _as_json_escape(chr(number)) for number in _ESCAPES}

# Printable ASCII without the signs of labels: space ( ) , : @ [ \ ]
_PLAIN_NAME = re.compile(r"[!-'*-+\--9;-?A-Z^-~]*")
_READ_FROM_THE_LEFT = {"L", "EN", "ES", "ET", "CS", "ON"}
_BRACKETS = {"Ps", "Pe", "Pi", "Pf"}
_BLANK = re.compile(
    "["
    "\u115f\u3164\uffa0"  # Hangul fillers
    "\u1160-\u11ff\ud7b0-\ud7ff"  # parts of a syllable that do not stand alone
    "\u034f\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
    "\u2800\ufffc\U00013441\U00013442\U00016fe4\U0001d159"
    "]"
)
"""Letters, marks and symbols in Unicode that are invisible on their own."""
_MOST_MARKS = 3
"""More combining marks on one letter reach into the lines above and below."""


@lru_cache(maxsize=1024)
def escape_name(name: str) -> str:
    r"""Escape a name that a peer chose, for use in a label.

    Letters, digits and signs stay. These become ``\x20``, ``\u05d0``: the signs of
    labels (space, brackets, ``,``, ``:``, ``@``), invisible characters, characters
    read from right to left, and characters that Unicode treats as equal to others.
    So the end of the name is clear, and no two names look the same, except for
    letters that look alike in two scripts.

    Args:
        name: the name; bytes that are not UTF-8 are decoded as in PEP 383.
    """
    if _PLAIN_NAME.fullmatch(name):
        return name
    shown: list[str] = []
    before = ""  # the last letter, if it was not escaped, and its marks
    for character in name:
        if _is_mark(before, character):
            before += character
            shown.append(character)
        elif _is_graphic(before, character):
            before = character
            shown.append(character)
        else:
            before = ""
            shown.append(_as_escape(character))
    return "".join(shown)


def _is_mark(before: str, character: str) -> bool:
    """Whether it is a combining mark that is visible on the letter before it."""
    return (
        category(character) in {"Mn", "Mc"}
        and 0 < len(before) <= _MOST_MARKS
        and before[0].isalnum()
        and is_normalized("NFC", before + character)
        and not _BLANK.match(character)
    )


def _is_graphic(before: str, character: str) -> bool:
    """Whether it is visible, and not equal to another character."""
    if character.isascii():
        return _PLAIN_NAME.fullmatch(character) is not None
    kind = category(character)
    return (
        kind[0] in "LNPS"
        and kind not in _BRACKETS
        and bidirectional(character) in _READ_FROM_THE_LEFT
        and is_normalized("NFC", before + character)
        and not re.search(r"[\0-\x7f]", normalize("NFKC", character))
        and not _BLANK.match(character)
    )


def escape_line(text: str) -> str:
    r"""Return a text as one harmless line: with ``\n``, ``\x1b``."""
    data = escape(text.encode("utf-8", "surrogateescape"))
    return data.decode().replace("\n", "\\n")


def escape_json(line: str) -> str:
    r"""Escape, in the way of JSON, what JSON leaves as it is: ``\u009b``."""
    return _UNSAFE.sub(_shown_in_json, line)


def _shown_in_json(match: re.Match[str]) -> str:
    return match.group().translate(_JSON_ESCAPES)


def escape_messages(messages: Messages) -> Messages:
    r"""Escape messages; a newline within one becomes ``\n``."""
    if isinstance(messages, Lines):
        block = escape(messages.block)
        if block is messages.block:
            return messages
        return Lines(block, messages.mark)
    return escape_newlines(_with(messages, map(escape, messages)))


def escape_newlines(messages: Messages) -> Messages:
    r"""Escape a newline within a message as ``\n``; a line has none."""
    if isinstance(messages, Lines):
        return messages
    return _with(messages, (each.replace(b"\n", b"\\n") for each in messages))


def _with(messages: Messages, changed: Iterable[bytes]) -> Batch:
    return Batch(tuple(changed), messages.mark)


def unescape(text: str | bytes) -> bytes:
    r"""Return the bytes of a text with Python's escapes: ``\0``, ``\n``, ``\x1e``.

    Raises:
        ValueError: an escape is unknown or unfinished.
    """
    data = text.encode() if isinstance(text, str) else text
    if re.search(rb"(?<!\\)(\\\\)*\\[^\\'\"abfnrtvx0-7]", data):
        raise ValueError("has an unknown escape")
    return codecs.escape_decode(data)[0]


class StreamEscaper:
    r"""Escape a stream of chunks; a chunk may end within a character.

    A carriage return right before a newline is harmless, and stays.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        self._held = ""

    def __call__(self, chunk: bytes) -> bytes:
        """Escape a chunk; keep its unfinished end for the next one."""
        text = self._held + self._decode(chunk)
        self._held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r")
        return "\r\n".join(map(_escape_text, text.split("\r\n"))).encode()

    def end(self) -> bytes:
        """Escape the unfinished end of the stream."""
        return _escape_text(self._held + self._decode(b"", True)).encode()
