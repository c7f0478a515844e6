"""Client endpoints, from hosts, ports and endpoint strings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    clientFromString,
)
from twisted.logger import Logger

from echolab.addresses import host_and_port
from echolab.client.calling import CallingReactor
from echolab.errors import ConnectError, EcholabError
from echolab.sockets.endpoint_strings import (
    TLS_KINDS,
    check_client,
    check_lockfile,
    joined,
    kind_of,
    mentions_tls,
    parse_reason,
    parsed,
)
from echolab.sockets.unix_connecting import UNIXClientEndpoint

if TYPE_CHECKING:
    from twisted.internet.interfaces import IStreamClientEndpoint

    from echolab.client.settings import ClientSettings
    from echolab.events import Sink

__all__ = ["client_endpoint", "endpoint_from_string"]

_log = Logger()

UNIX_PATH_BYTES = 107
"""The longest path that fits into Linux's ``sockaddr_un``; see unix(7)."""


def client_endpoint(
    reactor: Any, settings: ClientSettings, sink: Sink | None = None
) -> tuple[str, IStreamClientEndpoint]:
    """Return the endpoint to connect to, after the name that users see.

    Args:
        reactor: connects.
        settings: the user's settings.
        sink: takes an event for each system call with which it connects, if given.

    Raises:
        ConnectError: the endpoint string is wrong.
    """
    if sink is not None:
        reactor = CallingReactor(reactor, sink)
    make = _ClientEndpoints(
        reactor, settings.timeout_seconds, settings.insecure, settings.tls_keys
    )
    host, port = settings.host, settings.port
    name = settings.connect or host_and_port(host, port)
    try:
        if settings.connect is not None:
            return name, make(settings.connect)
        endpoint = make.tcp(host, port)
        return name, make.secured(endpoint, host) if settings.tls else endpoint
    except EcholabError:
        raise
    except Exception as error:
        raise ConnectError("connect", name, parse_reason(error)) from error


def endpoint_from_string(reactor: Any, text: str) -> IStreamClientEndpoint:
    """Make an endpoint from a string, like Twisted's ``clientFromString``.

    It also knows ``unix:@name``. A server behind ``ssl:`` or ``tls:`` must always
    prove its name.

    Raises:
        ValueError: there is no such endpoint. Its parser may raise other errors.
    """
    return _ClientEndpoints(reactor)(text)


class _ClientEndpoints:
    """Make endpoints.

    Args:
        reactor: connects.
        seconds: how long a connection may take.
        insecure: whether a TLS server need not prove its name.
        tls_keys: path of a file for the secrets of TLS; None to keep none.
    """

    def __init__(
        self,
        reactor: Any,
        seconds: float = 30.0,
        insecure: bool = False,
        tls_keys: str | None = None,
    ) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._insecure = insecure
        self._tls_keys = tls_keys

    def __call__(self, text: str) -> IStreamClientEndpoint:
        """Make an endpoint from a string."""
        kind, arguments, named = parsed(text)
        if kind in {"tcp", "ssl", "tls", "unix"}:
            check_client(kind, arguments, named)
        if kind == "tls":
            return self._tls(*arguments, **named)
        if kind == "ssl":
            return self._ssl(*arguments, **named)
        if kind == "unix":
            return self._unix(*arguments, **named)
        if kind == "tcp":
            named.setdefault("timeout", str(max(1, round(self._seconds))))
        elif mentions_tls(text):
            # A plugin would use Twisted's TLS, which verifies less.
            raise ValueError("TLS goes outside: tls:HOST:PORT:endpoint=...")
        endpoint: IStreamClientEndpoint = clientFromString(
            self._reactor, joined(kind, arguments, named)
        )
        return endpoint

    def tcp(
        self,
        host: str,
        port: int,
        timeout: str | None = None,
        bindAddress: str | None = None,
    ) -> IStreamClientEndpoint:
        """Make an endpoint for a host; an address needs no look-up and no delay.

        Twisted's HostnameEndpoint takes 0.3 s to report that an address refuses. It
        accepts names beyond ASCII in lower case only.
        """
        kind: type[HostnameEndpoint | TCP4ClientEndpoint | TCP6ClientEndpoint]
        kind = HostnameEndpoint
        if isIPAddress(host):
            kind = TCP4ClientEndpoint
        elif isIPv6Address(host):
            kind = TCP6ClientEndpoint
        # By default a second longer than the caller's own timeout.
        seconds = self._seconds + 1 if timeout is None else int(timeout)
        source = None if bindAddress is None else (bindAddress, 0)
        name = host if host.isascii() else host.lower()
        return kind(self._reactor, name, port, seconds, source)

    def secured(
        self,
        endpoint: IStreamClientEndpoint,
        host: str,
        trustRoots: str | None = None,
        certificate: str | None = None,
        privateKey: str | None = None,
    ) -> IStreamClientEndpoint:
        """Make an endpoint for TLS with ``host``, on top of another endpoint."""
        from echolab.tls import client as client_tls

        own = (certificate, privateKey)
        log = None
        if self._tls_keys is not None:
            from echolab.tls.key_log import KeyLog

            log = KeyLog(self._tls_keys)
        if self._insecure:
            text = "--insecure: the server has not proved that it is {host}"
            _log.warn(text, host=host)
            return client_tls.insecure_client(
                self._reactor, endpoint, host, *own, key_log=log
            )
        return client_tls.verified_client(
            self._reactor, endpoint, host, *own, trust_roots=trustRoots, key_log=log
        )

    def _unix(
        self,
        path: str,
        lockfile: str = "0",
        timeout: str = "30",  # noqa: ARG002 - nothing takes time
    ) -> IStreamClientEndpoint:
        if not path:
            raise ValueError("the path is empty")
        check_lockfile(lockfile)
        if len(os.fsencode(path)) > UNIX_PATH_BYTES:
            raise ValueError("AF_UNIX path too long")
        if isinstance(self._reactor, CallingReactor):
            return UNIXClientEndpoint(self._reactor, path, self._reactor.connect_ex)
        return UNIXClientEndpoint(self._reactor, path)

    def _tls(
        self,
        host: str,
        port: str,
        timeout: str | None = None,
        bindAddress: str | None = None,
        certificate: str | None = None,
        privateKey: str | None = None,
        trustRoots: str | None = None,
        endpoint: str | None = None,
    ) -> IStreamClientEndpoint:
        if endpoint is not None and kind_of(endpoint) in TLS_KINDS:
            raise ValueError("TLS in TLS: there is no such endpoint")
        through = (
            self.tcp(host, int(port), timeout, bindAddress)
            if endpoint is None
            else self(endpoint)
        )
        return self.secured(through, host, trustRoots, certificate, privateKey)

    def _ssl(
        self,
        host: str,
        port: str,
        timeout: str | None = None,
        bindAddress: str | None = None,
        hostname: str | None = None,
        caCertsDir: str | None = None,
        certKey: str | None = None,
        privateKey: str | None = None,
    ) -> IStreamClientEndpoint:
        """As ``tls:``; Twisted's own trusts any server without ``hostname=``."""
        through = self.tcp(host, int(port), timeout, bindAddress)
        name = host if hostname is None else hostname
        return self.secured(through, name, caCertsDir, certKey, privateKey)
