"""What a user can say about a server, checked and named; all of it has a default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echolab.framing import DEFAULT_MAX_MESSAGE_BYTES
from echolab.server.behaviour import Behaviour

if TYPE_CHECKING:
    from echolab.choices import When
    from echolab.formats import Label
    from echolab.framing import Overlong
    from echolab.server.admission import Network

__all__ = ["ServerSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a user can say about a server.

    Attributes:
        port: TCP port; 0 takes a free one.
        interface: IP address of the interface; empty for all of IPv4.
        listen: endpoint strings; if there are any, they replace the two.
        backlog: how many connections may wait to be accepted.
        once: serve one connection, then end, as the lecture's program does.
        framing: how bytes become messages; see `echolab.framing.framing_named`.
        max_message_bytes: the longest message.
        overlong: what becomes of a longer one: ``split`` or ``close``.
        reuse_port: whether other processes may listen on the same port too, and
            the kernel gives each a part of the connections (SO_REUSEPORT).
        tls: whether to do TLS at ``port``; an endpoint string says so itself.
        certificate: path of the certificate for that, with its chain; None for one
            that is made for this run.
        private_key: path of its key; None if that is in the same file.
        client_ca: path of the certificates that must have signed a TLS client's;
            None if clients need none.
        proxy_from: the networks of the balancers that ``haproxy:`` endpoints
            believe.
        allow: if there are any, only these networks may connect.
        deny: these may not, even if allowed.
        max_connections: how many may be open at a time; 0 for a million, or as
            many as the limit of open files leaves.
        max_per_host: how many of one IP address; 0 for any number.
        idle_seconds: after so long a silence a connection is ended; 0 for never.
        handshake_seconds: how long a TLS handshake or a PROXY header may take, and
            how long a peer may read nothing of what TLS sends it.
        keepalive_seconds: after so long without a sign of life from the peer's
            machine the connection is lost; 0 for never.
        reply: ``none``, ``echo``, or a text to send back for each message, in the
            framing.
        behave: what to do wrong, on demand.
        drain_seconds: how long the end may take.
        partial_seconds: after so long a silence an unfinished message is shown;
            0 for never.
        format: how events are printed; see `echolab.formats.FORMATS`.
        label: whether to say whose each message is; see `echolab.formats.Style`.
        escape: whether to make what came from the network harmless for a
            terminal; ``auto`` where the output is one.
        color: whether to give peers colours; ``auto`` where the output is a
            terminal and NO_COLOR is not set.
        fsync: whether every write to a file is durable before it counts.
        record: file to append a recording to (``-`` for stdout, and then nothing
            else is printed there); None for none.
        outputs: where to print instead of stdout: format (None for the one
            above) and file to append to (``-`` for stdout) of each.
    """

    port: int = 8888
    interface: str = ""
    listen: tuple[str, ...] = ()
    backlog: int = 1024
    once: bool = False
    framing: str = "line"
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES
    overlong: Overlong = "split"
    reuse_port: bool = False
    tls: bool = False
    certificate: str | None = None
    private_key: str | None = None
    client_ca: str | None = None
    proxy_from: tuple[Network, ...] = ()
    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()
    max_connections: int = 0
    max_per_host: int = 0
    idle_seconds: float = 0.0
    handshake_seconds: float = 10.0
    keepalive_seconds: float = 60.0
    reply: str = "none"
    behave: Behaviour = field(default_factory=Behaviour)
    drain_seconds: float = 5.0
    partial_seconds: float = 1.0
    format: str = "classic"
    label: Label = "auto"
    escape: When = "auto"
    color: When = "auto"
    fsync: bool = False
    record: str | None = None
    outputs: tuple[tuple[str | None, str], ...] = ()
