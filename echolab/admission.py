"""Who may connect: by address, and how many at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Admission", "Network", "Throttle", "contains", "network"]

Network: TypeAlias = IPv4Network | IPv6Network


def network(text: str) -> Network:
    """Read a network such as ``192.0.2.0/24``, ``2001:db8::/32`` or one address.

    Raises:
        ValueError: it is none, or bits are set behind its prefix.
    """
    return ip_network(text)


def contains(networks: Sequence[Network], host: str | None) -> bool:
    """Whether an address is in one of these; an IPv4 one may be mapped (RFC 4291)."""
    if host is None or not networks:
        return False
    address = ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any(address in each or (mapped and mapped in each) for each in networks)


@dataclass(slots=True)
class Admission:
    """Decides who may come in, and keeps count of who has.

    Attributes:
        allow: if there are any, only these networks; sockets that have no IP
            address are let in all the same.
        deny: none of these, even if allowed.
        max_connections: how many may be open; 0 for any number.
        max_per_host: how many of one IP address; 0 for any number.
        refused: how many were turned away so far.
    """

    allow: Sequence[Network] = ()
    deny: Sequence[Network] = ()
    max_connections: int = 0
    max_per_host: int = 0
    refused: int = 0
    _open: int = 0
    _hosts: Counter[str | None] = field(default_factory=Counter)

    def enter(self, host: str | None) -> str | None:
        """Count one in; or return why it is refused.

        Args:
            host: its IP address; None if it has none.
        """
        why = self._why_not(host)
        if why:
            self.refused += 1
            return why
        self._open += 1
        if self.max_per_host:
            self._hosts[host] += 1
        return None

    def leave(self, host: str | None) -> None:
        """Count one out that was counted in."""
        self._open -= 1
        if self.max_per_host:
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]

    def _why_not(self, host: str | None) -> str | None:
        if host is not None:
            if contains(self.deny, host):
                return "denied"
            if self.allow and not contains(self.allow, host):
                return "not allowed"
            if 0 < self.max_per_host <= self._hosts[host]:
                return f"max-per-host is {self.max_per_host}"
        if 0 < self.max_connections <= self._open:
            return f"max-connections is {self.max_connections}"
        return None


@dataclass(slots=True)
class Throttle:
    """Lets so many reports a second pass, and counts the others.

    Attributes:
        most: how many, in a second.
    """

    most: int = 10
    _second: int = -1
    _passed: int = 0
    _withheld: int = 0

    def __call__(self, time: float) -> int | None:
        """Ask for one report.

        Args:
            time: now, in seconds.

        Returns:
            None if it is withheld; else how many were since the last that passed.
        """
        if int(time) != self._second:
            self._second = int(time)
            self._passed = 0
        if self._passed >= self.most:
            self._withheld += 1
            return None
        self._passed += 1
        return self.take()

    def take(self) -> int:
        """How many were withheld since this, or a report that passed, was asked."""
        withheld, self._withheld = self._withheld, 0
        return withheld
