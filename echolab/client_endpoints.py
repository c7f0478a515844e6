"""Where to connect: Twisted's client endpoints from users' words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from twisted.internet.endpoints import (
    HostnameEndpoint,
    UNIXClientEndpoint,
    clientFromString,
)
from twisted.logger import Logger

from echolab.endpoint_strings import (
    arguments_of,
    parse_reason,
    quoted,
    with_argument,
)
from echolab.endpoints import host_and_port
from echolab.errors import ConnectError

if TYPE_CHECKING:
    from twisted.internet.interfaces import IStreamClientEndpoint

    from echolab.interfaces import IReactor
    from echolab.settings import ClientSettings

__all__ = ["client_endpoint"]

_log = Logger()

UNIX_PATH_BYTES = 107
"""The longest path that fits into Linux's ``sockaddr_un``; see unix(7)."""


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
    try:
        return text, _client_from_string(reactor, text, settings)
    except ConnectError:
        raise
    except Exception as error:
        raise ConnectError("connect", text, parse_reason(error)) from error


def _client_from_string(
    reactor: IReactor, text: str, settings: ClientSettings
) -> IStreamClientEndpoint:
    kind, _, rest = text.partition(":")
    arguments, named = arguments_of(rest)
    seconds = max(1, round(settings.timeout_seconds))
    if kind == "unix":
        path = arguments[0] if arguments else named["path"]
        if len(os.fsencode(path)) > UNIX_PATH_BYTES:
            raise ConnectError("connect", text, "AF_UNIX path too long")
        if path.startswith("@"):
            return UNIXClientEndpoint(reactor, "\0" + path[1:], seconds)
    elif kind in {"ssl", "tls"} and settings.insecure:
        from echolab import tls

        host, port = arguments
        _log.warn("--insecure: nothing proves that {host} is who answers", host=host)
        return tls.insecure_client(
            HostnameEndpoint(reactor, host, int(port), seconds + 1),
            host,
            named.get("certKey", named.get("certificate")),
            named.get("privateKey"),
        )
    elif kind == "ssl":
        text = _ssl_as_tls(*arguments, **named)
    text = with_argument(text, "timeout", seconds, {"tcp", "unix", "tls"})
    endpoint: IStreamClientEndpoint = clientFromString(reactor, text)
    return endpoint


def _ssl_as_tls(host: str, port: str, **named: str) -> str:
    """Twisted's ``ssl:`` without ``hostname=`` believes anybody; ``tls:`` does not."""
    name = named.pop("hostname", host)
    words = [f"tls:{quoted(name)}:{port}"]
    if name != host:
        words.append(f"endpoint={quoted(f'tcp:{quoted(host)}:{port}')}")
    other = {"certKey": "certificate", "caCertsDir": "trustRoots"}
    for key, value in named.items():
        words.append(f"{other.get(key, key)}={quoted(value)}")
    return ":".join(words)
