"""Where to listen and where to connect: Twisted's endpoints from users' words."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from twisted.internet import error
from twisted.internet.endpoints import (
    HostnameEndpoint,
    StandardIOEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    UNIXClientEndpoint,
    clientFromString,
    serverFromString,
)
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import makeBinding
from twisted.logger import Logger
from typing_extensions import override
from zope.interface import implementer

from echolab.errors import ConnectError, ListenError, reason_of
from echolab.proxy import ProxyFactory
from echolab.unix_endpoint import KeptEndpoint, UNIXEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import (
        IListeningPort,
        IProtocolFactory,
        IStreamClientEndpoint,
    )

    from echolab.events import EndCause, Peer
    from echolab.interfaces import IReactor, IStreamTransport
    from echolab.settings import ClientSettings, ServerSettings

__all__ = [
    "ANY_IPV4",
    "client_endpoint",
    "host_and_port",
    "listen_error",
    "server_endpoints",
]

_log = Logger()

ANY_IPV4 = "0.0.0.0"  # noqa: S104 - the lecture's INADDR_ANY
UNIX_PATH_BYTES = 107
"""The longest path that fits into Linux's ``sockaddr_un``; see unix(7)."""


def host_and_port(host: str, port: object) -> str:
    """``127.0.0.1:8888``, ``[::1]:8888``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


Refuse: TypeAlias = "Callable[[Peer, EndCause, str], None]"
Wrap: TypeAlias = "Callable[[IProtocolFactory], IProtocolFactory]"


def server_endpoints(
    reactor: IReactor, settings: ServerSettings, refuse: Refuse
) -> list[tuple[str, IStreamServerEndpoint]]:
    """The endpoints to listen on, each with the name users know it by.

    Args:
        reactor: listens.
        settings: what the user said.
        refuse: told of those that never get as far as a protocol.

    Raises:
        ListenError: an endpoint string cannot be understood.
    """
    if settings.listen:
        make = _ServerEndpoints(reactor, settings, refuse)
        return [(text, make(text)) for text in settings.listen]
    interface, port = settings.interface, settings.port
    endpoint = _tcp(reactor, settings, port, interface)
    return [(host_and_port(interface or ANY_IPV4, port), endpoint)]


def _tcp(
    reactor: IReactor,
    settings: ServerSettings,
    port: int,
    interface: str,
    backlog: int | None = None,
) -> IStreamServerEndpoint:
    kind = TCP6ServerEndpoint if ":" in interface else TCP4ServerEndpoint
    where: Any = port
    if settings.reuse_port:
        where = makeBinding(interface, port, reuseAddress=True, reusePort=True)
    return kind(reactor, where, backlog or settings.backlog, interface)


class _ServerEndpoints:
    """Makes endpoints of strings.

    Those that need more than Twisted's parsers know are made here: the others,
    also those of plugins, by Twisted.
    """

    def __init__(
        self, reactor: IReactor, settings: ServerSettings, refuse: Refuse
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._refuse = refuse
        self._kinds: dict[str, Callable[..., IStreamServerEndpoint]] = {
            "tcp": self._tcp,
            "tcp6": self._tcp6,
            "ssl": self._ssl,
            "unix": self._unix,
        }

    def __call__(self, text: str) -> IStreamServerEndpoint:
        """Make one.

        Raises:
            ListenError: the string cannot be understood.
        """
        try:
            return self._make(text)
        except ListenError:
            raise
        except Exception as error:
            raise ListenError("listen", text, _parse_reason(error)) from error

    def _make(self, text: str) -> IStreamServerEndpoint:
        kind, _, rest = text.partition(":")
        if kind == "haproxy":
            return self._haproxy(rest)
        if kind in self._kinds:
            arguments, named = _arguments(rest)
            return self._kinds[kind](*arguments, **named)
        if kind == "tls" and self._settings.client_ca:
            raise ValueError("--client-ca goes with ssl: endpoints only")
        endpoint: IStreamServerEndpoint = serverFromString(self._reactor, text)
        if isinstance(endpoint, StandardIOEndpoint):
            # It would leave the user's terminal non-blocking.
            raise ValueError("stdin and stdout are no place to listen")
        if kind == "systemd":
            return KeptEndpoint(endpoint)
        return _WrappedEndpoint(endpoint, _NeverNone)

    def _haproxy(self, text: str) -> IStreamServerEndpoint:
        if not self._settings.proxy_from:
            raise ValueError("haproxy: needs --proxy-from, the balancer's network")
        kind, _, rest = text.partition(":")
        if kind not in {"tcp", "tcp6", "ssl", "systemd"}:
            raise ValueError("haproxy: goes with tcp:, tcp6:, ssl: and systemd: only")

        def wrap(factory: IProtocolFactory) -> IProtocolFactory:
            return ProxyFactory(
                factory,
                self._settings.proxy_from,
                clock=self._reactor,
                refuse=self._refuse,
                header_seconds=self._settings.handshake_seconds or 10.0,
            )

        if kind == "ssl":
            arguments, named = _arguments(rest)
            return self._wrapped_ssl(wrap, *arguments, **named)
        return _WrappedEndpoint(self._make(text), wrap)

    def _tcp(
        self, port: str, interface: str = "", backlog: str | None = None
    ) -> IStreamServerEndpoint:
        waiting = None if backlog is None else int(backlog)
        return _tcp(self._reactor, self._settings, int(port), interface, waiting)

    def _tcp6(
        self, port: str, interface: str = "::", **named: str
    ) -> IStreamServerEndpoint:
        return self._tcp(port, interface, **named)

    def _unix(
        self,
        address: str,
        mode: str = "600",
        backlog: str | None = None,
        lockfile: str = "0",  # noqa: ARG002 - Twisted's; here there is none
    ) -> IStreamServerEndpoint:
        waiting = self._settings.backlog if backlog is None else int(backlog)
        return UNIXEndpoint(self._reactor, address, mode=int(mode, 8), backlog=waiting)

    def _ssl(self, *arguments: str, **named: str) -> IStreamServerEndpoint:
        return self._wrapped_ssl(lambda factory: factory, *arguments, **named)

    def _wrapped_ssl(
        self, wrap: Wrap, *arguments: str, **named: str
    ) -> IStreamServerEndpoint:
        """TLS, with something else in front of it."""
        from echolab import tls

        key = named.pop("privateKey", "server.pem")
        options = tls.server_options(
            private_key=key,
            certificate=named.pop("certKey", key),
            chain=named.pop("extraCertChain", None),
            client_ca=self._settings.client_ca,
        )
        return _WrappedEndpoint(
            self._tcp(*arguments, **named),
            lambda factory: wrap(tls.wrap(factory, options, self._reactor)),
        )


class _NeverNone(Factory[Protocol]):
    """For endpoints that do not know that a factory may refuse by None."""

    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory

    @override
    def buildProtocol(self, addr: Any) -> Any:
        return self._factory.buildProtocol(addr) or _HangUp()


class _HangUp(Protocol):
    @override
    def connectionMade(self) -> None:
        cast("IStreamTransport", self.transport).abortConnection()


@implementer(IStreamServerEndpoint)
class _WrappedEndpoint:
    """An endpoint that puts something in front of a factory."""

    def __init__(self, endpoint: IStreamServerEndpoint, wrap: Wrap) -> None:
        self._endpoint = endpoint
        self._wrap = wrap

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen."""
        listening: Deferred[IListeningPort] = self._endpoint.listen(
            self._wrap(protocolFactory)
        )
        return listening


