"""Framing of redis: RESP2 and RESP3."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from echolab.errors import MalformedError
from echolab.framing.decoded import line_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.framing.decoded import Part

__all__ = ["Resp", "resp_framed"]

_MOST_NESTED = 32
"""How deep values may be nested."""

_END = b"\r\n"

_MOST_HEADER = 24
"""The longest header of a string or an aggregate, with its end: 21 digits."""

_IN_LINE = frozenset(b"+-:_#,(")
_STRINGS = frozenset(b"$!=")
_AGGREGATES = {
    **dict.fromkeys(b"*~>", (1, 0)),
    **dict.fromkeys(b"%", (2, 0)),
    **dict.fromkeys(b"|", (2, 1)),  # The value that the attributes belong to follows.
}
"""Of each: how many values for one of its length, and how many besides."""

_NULLS = (b"$-1\r\n", b"*-1\r\n")


class _State(Enum):
    """What comes next."""

    VALUE = auto()
    LINE = auto()  # the rest of a value that is a line
    INLINE = auto()  # the rest of an inline command
    STRING = auto()  # the rest of a string whose length is known


class Resp:
    r"""Decoder of whole values of RESP2 and RESP3, as they came.

    A message that begins with none of their signs is an inline command: a line that
    ends with ``\n`` or ``\r\n``. The streamed types of RESP3 (``$?``, ``*?``), which
    redis does not send, are malformed.
    """

    def __init__(self) -> None:
        self.held = bytearray()
        self._state = _State.VALUE
        self._left = 0  # bytes of the string
        self._missing: list[int] = []  # values of each unfinished aggregate
        self._good = 0  # where bytes that are malformed begin

    def decode(self, chunk: bytes) -> Iterator[Part]:
        """Yield the bytes of messages."""
        data = bytes(self.held) + chunk
        self.held.clear()
        start = at = end = 0
        try:
            while at < len(data):
                if self._state is _State.VALUE:
                    end, after = self._value(data, at)
                elif self._state is _State.STRING:
                    end, after = self._string(data, at)
                else:
                    end, after = self._line(data, at)
                if after is None:
                    self.held += data[end:]
                    break
                end = at = after
                if self._state is _State.VALUE and not self._missing:
                    yield data[start:at], None
                    start = at
        except MalformedError:
            yield data[start : self._good], self._announced()
            raise
        if start < end:
            yield data[start:end], self._announced()

    def _announced(self) -> int:
        """Return how many bytes must follow."""
        return self._left + len(_END) if self._state is _State.STRING else 0

    def _value(self, data: bytes, at: int) -> tuple[int, int | None]:
        """Read a value; of an aggregate, its first line.

        Returns:
            Where the bytes end that were read, and where to go on; None for the
            second if more bytes are needed.
        """
        kind = data[at]
        if kind in _IN_LINE:
            self._state = _State.LINE
            return self._line(data, at + 1)
        if kind not in _STRINGS and kind not in _AGGREGATES:
            self._good = at
            if self._missing:
                raise MalformedError(
                    "a value begins with none of RESP's signs", data, at
                )
            self._state = _State.INLINE
            return self._line(data, at)
        newline = data.find(b"\n", at, at + _MOST_HEADER)
        if newline < 0 and len(data) - at < _MOST_HEADER:
            return at, None
        self._good = at
        header = data[at : newline + 1]
        digits = header[1:-2]
        if header in _NULLS:
            self._ended()
        elif header[-2:] != _END or not digits.isdigit():
            raise MalformedError(f"no length after {chr(kind)!r}", data, at)
        elif kind in _STRINGS:
            self._left = int(digits)
            self._state = _State.STRING
            return self._string(data, newline + 1)
        else:
            each, besides = _AGGREGATES[kind]
            self._begin(int(digits) * each + besides)
        return newline + 1, newline + 1

    def _string(self, data: bytes, at: int) -> tuple[int, int | None]:
        """Read a string and its end."""
        end = at + self._left
        after = end + len(_END)
        if len(data) < after:
            end = min(end, len(data))
            self._left -= end - at
            return end, None
        if data[end:after] != _END:
            self._good, self._left = end, 0
            raise MalformedError("a string is longer than its length", data, end)
        self._ended()
        return after, after

    def _line(self, data: bytes, at: int) -> tuple[int, int | None]:
        """Read the rest of a line."""
        end, after = line_end(data, at)
        if after is None:
            return end, None
        self._good = after - 1
        if after - end < len(_END) and self._state is _State.LINE:
            raise MalformedError(
                "a line of a value ends without a carriage return", data, at
            )
        self._ended()
        return after, after

    def _begin(self, missing: int) -> None:
        """Begin an aggregate."""
        if not missing:
            self._ended()
        elif len(self._missing) == _MOST_NESTED:
            raise MalformedError(f"values are nested more than {_MOST_NESTED} deep")
        else:
            self._missing.append(missing)

    def _ended(self) -> None:
        """A value is complete, and so are the aggregates that it completes."""
        self._state = _State.VALUE
        missing = self._missing
        while missing:
            missing[-1] -= 1
            if missing[-1]:
                break
            missing.pop()


def resp_framed(message: bytes) -> bytes:
    """Return a message as it is: it has its ends.

    Raises:
        ValueError: it is empty.
    """
    if not message:
        raise ValueError("the text is empty: it is no value")
    return message
