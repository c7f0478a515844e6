"""The settings of ``echolab tail``: one field for each option, each with a default."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from echolab.addresses import host_and_port
from echolab.carrying.begin import FIRST, Begin, begin_value
from echolab.hosts import unmapped
from echolab.near_misses import host_and_port_of
from echolab.option import EmptyError, Group, flag, like, option, options_of
from echolab.option_values import address_value
from echolab.quantities import whole_number
from echolab.server import settings as server

if TYPE_CHECKING:
    from echolab.addresses import Peer
    from echolab.carrying.address import Address
    from echolab.choices import When
    from echolab.formats import Label, Show
    from echolab.formats.times import Time

__all__ = ["TailSettings", "Wanted"]

READING = Group(
    "What is read",
    (
        "echolab tail --follow --peer 192.0.2.7 nats://127.0.0.1/lab",
        "echolab tail --from 2026-11-29T13:00:00Z nats://127.0.0.1/lab",
    ),
)
PRINTING = Group(
    server.PRINTING.title,
    (
        "echolab tail --format json nats://127.0.0.1/lab",
        "echolab tail --name archive --output lab.txt nats://127.0.0.1/lab",
    ),
)
WATCHING = Group(
    server.WATCHING.title,
    (
        "echolab tail --follow --web 8889 nats://127.0.0.1/lab",
        "echolab tail --follow --web 0 --web-token token nats://127.0.0.1/lab",
    ),
)

MOST_PORT = 65535
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The peers whose events are wanted.

    Attributes:
        host: their IP address, or ``unix``.
        port: their port; None for all.
    """

    host: str
    port: int | None = None

    @override
    def __str__(self) -> str:
        """The text of which the option makes the same."""
        if self.port is None:
            return self.host
        return host_and_port(self.host, self.port)

    def __call__(self, peer: Peer, /) -> bool:
        """Whether a peer is one of them."""
        host = "unix" if peer.family == "UNIX" else unmapped(peer.host or "")
        return host == self.host and self.port in {None, peer.port}


def _wanted(text: str) -> Wanted:
    """Read which peers are wanted: ``HOST`` or ``HOST:PORT``."""
    if not text:
        raise EmptyError("the host is empty")
    if text.lower() == "unix":
        return Wanted("unix")
    found = host_and_port_of(text)
    if found is None:
        return Wanted(_host(text))
    try:
        port = whole_number(found[1])
    except ValueError:
        port = 0
    if not 0 < port <= MOST_PORT:
        raise ValueError(f"port must be 1-{MOST_PORT}")
    return Wanted(_host(found[0]), port)


def _host(text: str) -> str:
    try:
        address = ip_address(address_value(text))
    except ValueError:
        raise ValueError(
            "must be an IP address, as 192.0.2.7, 192.0.2.7:60612 or [2001:db8::1], "
            "or unix"
        ) from None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("must be 1 to 64 letters, digits, - and _")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class TailSettings:
    """The settings of a reader; each option's help describes its field."""

    address: Address
    begin: Begin = option(
        FIRST,
        "--from first|now|TIME|SEQUENCE",
        "Begin with the first message, with the next to come, at a time (in UTC: "
        "2026-11-29T13:00:00Z), or with the message of this number.",
        group=READING,
        read=begin_value,
    )
    peer: Wanted | None = option(
        None,
        "--peer HOST[:PORT]",
        "Print only peers at this IP address; unix for those on UNIX paths.",
        group=READING,
        read=_wanted,
        offers=("unix",),
    )
    follow: bool = flag(
        False,
        "--follow",
        "Wait for new messages; otherwise, end where the stream ended when it was "
        "opened.",
        group=READING,
    )
    name: str | None = option(
        None,
        "--name NAME",
        "Continue where the readers of this name stopped; several at a time share the "
        "work. --from is for the first of them.",
        group=READING,
        read=_name,
    )

    format: str = like(server.ServerSettings, "format", PRINTING)
    show: Show = like(server.ServerSettings, "show", PRINTING)
    time: Time = like(server.ServerSettings, "time", PRINTING)
    label: Label = like(server.ServerSettings, "label", PRINTING)
    escape: When = like(server.ServerSettings, "escape", PRINTING)
    color: When = like(server.ServerSettings, "color", PRINTING)
    outputs: tuple[tuple[str | None, str], ...] = like(
        server.ServerSettings, "outputs", PRINTING
    )
    record: str | None = like(server.ServerSettings, "record", PRINTING)
    fsync: bool = like(server.ServerSettings, "fsync", PRINTING)

    web: tuple[str, int] | None = like(server.ServerSettings, "web", WATCHING)
    web_token: str | None = like(server.ServerSettings, "web_token", WATCHING)

    def printing(self) -> dict[str, Any]:
        """Return those fields of printing that differ from their defaults."""
        return {
            each.name: value
            for each, made in options_of(self)
            if made.group == PRINTING
            and (value := getattr(self, each.name)) != each.default
        }
