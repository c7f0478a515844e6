"""The address of a stream: ``nats://HOST[:PORT][,HOST…]/SUBJECT[?name=value&…]``."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from typing_extensions import override

from echolab.addresses import STREAM_SCHEMES, host_and_port
from echolab.near_misses import did_you_mean, nearest
from echolab.quantities import byte_size, plain, seconds, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Address", "parse_address", "token", "without_secrets"]

PORT = 4222
MOST_PORT = 65535
MOST_REPLICAS = 5
MOST_BYTES = 2**63 - 1
MOST_SECONDS = 100 * 366 * 86400.0
DUPLICATES_SECONDS = 120.0

_SCHEMES = re.compile(STREAM_SCHEMES, re.IGNORECASE)
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_SUBJECT = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_STREAM = re.compile(r"[A-Za-z0-9_-]{1,255}")
_NO_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


def token(text: str) -> str:
    """Return a text as one token of a subject: ``10.0.0.7`` becomes ``10_0_0_7``."""
    return _NO_TOKEN.sub("_", text) or "_"


def _receiver() -> str:
    return token(socket.gethostname())


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a stream is, and what it is made of if it is not there.

    Attributes:
        servers: host and port of each server to try.
        subject: what the subjects of its messages begin with.
        tls: whether the connection must be encrypted, and the server prove its name.
        user: the user's name, if there is a password.
        password: the password.
        token: what is given instead of both.
        credentials: the path of a credentials file.
        ca: the path of a file with the authorities to trust; None for the system's.
        stream: the name of the stream.
        replicas: how many servers keep it.
        max_bytes: how many bytes it may have.
        max_age_seconds: how long it keeps a message; 0 for ever.
        duplicates_seconds: how long it knows the ids of messages.
        receiver: the name of this receiver, a token.
    """

    servers: tuple[tuple[str, int], ...]
    subject: str
    tls: bool = False
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    credentials: str | None = None
    ca: str | None = None
    stream: str
    replicas: int = 1
    max_bytes: int = 1 << 30
    max_age_seconds: float = 0.0
    duplicates_seconds: float = DUPLICATES_SECONDS
    receiver: str = field(default_factory=_receiver)

    @override
    def __str__(self) -> str:
        """The address without its secrets and parameters."""
        servers = ",".join(host_and_port(*server) for server in self.servers)
        return f"{'tls' if self.tls else 'nats'}://{servers}/{self.subject}"


_SECRET = re.compile(r"^((?:[a-z+]+:?/+)?).*@", re.DOTALL | re.IGNORECASE)


def without_secrets(text: str) -> str:
    """Return the text of an address without user, password and token.

    It may be no valid address: whatever could be a part of a secret is left out.
    """
    return _SECRET.sub(r"\1", text)


def parse_address(text: str) -> Address:
    """Read the address of a stream.

    Raises:
        ValueError: it is none; the message says why, without any part of the text
            that may be secret.
    """
    scheme = _SCHEMES.match(text)
    if scheme is None:
        raise ValueError("an address begins with nats://, tls:// or nats+tls://")
    rest, _, query = text[scheme.end() :].partition("?")
    where, slash, subject = rest.partition("/")
    secrets, at, hosts = where.rpartition("@")
    if "@" in subject:
        raise ValueError("a / in a password is written as %2F")
    user, colon, password = secrets.partition(":")
    if at and not (user and (password or not colon)):
        raise ValueError("before the @ is USER:PASSWORD or a token")
    if not slash or not subject:
        raise ValueError("behind the servers is a / and the subject")
    if not _SUBJECT.fullmatch(subject):
        raise ValueError(
            "a subject has letters, digits, - and _, with a dot between two words"
        )
    known: dict[str, Any] = {}
    for parameter in filter(None, query.split("&")):
        name, equals, value = parameter.partition("=")
        known |= _parameter(name, unquote(value) if equals else "", known)
    address = Address(
        servers=tuple(_server(each) for each in hosts.split(",")),
        subject=subject,
        tls=scheme[1].lower() != "nats",
        user=unquote(user) if colon else None,
        password=unquote(password) if colon else None,
        token=unquote(user) if at and not colon else None,
        **{"stream": subject.upper().replace(".", "_"), **known},
    )
    return _checked(address, given=known)


def _server(text: str) -> tuple[str, int]:
    found = _SERVER.fullmatch(text)
    if found is None:
        raise ValueError("a server is HOST or HOST:PORT, several have a comma between")
    port = int(found[2] or PORT)
    if not 1 <= port <= MOST_PORT:
        raise ValueError(f"port must be 1-{MOST_PORT}")
    return found[1].strip("[]"), port


def _checked(address: Address, given: dict[str, object]) -> Address:
    """Check what depends on several parameters; adapt what was not given."""
    age, window = address.max_age_seconds, address.duplicates_seconds
    if age and window > age:
        if "duplicates_seconds" in given:
            raise ValueError("duplicates must not be over max-age")
        # Imported here, since few streams are that short.
        from dataclasses import replace

        return replace(address, duplicates_seconds=age)
    return address


def _parameter(name: str, value: str, before: dict[str, object]) -> dict[str, object]:
    if name not in _PARAMETERS:
        meant = did_you_mean(nearest(name, _PARAMETERS))
        names = ", ".join(_PARAMETERS)
        raise ValueError(f"{name} is no parameter ({names}){meant}")
    attribute, read = _PARAMETERS[name]
    if attribute in before:
        raise ValueError(f"{name} is given twice")
    try:
        return {attribute: read(value)}
    except ValueError as why:
        raise ValueError(f"{name} {why}") from None


def _whole(read: Callable[[str], int], most: int) -> Callable[[str], int]:
    def from_one(text: str) -> int:
        try:
            value = read(text)
        except ValueError:
            value = 0
        if not 1 <= value <= most:
            raise ValueError(f"must be from 1 to {most}")
        return value

    return from_one


def _time(least: float) -> Callable[[str], float]:
    def in_range(text: str) -> float:
        try:
            value = seconds(text)
        except ValueError:
            value = -1.0
        if not least <= value <= MOST_SECONDS:
            raise ValueError(
                f"must be a time from {plain(least)} to {plain(MOST_SECONDS)} seconds, "
                "as 5, 500ms, 2m or 1h"
            )
        return value

    return in_range


def _path(text: str) -> str:
    if not text:
        raise ValueError("has no file")
    return text


def _stream(text: str) -> str:
    if not _STREAM.fullmatch(text):
        raise ValueError("must have letters, digits, - and _")
    return text


def _name(text: str) -> str:
    if not text:
        raise ValueError("has no name")
    return token(text)


_PARAMETERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "credentials": ("credentials", _path),
    "ca": ("ca", _path),
    "stream": ("stream", _stream),
    "replicas": ("replicas", _whole(whole_number, MOST_REPLICAS)),
    "max-bytes": ("max_bytes", _whole(byte_size, MOST_BYTES)),
    "max-age": ("max_age_seconds", _time(0.0)),
    "duplicates": ("duplicates_seconds", _time(0.1)),
    "receiver": ("receiver", _name),
}
"""The attribute of each parameter, and what reads it."""