def _arguments(text: str) -> tuple[list[str], dict[str, str]]:
    r"""The arguments of an endpoint string; ``\:``, ``\=`` and ``\\`` are escapes."""
    positional: list[str] = []
    named: dict[str, str] = {}
    words = re.findall(r"(?:^|:)((?:\\.|[^\\:])*)", text, re.DOTALL) if text else []
    for word in words:
        if key := re.match(r"((?:\\.|[^\\=])*)=", word, re.DOTALL):
            named[_plain(key[1])] = _plain(word[key.end() :])
        else:
            positional.append(_plain(word))
    return positional, named


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


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
        raise ConnectError("connect", text, _parse_reason(error)) from error


def _client_from_string(
    reactor: IReactor, text: str, settings: ClientSettings
) -> IStreamClientEndpoint:
    kind, _, rest = text.partition(":")
    arguments, named = _arguments(rest)
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
    text = _with_argument(text, "timeout", seconds, {"tcp", "unix", "tls"})
    endpoint: IStreamClientEndpoint = clientFromString(reactor, text)
    return endpoint


def _ssl_as_tls(host: str, port: str, **named: str) -> str:
    """Twisted's ``ssl:`` without ``hostname=`` believes anybody; ``tls:`` does not."""
    name = named.pop("hostname", host)
    words = [f"tls:{_quoted(name)}:{port}"]
    if name != host:
        words.append(f"endpoint={_quoted(f'tcp:{_quoted(host)}:{port}')}")
    other = {"certKey": "certificate", "caCertsDir": "trustRoots"}
    for key, value in named.items():
        words.append(f"{other.get(key, key)}={_quoted(value)}")
    return ":".join(words)


def _quoted(text: str) -> str:
    return re.sub(r"([\\:=])", r"\\\1", text)


def _with_argument(text: str, key: str, value: object, kinds: set[str]) -> str:
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
            return "no such socket was handed over (LISTEN_FDS, LISTEN_FDNAMES)"
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
    return ListenError("bind", name, reason_of(why))
