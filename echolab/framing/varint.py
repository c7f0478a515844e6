"""Framing with a length in base 128: protobuf's delimited messages, MQTT's packets."""

from __future__ import annotations

from dataclasses import dataclass

from echolab.errors import MalformedError
from echolab.framing.header import MOST_OFFSET
from echolab.framing.parameters import Parameters

__all__ = ["VarintHeader", "varint_framed", "varint_length"]

MOST_BYTES = 10
"""Bytes of a length before a message: protobuf's 64 bits."""

MOST_BYTES_INSIDE = 4
"""Bytes of a length inside a header: MQTT's (MQTT 5.0, 1.5.5)."""


def varint_length(data: bytes, at: int) -> tuple[int, int] | None:
    """Read the length of a message; return it, and where the message begins.

    Raises:
        MalformedError: it has too many bytes.
    """
    return _read(data, at, MOST_BYTES)


def varint_framed(message: bytes) -> bytes:
    """Return a message with its length in front."""
    return _written(len(message)) + message


@dataclass(frozen=True, slots=True)
class VarintHeader:
    """A header that ends with a varint; a message is the whole packet.

    Attributes:
        offset: bytes before the length.
    """

    offset: int

    @classmethod
    def parse(cls, text: str) -> VarintHeader:
        """Read ``offset=1``.

        Raises:
            ValueError: a parameter is wrong.
        """
        given = Parameters("varint", text, ("offset",))
        return cls(given.number("offset", 1, 1, MOST_OFFSET))

    def size(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Return how long the packet at an offset is, and where it begins.

        Raises:
            MalformedError: its length has too many bytes.
        """
        found = _read(data, at + self.offset, MOST_BYTES_INSIDE)
        if found is None:
            return None
        length, after = found
        return after - at + length, at

    def framed(self, message: bytes) -> bytes:
        """Return a packet with the right length, whatever length is there.

        Raises:
            ValueError: there is none, or the right one does not fit.
        """
        try:
            found = _read(message, self.offset, MOST_BYTES_INSIDE)
        except MalformedError as error:
            raise ValueError(str(error)) from None
        if found is None:
            raise ValueError(f"there is no length after {self.offset} bytes")
        body = message[found[1] :]
        length = _written(len(body))
        if len(length) > MOST_BYTES_INSIDE:
            raise ValueError(f"{len(message)} bytes are too long")
        return message[: self.offset] + length + body


def _read(data: bytes, at: int, most: int) -> tuple[int, int] | None:
    length = 0
    for place, byte in enumerate(data[at : at + most]):
        length |= (byte & 0x7F) << 7 * place
        if byte <= 0x7F:
            return length, at + place + 1
    if len(data) - at >= most:
        raise MalformedError(f"a length has over {most} bytes", data, at)
    return None


def _written(length: int) -> bytes:
    written = bytearray()
    while length > 0x7F:
        written.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(written) + bytes([length])
