"""The page's port as a service, in memory and over loopback."""

from __future__ import annotations

import socket
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import ServerFactory
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from echolab import ListenError
from echolab.web.service import PageService
from tests.support import FakeReactor

WARNING = "--web: the page is not encrypted"


class ListeningReactor(FakeReactor):
    """A reactor whose ports know their addresses."""

    def listenTCP(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        super().listenTCP(port, factory, backlog, interface)
        return FakePort(interface, port)


class FakePort:
    def __init__(self, host: str, port: int) -> None:
        self.address = host, port

    def getHost(self) -> IPv4Address | IPv6Address:
        kind = IPv6Address if ":" in self.address[0] else IPv4Address
        return kind("TCP", *self.address)

    def stopListening(self) -> Deferred[None]:
        return succeed(None)


class PageServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = ListeningReactor()
        self.log = self.enterContext(capturedLogs())
        self.known = 0
        self.noted: list[str] = []

    def service(self, host: str = "127.0.0.1", port: int = 8889) -> PageService:
        return PageService(
            cast("Any", self.reactor),
            ServerFactory(),
            *(host, port),
            query="?token=abc",
            started=lambda: self.noted.append("started"),
            stopped=lambda: self.noted.append("stopped"),
        )

    def said(self) -> list[str]:
        """Return what was logged since this was asked."""
        said = [formatEvent(event) or "" for event in self.log[self.known :]]
        self.known = len(self.log)
        return said

    def test_it_says_where_it_is_when_signals_work(self) -> None:
        service = self.service()
        service.privilegedStartService()
        [(port, _, _, interface)] = self.reactor.tcpServers
        self.assertEqual((port, interface), (8889, "127.0.0.1"))
        service.startService()
        self.assertEqual(self.said(), [])
        self.reactor.advance(0)
        self.assertEqual(self.said(), ["watch at http://127.0.0.1:8889/?token=abc"])

    def test_the_host_in_the_url(self) -> None:
        for host, shown in (
            ("::1", "[::1]"),
            ("0.0.0.0", "127.0.0.1"),
            ("::", "[::1]"),
            ("192.0.2.1", "192.0.2.1"),
        ):
            self.service(host).startService()
            self.reactor.advance(0)
            url = f"watch at http://{shown}:8889/?token=abc"
            self.assertEqual(self.said()[0], url)

    def test_it_warns_where_others_can_read_along(self) -> None:
        for host, warns in (
            ("127.0.0.1", False),
            ("127.1.2.3", False),
            ("::1", False),
            ("0.0.0.0", True),
            ("::", True),
            ("192.0.2.1", True),
        ):
            self.service(host).startService()
            self.reactor.advance(0)
            self.assertEqual(WARNING in "".join(self.said()), warns, host)

    def test_it_starts_and_stops_what_it_shows(self) -> None:
        service = self.service()
        service.startService()
        self.assertEqual(self.noted, ["started"])
        service.stopService()
        self.assertEqual(self.noted, ["started", "stopped"])
        service.stopService()
        self.assertEqual(self.noted, ["started", "stopped"])
        service.startService()
        self.assertEqual(self.noted[2:], ["started"])

    def test_stopped_before_the_reactor_runs(self) -> None:
        service = self.service()
        service.startService()
        service.stopService()
        self.reactor.advance(1)
        self.assertEqual(self.said(), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_rehearsal_says_nothing(self) -> None:
        service = self.service()
        service.privilegedStartService()
        self.reactor.advance(1)
        service.stopService()
        self.assertEqual(self.said(), [])


class PortTests(SynchronousTestCase):
    def service(self, factory: ServerFactory[Any], host: str, port: int) -> PageService:
        running: Any = reactor
        return PageService(
            running,
            *(factory, host, port),
            query="",
            started=lambda: None,
            stopped=lambda: None,
        )

    def test_a_taken_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            service = self.service(ServerFactory(), "127.0.0.1", port)
            with self.assertRaisesRegex(
                ListenError, f"^bind 127.0.0.1:{port}: Address already in use$"
            ):
                service.privilegedStartService()

    def test_hosts_that_are_none(self) -> None:
        for host in ("192.0.2.1", "no.such.host.invalid"):
            service = self.service(ServerFactory(), host, 0)
            with self.assertRaisesRegex(ListenError, f"^bind {host}:0: "):
                service.privilegedStartService()
