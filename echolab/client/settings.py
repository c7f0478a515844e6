"""What a user can say about a client, checked and named; all of it has a default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echolab.choices import When

__all__ = ["ClientSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """What a user can say about a client.

    Attributes:
        host: name or IP address of the server.
        port: its TCP port.
        connect: an endpoint string that replaces the two.
        timeout_seconds: how long to wait for the connection.
        retry_seconds: how long to go on trying; 0 to try only once.
        tls: whether to do TLS with ``host``; an endpoint string says so itself.
        insecure: whether TLS may be with whoever answers.
        edit: whether lines typed on a terminal can be edited, if that is installed.
        history: whether these are kept from run to run.
        files: paths to send instead of what is typed (``-`` for stdin).
        replay: path of a recording to send instead.
        speed: how many times as fast as it was recorded; 0 for as fast as it goes;
            None for as it was recorded, if it has no gap over an hour.
        peer: the number of the peer whose side to send; None if there is but one.
        crlf: whether lines are sent with a carriage return before the newline.
        lines_per_second: at most so many are sent; 0 for any number.
        wait_seconds: how long to wait for replies after all is sent, while the
            server is silent; None for 5, over TLS 1.
        dot: whether a line that begins with ``.`` quits; None for where a person
            types: on a terminal.
        quiet: whether to show no replies.
        escape: whether to make replies harmless for a terminal; ``auto`` where
            the output is one.
    """

    host: str = "127.0.0.1"
    port: int = 8888
    connect: str | None = None
    timeout_seconds: float = 30.0
    retry_seconds: float = 0.0
    tls: bool = False
    insecure: bool = False
    edit: bool = True
    history: bool = True
    files: tuple[str, ...] = ()
    replay: str | None = None
    speed: float | None = None
    peer: int | None = None
    crlf: bool = False
    lines_per_second: float = 0.0
    wait_seconds: float | None = None
    dot: bool | None = None
    quiet: bool = False
    escape: When = "auto"
