"""Captures of what was read and written: plain text, and the ciphertext of TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echolab.lab.made_up import MadePacket
    from echolab.lab.pcapng import Pcapng

__all__ = ["MadePackets"]

PLAIN_TEXT, CIPHERTEXT = "plain text", "ciphertext"
MADE_UP = (
    "Packets are made up from its recording; the comment of each packet says what is "
    "true of it."
)
DESCRIPTION = f"What echolab read and wrote. {MADE_UP}"
ENCRYPTED = f"What the kernel received and sent for echolab, over TLS. {MADE_UP}"


class MadePackets:
    """Writes made-up packets, each to its interface.

    Args:
        capture: where to.
    """

    def __init__(self, capture: Pcapng) -> None:
        self._capture = capture
        self._interfaces = {False: capture.interface(PLAIN_TEXT, DESCRIPTION)}

    @property
    def has_ciphertext(self) -> bool:
        """Whether any packet was encrypted."""
        return True in self._interfaces

    def write(self, packet: MadePacket) -> None:
        """Write a packet."""
        time, data, comment, encrypted = packet
        if encrypted and not self.has_ciphertext:
            self._interfaces[True] = self._capture.interface(CIPHERTEXT, ENCRYPTED)
        self._capture.packet(self._interfaces[encrypted], time, data, comment)
