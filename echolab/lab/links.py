"""Find the IP packet in what was captured on a link; it is not trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ip_packet_in", "is_known"]

IP = {b"\x08\x00", b"\x86\xdd"}
"""The Ethernet types of IPv4 and IPv6."""
TAGS = {b"\x81\x00", b"\x88\xa8", b"\x91\x00"}
"""The Ethernet types of VLAN tags (IEEE 802.1Q)."""
FAMILY = 4
COOKED, COOKED_2 = 16, 20


def _ethernet(frame: bytes) -> bytes:
    at = 12
    while frame[at : at + 2] in TAGS:
        at += 4
    return _after(frame, at, at + 2)


def _cooked(frame: bytes) -> bytes:
    return _after(frame, COOKED - 2, COOKED)


def _cooked_2(frame: bytes) -> bytes:
    return _after(frame, 0, COOKED_2)


def _loopback(frame: bytes) -> bytes:
    return frame[FAMILY:]  # Each system has its own number for IPv6.


def _raw(frame: bytes) -> bytes:
    return frame


def _after(frame: bytes, kind: int, start: int) -> bytes:
    """Return what follows a header, if that says at ``kind`` that it is IP."""
    return frame[start:] if frame[kind : kind + 2] in IP else b""


LINKS: dict[int, Callable[[bytes], bytes]] = {
    0: _loopback,  # LINKTYPE_NULL
    1: _ethernet,
    12: _raw,  # DLT_RAW, as some systems write it
    14: _raw,
    101: _raw,
    108: _loopback,  # LINKTYPE_LOOP
    113: _cooked,
    228: _raw,  # IPv4
    229: _raw,  # IPv6
    276: _cooked_2,
}
"""What is done with each type of tcpdump.org's list of link-layer header types."""


def is_known(link_type: int) -> bool:
    """Whether packets of this link type can be read."""
    return link_type in LINKS


def ip_packet_in(link_type: int, frame: bytes) -> bytes:
    """Return the IP packet in a frame of a known link type; empty if there is none."""
    return LINKS[link_type](frame)
