"""Write packets in the format of Wireshark: pcapng (draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RAW_IP", "TLS_KEY_LOG", "Pcapng"]

RAW_IP = 101
"""The link type of packets that begin with an IP header (LINKTYPE_RAW)."""
TLS_KEY_LOG = 0x544C534B
"""The secrets of a TLS key log file, as SSLKEYLOGFILE has them."""

SECTION, INTERFACE, ENHANCED_PACKET, SECRETS = 0x0A0D0D0A, 1, 6, 10
END_OF_OPTIONS, COMMENT = 0, 1
IF_NAME, IF_DESCRIPTION, IF_TSRESOL = 2, 3, 9
SHB_USERAPPL = 4
BYTE_ORDER = 0x1A2B3C4D
UNKNOWN_LENGTH = -1
DIGITS = 7
"""The digits of a time, as in a recording: they fit until the year 60000."""
MOST_LETTERS = 10_000
"""The letters of an option: each takes six bytes at most, and all 65,535."""


class Pcapng:
    """Writes one section: interfaces, secrets, packets.

    Secrets must be written before the packets that they open.

    Args:
        write: takes the bytes of each block.
        application: the program that makes the file.
    """

    def __init__(self, write: Callable[[bytes], object], application: str) -> None:
        self._write = write
        self._interfaces = 0
        start = struct.pack("<IHHq", BYTE_ORDER, 1, 0, UNKNOWN_LENGTH)
        self._block(SECTION, start + _options((SHB_USERAPPL, _text(application))))

    def interface(self, name: str, description: str, link_type: int = RAW_IP) -> int:
        """Describe an interface; return its number for `packet`."""
        no_limit = 0
        options = _options(
            (IF_NAME, _text(name)),
            (IF_DESCRIPTION, _text(description)),
            (IF_TSRESOL, bytes([DIGITS])),
        )
        self._block(INTERFACE, struct.pack("<HHI", link_type, 0, no_limit) + options)
        self._interfaces += 1
        return self._interfaces - 1

    def secrets(self, data: bytes, kind: int = TLS_KEY_LOG) -> None:
        """Write what decrypts the packets that follow."""
        self._block(SECRETS, struct.pack("<II", kind, len(data)) + _padded(data))

    def packet(self, interface: int, time: float, data: bytes, comment: str) -> None:
        """Write a packet.

        Args:
            interface: where it was seen.
            time: when, in POSIX seconds.
            data: all its bytes.
            comment: what Wireshark shows above it.
        """
        whole = int(time)  # A float has no digits left for the time in one number.
        ticks = whole * 10**DIGITS + round((time - whole) * 10**DIGITS)
        high, low = divmod(ticks, 1 << 32)
        head = struct.pack("<IIIII", interface, high, low, len(data), len(data))
        options = _options((COMMENT, _text(comment)))
        self._block(ENHANCED_PACKET, head + _padded(data) + options)

    def _block(self, kind: int, body: bytes) -> None:
        length = len(body) + 12
        ends = struct.pack("<I", length)
        self._write(struct.pack("<II", kind, length) + body + ends)


def _text(text: str) -> bytes:
    return text[:MOST_LETTERS].encode("utf-8", "backslashreplace")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _options(*options: tuple[int, bytes]) -> bytes:
    coded = [
        struct.pack("<HH", kind, len(data)) + _padded(data) for kind, data in options
    ]
    return b"".join(coded) + struct.pack("<HH", END_OF_OPTIONS, 0)
