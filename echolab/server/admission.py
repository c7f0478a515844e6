"""Admission: which addresses may connect, and how many at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, TypeAlias

from echolab.near_misses import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Admission", "Network", "contains", "network"]

Network: TypeAlias = IPv4Network | IPv6Network

_MAPPED_BITS = 96
"""The prefix of all IPv4-mapped addresses, ``::ffff:0:0/96``."""


def network(text: str) -> Network:
    """Read a network such as ``192.0.2.0/24``, ``2001:db8::/32`` or one address.

    Raises:
        ValueError: it is not a network, or bits are set after its prefix.
    """
    meant = ip_network(text, strict=False)
    try:
        return ip_network(text)
    except ValueError as why:
        raise ValueError(f"{why}{did_you_mean(str(meant))}") from None


def contains(networks: Sequence[Network], host: str | None) -> bool:
    """Whether an address is in one of the networks.

    An IPv4-mapped address (``::ffff:192.0.2.1``, RFC 4291) counts as its IPv4
    address, also in a network: it is in ``192.0.2.0/24``, and not in ``::/0``.
    """
    if host is None or not networks:
        return False
    address = _address(host)
    return any(address in _unmapped(each) for each in networks)


def _address(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host)
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=1024)
def _unmapped(network: Network) -> Network:
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


@dataclass(slots=True)
class Admission:
    """Decides which connections to admit, and counts them.

    Attributes:
        allow: if not empty, only these networks are admitted; sockets without an IP
            address are always admitted.
        deny: these networks are turned away, even if they are allowed.
        max_connections: how many connections may be open; 0 for any number.
        max_per_host: how many may be open per IP address; 0 for any number.
        refused: how many connections were turned away so far.
    """

    allow: Sequence[Network] = ()
    deny: Sequence[Network] = ()
    max_connections: int = 0
    max_per_host: int = 0
    refused: int = 0
    _open: int = 0
    _hosts: Counter[IPv4Address | IPv6Address] = field(default_factory=Counter)

    def enter(self, host: str | None) -> str | None:
        """Admit and count a connection, or return why it is refused.

        Args:
            host: its IP address; None if it has none.
        """
        why = self._why_not(host)
        if why:
            self.refused += 1
            return why
        self._open += 1
        if self.max_per_host and host is not None:
            self._hosts[_address(host)] += 1
        return None

    def leave(self, host: str | None) -> None:
        """Stop counting an admitted connection."""
        self._open -= 1
        if self.max_per_host and host is not None:
            address = _address(host)
            self._hosts[address] -= 1
            if not self._hosts[address]:
                del self._hosts[address]

    def _why_not(self, host: str | None) -> str | None:
        if host is not None:
            if contains(self.deny, host):
                return "denied"
            if self.allow and not contains(self.allow, host):
                return "not allowed"
            if 0 < self.max_per_host <= self._hosts[_address(host)]:
                return f"max-per-host is {self.max_per_host}"
        if 0 < self.max_connections <= self._open:
            return f"max-connections is {self.max_connections}"
        return None
