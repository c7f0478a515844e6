"""What a user can say, checked and named; all of it has a default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from echolab.framer import DEFAULT_MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from echolab.formats import Label
    from echolab.framer import Overlong

__all__ = ["ClientSettings", "ServerSettings", "When"]

When: TypeAlias = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a user can say about a server.

    Attributes:
        port: TCP port; 0 takes a free one.
        interface: IP address of the interface; empty for all of IPv4.
        listen: endpoint strings; if there are any, they replace the two.
        backlog: how many connections may wait to be accepted.
        once: serve one connection, then end, as the lecture's program does.
        framing: how bytes become messages; see `echolab.framing.framing`.
        max_message_bytes: the longest message.
        overlong: what becomes of a longer one: ``split`` or ``close``.
        partial_seconds: after so long a silence an unfinished message is shown;
            0 for never.
        format: how events are printed; see `echolab.formats.FORMATS`.
        label: whether to say whose each message is; see `echolab.formats.Style`.
        escape: whether to make what came from the network harmless for a
            terminal; ``auto`` where the output is one.
        color: whether to give peers colours; ``auto`` where the output is a
            terminal and NO_COLOR is not set.
        fsync: whether every write to a file is durable before it counts.
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
    partial_seconds: float = 1.0
    format: str = "classic"
    label: Label = "auto"
    escape: When = "auto"
    color: When = "auto"
    fsync: bool = False
    outputs: tuple[tuple[str | None, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """What a user can say about a client.

    Attributes:
        host: name or IP address of the server.
        port: its TCP port.
        connect: an endpoint string that replaces the two.
        timeout_seconds: how long to wait for the connection.
        dot: whether a line that begins with ``.`` quits.
        quiet: whether to show no replies.
        escape: whether to make replies harmless for a terminal; ``auto`` where
            the output is one.
    """

    host: str = "127.0.0.1"
    port: int = 8888
    connect: str | None = None
    timeout_seconds: float = 30.0
    dot: bool = True
    quiet: bool = False
    escape: When = "auto"
