"""Addresses as users write them, and the peers of connections."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from typing_extensions import override

from echolab.escaping import escape_name

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

__all__ = [
    "ANY_IPV4",
    "ANY_IPV6",
    "STREAM_SCHEMES",
    "Credentials",
    "Peer",
    "format_address",
    "host_and_port",
]

# The addresses of all interfaces: the lecture's INADDR_ANY, and IPv6's.
ANY_IPV4 = str(ipaddress.IPv4Address(0))
ANY_IPV6 = str(ipaddress.IPv6Address(0))

STREAM_SCHEMES = r"(nats|tls|nats\+tls)://"
"""A pattern: how the address of a stream begins, in upper or lower case."""


def format_address(address: IAddress | None) -> str:
    r"""Return an address as users write it.

    Returns:
        A text such as ``127.0.0.1:8888`` or ``unix:/run/lab.sock``. A path is escaped
        as in a label, ``unix:/my\x20lab.sock``. Other kinds have only their name.
    """
    match address:
        case IPv4Address(host=host, port=port):
            return f"{host}:{port}"
        case IPv6Address(host=host, port=port):
            return f"[{host}]:{port}"
        case UNIXAddress(name=name):
            return f"unix:{_shown(_path(name))}"
        case None:
            return "unknown"
        case _:
            return type(address).__name__.removesuffix("Address").lower()


def host_and_port(host: str, port: object) -> str:
    """Return ``127.0.0.1:8888`` or ``[::1]:8888``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _path(name: bytes | None) -> str:
    """Return a UNIX path as text, an abstract name with ``@`` for its first NUL."""
    text = (name or b"").decode("utf-8", "surrogateescape")
    if text.startswith("\0"):
        return f"@{text[1:]}"
    return f"./{text}" if text.startswith("@") else text


@lru_cache(maxsize=1024)
def _shown(path: str) -> str:
    """Return a UNIX path as in a label; only an abstract name begins with ``@``."""
    if path.startswith("@"):
        return f"@{escape_name(path[1:])}"
    return escape_name(path)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The process at the other end of a UNIX socket; see unix(7), SO_PEERCRED."""

    pid: int
    uid: int


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of one connection.

    Attributes:
        number: 1 for the first connection of a factory, 2 for the second, …
        family: ``IPv4``, ``IPv6``, ``UNIX``, or the name of another kind.
        host: an IP address, or None.
        port: a port, or None.
        path: a UNIX path (``@name`` if abstract), or None. A client's socket
            seldom has a path; then this is the path the server listens on. Bytes
            that are not UTF-8 are decoded as in PEP 383.
        pid: the process at the other end of a UNIX socket, if the kernel tells.
        uid: the user of that process.
        name: the common name of a client's TLS certificate, if it was verified.
        receiver: the name of the receiver that accepted it, if that is another
            program: where what several have received is read from a stream.
    """

    number: int
    family: str
    host: str | None = None
    port: int | None = None
    path: str | None = None
    pid: int | None = None
    uid: int | None = None
    name: str | None = None
    receiver: str | None = None

    @classmethod
    def of(
        cls,
        number: int,
        remote: IAddress | None,
        local: IAddress | None = None,
        *,
        credentials: Credentials | None = None,
        name: str | None = None,
    ) -> Peer:
        """Return the peer at ``remote``, seen from ``local`` if that is known."""
        match remote:
            case IPv4Address(host=host, port=port):
                return cls(number, "IPv4", host, port, name=name)
            case IPv6Address(host=host, port=port):
                return cls(number, "IPv6", host, port, name=name)
            case UNIXAddress(name=own):
                path = _path(own or getattr(local, "name", None))
                pid = credentials.pid if credentials else None
                uid = credentials.uid if credentials else None
                return cls(number, "UNIX", path=path, pid=pid, uid=uid, name=name)
            case _:
                return cls(number, format_address(remote))

    @override
    def __str__(self) -> str:
        r"""``127.0.0.1:60612``, ``[::1]:60612``, ``unix:/run/lab.sock,pid=7``.

        A name comes first: ``alice@127.0.0.1:60612``; a receiver last:
        ``127.0.0.1:60612,at=web1``. A peer may choose its path and its name, so all
        that could be read as another part of a label is escaped:
        ``unix:/my\x20lab.sock``.
        """
        match self.family:
            case "IPv4":
                address = f"{self.host}:{self.port}"
            case "IPv6":
                address = f"[{self.host}]:{self.port}"
            case "UNIX":
                pid = "" if self.pid is None else f",pid={self.pid}"
                address = f"unix:{_shown(self.path or '')}{pid}"
            case kind:
                address = kind
        if self.receiver is not None:
            address += f",at={escape_name(self.receiver)}"
        return address if self.name is None else f"{escape_name(self.name)}@{address}"

    @property
    def description(self) -> str:
        """The peer as ``server.c`` prints it: ``IP: 127.0.0.1, Port: 60612``."""
        match self.family:
            case "IPv4" | "IPv6":
                words = [f"IP: {self.host}", f"Port: {self.port}"]
            case "UNIX":
                words = [f"UNIX: {_shown(self.path or '')}"]
                if self.pid is not None:
                    words += f"PID: {self.pid}", f"UID: {self.uid}"
            case kind:
                words = [kind]
        if self.name is not None:
            words.append(f"Name: {escape_name(self.name)}")
        if self.receiver is not None:
            words.append(f"Receiver: {escape_name(self.receiver)}")
        return ", ".join(words)
