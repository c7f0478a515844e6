"""Where to listen and where to connect: Twisted's endpoints from users' words."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.internet.endpoints import (
    HostnameEndpoint,
    StandardIOEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    clientFromString,
    serverFromString,
)

from echolab.errors import ConnectError, ListenError, reason_of

if TYPE_CHECKING:
    from twisted.internet.interfaces import (
        IStreamClientEndpoint,
        IStreamServerEndpoint,
    )

    from echolab.interfaces import IReactor
    from echolab.settings import ClientSettings, ServerSettings

__all__ = [
    "ANY_IPV4",
    "client_endpoint",
    "host_and_port",
    "listen_error",
    "server_endpoints",
]

ANY_IPV4 = "0.0.0.0"  # noqa: S104 - the lecture's INADDR_ANY
UNIX_PATH_BYTES = 107
"""The longest path that fits into Linux's ``sockaddr_un``; see unix(7)."""


def host_and_port(host: str, port: object) -> str:
    """``127.0.0.1:8888``, ``[::1]:8888``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def server_endpoints(
    reactor: IReactor, settings: ServerSettings
) -> list[tuple[str, IStreamServerEndpoint]]:
    """The endpoints to listen on, each with the name users know it by.

    Raises:
        ListenError: an endpoint string cannot be understood.
    """
    if settings.listen:
        return [
            (text, _server_from_string(reactor, text, settings.backlog))
            for text in settings.listen
        ]
    interface, port = settings.interface, settings.port
    kind = TCP6ServerEndpoint if ":" in interface else TCP4ServerEndpoint
    endpoint = kind(reactor, port, settings.backlog, interface)
    return [(host_and_port(interface or ANY_IPV4, port), endpoint)]


def _server_from_string(
    reactor: IReactor, text: str, backlog: int
) -> IStreamServerEndpoint:
    described = _with_argument(text, "backlog", backlog, {"tcp", "tcp6", "unix", "ssl"})
    described = _with_argument(described, "mode", 600, {"unix"})
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, described)
    except Exception as error:
        raise ListenError("listen", text, _parse_reason(error)) from error
    if isinstance(endpoint, StandardIOEndpoint):
        # It would leave the user's terminal non-blocking.
        raise ListenError("listen", text, "stdin and stdout are no place to listen")
    return endpoint


def client_endpoint(
    reactor: IReactor, settings: ClientSettings
) -> tuple[str, IStreamClientEndpoint]:
    """The endpoint to connect to, with the name users know it by.

    Raises:
        ConnectError: the endpoint string cannot be understood.
    """
    text = settings.connect
    if text is None:
        name = host_and_port(settings.host, settings.port)
        return name, HostnameEndpoint(
            reactor, settings.host, settings.port, settings.timeout_seconds + 1
        )
    seconds = max(1, round(settings.timeout_seconds))
    described = _with_argument(text, "timeout", seconds, {"tcp", "unix", "ssl", "tls"})
    if text.startswith("unix:") and len(_first_argument(text)) > UNIX_PATH_BYTES:
        raise ConnectError("connect", text, "AF_UNIX path too long")
    try:
        return text, clientFromString(reactor, described)
    except Exception as error:
        raise ConnectError("connect", text, _parse_reason(error)) from error


def _first_argument(text: str) -> bytes:
    """The address in an endpoint string such as ``unix:/path:timeout=1``."""
    address = text.partition(":")[2].replace(r"\:", "\0").partition(":")[0]
    return os.fsencode(address.removeprefix("path="))


def _with_argument(text: str, key: str, value: int, kinds: set[str]) -> str:
    """Give an endpoint string an argument it can take and does not have."""
    if text.partition(":")[0] in kinds and f":{key}=" not in text:
        return f"{text}:{key}={value}"
    return text


def _parse_reason(error: Exception) -> str:
    """Say what is wrong with an endpoint string.

    Twisted's parsers, and those of its plugins, raise whatever comes to hand.
    """
    match error:
        case NameError() | ImportError():
            return "TLS is missing: python3 -m pip install 'echolab[tls]'"
        case IndexError() | KeyError():
            return "no such socket was handed over by systemd"
        case TypeError():
            return "missing or unknown argument in the endpoint string"
        case ValueError() if str(error).startswith("invalid literal"):
            return "not a number in the endpoint string"
        case _:
            return reason_of(error)


def listen_error(name: str, why: BaseException | None) -> ListenError:
    """Say why an endpoint cannot be listened on, and leave no trace of it."""
    if isinstance(why, OverflowError):
        return ListenError("bind", name, "port must be 0-65535")
    if not isinstance(why, error.CannotListenError):
        return ListenError("bind", name, reason_of(why))
    if why.socketError == "Cannot acquire lock":
        # A UNIX path that Twisted finds held by a live process.
        return ListenError("bind", name, "Address already in use")
    if isinstance(why.port, bytes):
        _unlock(Path(f"{os.fsdecode(why.port)}.lock"))
    return ListenError("bind", name, reason_of(why))


def _unlock(lock: Path) -> None:
    """Take back the lock that Twisted leaves when it cannot bind a UNIX path."""
    with contextlib.suppress(OSError):
        if str(lock.readlink()) == str(os.getpid()):
            lock.unlink()
