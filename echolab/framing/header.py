"""Framing of messages that have their length in a header, at any place in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from echolab.errors import MalformedError
from echolab.framing.parameters import Parameters

__all__ = ["MOST_OFFSET", "Header"]

MOST_OFFSET = 1024
"""In bytes. A header is buffered until its length is there, whatever the bound."""

MOST_WIDTH = 8


@dataclass(frozen=True, slots=True)
class Header:
    """A header with a length in it; a message is the whole frame, with its header.

    So a test sees the header, and an answer can repeat parts of it.

    Attributes:
        offset: bytes before the length.
        width: bytes of the length.
        order: their order.
        plus: how many bytes more than the length says follow the length; negative
            if the length counts the header, or a part of it.
    """

    offset: int = 0
    width: int = 2
    order: Literal["big", "little"] = "big"
    plus: int = 0

    @classmethod
    def parse(cls, text: str) -> Header:
        """Read ``offset=4,width=2,order=big,plus=0``.

        Raises:
            ValueError: a parameter is wrong.
        """
        given = Parameters("length", text, ("offset", "width", "order", "plus"))
        order = given.text("order", "big").lower()
        if order not in ("big", "little"):
            raise given.wrong("order", "big or little")
        return cls(
            offset=given.number("offset", 0, 0, MOST_OFFSET),
            width=given.number("width", 2, 1, MOST_WIDTH),
            order="big" if order == "big" else "little",
            plus=given.number("plus", 0, -MOST_OFFSET, MOST_OFFSET),
        )

    def size(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Return how long the frame at an offset is, and where it begins.

        Raises:
            MalformedError: it would end before the end of its length.
        """
        start = at + self.offset
        after = start + self.width
        if len(data) < after:
            return None
        length = int.from_bytes(data[start:after], self.order)
        if length + self.plus < 0:
            raise MalformedError(
                f"a length is {length}: at least {-self.plus}", data, at
            )
        return after - at + length + self.plus, at

    def framed(self, message: bytes) -> bytes:
        """Return a frame with the right length, whatever stands there.

        Raises:
            ValueError: it is shorter than its header, or its length does not fit.
        """
        after = self.offset + self.width
        least = after + max(0, self.plus)
        if len(message) < least:
            raise ValueError(f"{len(message)} bytes are too short: at least {least}")
        length = len(message) - after - self.plus
        most = (1 << 8 * self.width) - 1
        if length > most:
            longest = most + after + self.plus
            raise ValueError(f"{len(message)} bytes are too long: at most {longest}")
        written = length.to_bytes(self.width, self.order)
        return message[: self.offset] + written + message[after:]
