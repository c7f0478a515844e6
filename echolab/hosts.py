"""IP addresses as text."""

from __future__ import annotations

__all__ = ["unmapped"]


def unmapped(host: str) -> str:
    """Return an IPv4 address that a socket of IPv6 has as IPv4 (RFC 4291, 2.5.5.2)."""
    return host.removeprefix("::ffff:") if "." in host else host
