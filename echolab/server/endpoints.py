"""Where to listen: Twisted's server endpoints from the settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet.endpoints import (
    AdoptedStreamServerEndpoint,
    StandardIOEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    serverFromString,
)
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.tcp import makeBinding
from zope.interface import implementer

from echolab.addresses import ANY_IPV4, host_and_port
from echolab.errors import EcholabError, ListenError, reason_of
from echolab.quantities import whole_number
from echolab.server.proxy import ProxyFactory
from echolab.server.refusing import RefusingEndpoint
from echolab.server.turned_away import ClosingFactory
from echolab.sockets.backlog import backlog_of
from echolab.sockets.endpoint_strings import (
    check_lockfile,
    joined,
    parse_reason,
    parsed,
    quoted,
)
from echolab.sockets.handed_over import handed_over
from echolab.sockets.unix_listening import HandedUNIXEndpoint, UNIXEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import (
        IListeningPort,
        IProtocolFactory,
    )

    from echolab.interfaces import IReactor
    from echolab.server.settings import ServerSettings
    from echolab.tls.key_log import KeyLog

__all__ = [
    "is_handed",
    "listen_error",
    "server_endpoints",
]

Wrap: TypeAlias = "Callable[[IProtocolFactory], IProtocolFactory]"


def server_endpoints(
    reactor: IReactor, settings: ServerSettings
) -> list[tuple[str, IStreamServerEndpoint]]:
    """Return the endpoints to listen on, each with its name for users.

    Args:
        reactor: listens.
        settings: the user's settings.

    Raises:
        ListenError: an endpoint string is wrong.
    """
    make = _ServerEndpoints(reactor, settings)
    if settings.listen:
        return [(text, make(text)) for text in settings.listen]
    interface, port = settings.interface, settings.port
    if settings.tls:
        name = host_and_port(interface or ANY_IPV4, port)
        return [(name, _tls(make, reactor, settings, name))]
    endpoint: IStreamServerEndpoint
    refusals = [fault for fault in settings.behave if fault.kind == "refuse"]
    if refusals:
        backlog, seconds = settings.backlog, refusals[0].seconds
        endpoint = _WrappedEndpoint(
            RefusingEndpoint(reactor, interface, port, backlog, seconds), ClosingFactory
        )
    else:
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
    endpoint = kind(reactor, where, backlog or settings.backlog, interface)
    return _WrappedEndpoint(endpoint, ClosingFactory)


def _tls(
    make: _ServerEndpoints, reactor: Any, settings: ServerSettings, name: str
) -> IStreamServerEndpoint:
    """Return an ``ssl:`` endpoint; make a certificate if none is given."""
    words = [f"ssl:{settings.port}"]
    if settings.interface:
        words.append(f"interface={quoted(settings.interface)}")
    certificate, key = settings.certificate, settings.private_key
    made = None
    try:
        if certificate is None:
            from echolab.tls.throwaway import ThrowAway

            made = ThrowAway(settings.interface)
            reactor.addSystemEventTrigger("after", "shutdown", made.remove)
            certificate = str(made.certificate)
        words.append(f"privateKey={quoted(key or certificate)}")
        words.append(f"certKey={quoted(certificate)}")
        endpoint = make(":".join(words))
    except ListenError as error:
        raise ListenError("listen", name, error.reason) from error
    except EcholabError:
        raise
    except Exception as error:
        raise ListenError("listen", name, parse_reason(error)) from error
    if made is None:
        return endpoint
    made.forget_key()
    return _WrappedEndpoint(endpoint, then=made.tell)


class _ServerEndpoints:
    """Makes endpoints from strings.

    Endpoints that need more than Twisted's parsers offer are made here. Twisted makes
    the others, also those of plugins.
    """

    def __init__(self, reactor: IReactor, settings: ServerSettings) -> None:
        self._reactor = reactor
        self._settings = settings
        self._key_log: KeyLog | None = None  # one for all endpoints
        self._kinds: dict[str, Callable[..., IStreamServerEndpoint]] = {
            "tcp": self._tcp,
            "tcp6": self._tcp6,
            "ssl": self._ssl,
            "unix": self._unix,
        }

    def __call__(self, text: str) -> IStreamServerEndpoint:
        """Make an endpoint.

        Raises:
            ListenError: the string is wrong.
        """
        try:
            return self._make(text)
        except EcholabError:
            raise
        except Exception as error:
            raise ListenError("listen", text, parse_reason(error)) from error

    def _make(self, text: str) -> IStreamServerEndpoint:
        kind, arguments, named = parsed(text)
        if kind == "haproxy":
            return self._haproxy(arguments, named)
        if kind in self._kinds:
            return self._kinds[kind](*arguments, **named)
        if kind == "tls" and self._settings.client_ca:
            raise ValueError("--client-ca goes with ssl: endpoints only")
        if kind == "tls" and self._settings.tls_keys:
            raise ValueError("--tls-keys goes with ssl: endpoints only")
        if kind == "tls":
            self._check_tls(arguments, named)
        text = joined(kind, arguments, named)
        endpoint: Any = serverFromString(self._reactor, text)
        if kind == "tls":
            return self._with_our_tls(endpoint)
        if isinstance(endpoint, StandardIOEndpoint):
            # It would leave the user's terminal non-blocking.
            raise ValueError("stdin and stdout are no place to listen")
        if kind == "systemd":
            fd = endpoint.fileno
            return _WrappedEndpoint(handed_over(self._reactor, fd), ClosingFactory)
        made: IStreamServerEndpoint = endpoint
        return made

    def _with_our_tls(self, twisteds: Any) -> IStreamServerEndpoint:
        """Take only the address and the certificates of Twisted's endpoint."""
        from echolab.tls import server as tls

        creator = twisteds.connectionCreator
        return _WrappedEndpoint(
            twisteds.endpoint, lambda factory: tls.wrap(factory, creator, self._reactor)
        )

    def _keys(self) -> KeyLog | None:
        """Return the file for the secrets of TLS, if the user wants one."""
        from echolab.tls.key_log import KeyLog

        if self._settings.tls_keys and self._key_log is None:
            self._key_log = KeyLog(self._settings.tls_keys)
        return self._key_log

    def _check_tls(self, positional: list[str], named: dict[str, str]) -> None:
        """Check a folder of certificates and its arguments; Twisted does not."""
        given = dict(zip(("path", "port", "backlog"), positional, strict=False)) | named
        if "path" in given:
            from echolab.tls import server as tls

            tls.check_folder(given["path"])
        whole_number(given.get("port", "443"))
        if "backlog" in given:
            backlog_of(given["backlog"])
        else:
            named["backlog"] = str(self._settings.backlog)

    def _haproxy(
        self, words: list[str], named: dict[str, str]
    ) -> IStreamServerEndpoint:
        if not self._settings.proxy_from:
            raise ValueError("haproxy: needs --proxy-from, the balancer's network")
        kind, *arguments = [words[0].lower(), *words[1:]] if words else [""]
        if kind not in {"tcp", "tcp6", "ssl", "systemd"}:
            raise ValueError("haproxy: goes with tcp:, tcp6:, ssl: and systemd: only")

        wrap: Wrap = _bare
        if kind == "ssl":
            endpoint, wrap = self._tcp_and_tls(*arguments, **named)
        else:
            endpoint = self._make(joined(kind, arguments, named))

        def behind_header(receivers: Any) -> IProtocolFactory:
            return ProxyFactory(
                wrap(receivers),
                self._settings.proxy_from,
                connections=receivers.connections,
                header_seconds=self._settings.handshake_seconds or 10.0,
            )

        return _WrappedEndpoint(endpoint, behind_header)

    def _tcp(
        self, port: str, interface: str | None = None, backlog: str | None = None
    ) -> IStreamServerEndpoint:
        if interface == "":  # For example, an unset variable of a script.
            raise ValueError("the interface is empty")
        waiting = None if backlog is None else backlog_of(backlog)
        number = whole_number(port)
        return _tcp(self._reactor, self._settings, number, interface or "", waiting)

    def _tcp6(
        self, port: str, interface: str = "::", **named: str
    ) -> IStreamServerEndpoint:
        return self._tcp(port, interface, **named)

    def _unix(
        self,
        address: str,
        mode: str = "600",
        backlog: str | None = None,
        lockfile: str = "0",
    ) -> IStreamServerEndpoint:
        if not address:
            raise ValueError("the path is empty")
        check_lockfile(lockfile)
        waiting = self._settings.backlog if backlog is None else backlog_of(backlog)
        if not re.fullmatch("0?[0-7]{1,3}", mode):
            raise ValueError("mode must be octal, from 0 to 777")
        return _WrappedEndpoint(
            UNIXEndpoint(self._reactor, address, mode=int(mode, 8), backlog=waiting),
            ClosingFactory,
        )

    def _ssl(self, *arguments: str, **named: str) -> IStreamServerEndpoint:
        return _WrappedEndpoint(*self._tcp_and_tls(*arguments, **named))

    def _tcp_and_tls(
        self, *arguments: str, **named: str
    ) -> tuple[IStreamServerEndpoint, Wrap]:
        """Return an endpoint without TLS, and a function that adds TLS to a factory."""
        from echolab.tls import server as tls

        key = named.pop("privateKey", "server.pem")
        options = tls.server_options(
            private_key=key,
            certificate=named.pop("certKey", key),
            chain=named.pop("extraCertChain", None),
            client_ca=self._settings.client_ca,
            key_log=self._keys(),
        )
        endpoint = self._tcp(*arguments, **named)
        return endpoint, lambda factory: tls.wrap(factory, options, self._reactor)


