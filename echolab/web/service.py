"""The port of the page as a service, which runs beside the server's."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from typing_extensions import override

from echolab.addresses import ANY_IPV4, ANY_IPV6, host_and_port
from echolab.server.endpoints import listen_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IListeningPort

    from echolab.interfaces import AnyFactory, IReactor

__all__ = ["PageService"]

BACKLOG = 50
LOOPBACK = {ANY_IPV4: "127.0.0.1", ANY_IPV6: "::1"}
"""Where the user of this machine finds a page that is on all its addresses."""

_log = Logger()


class PageService(Service):
    """Listens for browsers and scrapers.

    Args:
        reactor: listens.
        site: answers them.
        host: the address to listen on, or a name of it.
        port: the port; 0 for a free one.
        query: what the page's URL needs to let a user in: ``?token=…``.
        started: called when it listens.
        stopped: called when it does no more; ends the connections.

    Attributes:
        port: the port, while it listens.
    """

    def __init__(
        self,
        reactor: IReactor,
        site: AnyFactory,
        host: str,
        port: int,
        *,
        query: str,
        started: Callable[[], None],
        stopped: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._site: Any = site
        self._host = host
        self._number = port
        self._query = query
        self._started = started
        self._stopped = stopped
        self.port: IListeningPort | None = None
        self._announcing: IDelayedCall | None = None

    @override
    def privilegedStartService(self) -> None:
        """Listen.

        Raises:
            ListenError: the port cannot be listened on.
        """
        super().privilegedStartService()
        try:
            self.port = self._reactor.listenTCP(
                self._number, self._site, BACKLOG, self._host
            )
        except Exception as why:  # A name of a host fails in several ways.
            name = host_and_port(self._host, self._number)
            raise listen_error(name, why) from None
        self._started()

    @override
    def startService(self) -> None:
        """Say where the page is; listen, unless `privilegedStartService` has."""
        if self.port is None:
            self.privilegedStartService()
        super().startService()
        self._announcing = self._reactor.callLater(0, self._announce)

    def _announce(self) -> None:
        assert self.port is not None
        address: Any = self.port.getHost()
        host = LOOPBACK.get(self._host, self._host)
        url = f"http://{host_and_port(host, address.port)}/{self._query}"
        _log.info("watch at {url}", url=url)
        if not ip_address(address.host).is_loopback:
            _log.warn(
                "--web: the page is not encrypted: whoever sees the traffic sees the "
                "token, and all that the page shows"
            )

    @override
    def stopService(self) -> Deferred[None]:
        """Stop listening; wait for no browser."""
        super().stopService()
        announcing, self._announcing = self._announcing, None
        if announcing is not None and announcing.active():
            announcing.cancel()
        port, self.port = self.port, None
        if port is None:
            return succeed(None)
        stopping = port.stopListening() or succeed(None)
        self._stopped()
        return stopping