def _bare(factory: IProtocolFactory) -> IProtocolFactory:
    return factory


@implementer(IStreamServerEndpoint)
class _WrappedEndpoint:
    """An endpoint that wraps the factory.

    Args:
        endpoint: listens.
        wrap: wraps the factory for the endpoint.
        then: called when the endpoint listens, if given.
    """

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        wrap: Wrap = _bare,
        then: Callable[[], None] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._wrap = wrap
        self._then = then

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen."""
        listening: Deferred[IListeningPort] = self.endpoint.listen(
            self._wrap(protocolFactory)
        )
        return listening.addCallback(self._told)

    def _told(self, port: IListeningPort) -> IListeningPort:
        if self._then is not None:
            self._then()
        return port


def is_handed(endpoint: object) -> bool:
    """Whether an endpoint's socket was handed over, for example by systemd.

    Connections that wait there are left for the next program to accept.
    """
    while isinstance(endpoint, _WrappedEndpoint):
        endpoint = endpoint.endpoint
    return isinstance(endpoint, (AdoptedStreamServerEndpoint, HandedUNIXEndpoint))


def listen_error(name: str, why: BaseException | None) -> ListenError:
    """Return the error for an endpoint that cannot listen."""
    if isinstance(why, OverflowError):
        return ListenError("bind", name, "port must be 0-65535")
    return ListenError("bind", name, reason_of(why))
