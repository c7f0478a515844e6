"""Endpoints from strings, listening and connecting over loopback."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from cryptography.x509 import DNSName
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from echolab import (
    ConnectError,
    Finished,
    ListenError,
    Received,
    ReceiverFactory,
    Refused,
    SenderFactory,
    UnverifiedError,
)
from echolab.client.connecting import Connector
from echolab.client.endpoints import client_endpoint
from echolab.client.settings import ClientSettings
from echolab.server import endpoints
from echolab.server.admission import Admission, network
from echolab.server.endpoints import listen_error, server_endpoints
from echolab.server.settings import ServerSettings
from echolab.sockets.endpoint_strings import quoted
from echolab.testing import Transcript, connect
from tests.authority import Authority
from tests.support import SECONDS, write_certificates


class EndpointCase(TestCase):
    timeout = SECONDS

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.ended: Deferred[None] = Deferred()
        self.transcript = Transcript()
        self.factory = ReceiverFactory(self.sink, clock=self.reactor)

    def sink(self, event: Any) -> None:
        self.transcript(event)
        if isinstance(event, (Finished, Refused)):
            self.ended.callback(None)

    async def listen(self, **settings: Any) -> Any:
        [(_, endpoint)] = server_endpoints(self.reactor, ServerSettings(**settings))
        port = await endpoint.listen(self.factory)
        self.addCleanup(port.stopListening)
        return port.getHost()

    async def send(self, *, header: bytes = b"", **settings: Any) -> None:
        """Connect, send a line, end; wait until the server has seen the end."""
        name, endpoint = client_endpoint(self.reactor, ClientSettings(**settings))
        connector = Connector(
            endpoint, name, clock=self.reactor, timeout_seconds=SECONDS
        )
        replies = SenderFactory(Transcript(), clock=self.reactor, tls_wait_seconds=0)
        client = await connector.connect(replies)
        client.write(header + b"hello\n")
        client.finish()
        await self.ended

    def assert_received(self) -> None:
        self.assertEqual(self.transcript.lines(), [b"hello"])


class PlainTests(EndpointCase):
    def test_numbers_are_ascii_digits(self) -> None:
        for text, why in (
            ("tcp:8_888", "8_888 is not a whole number"),
            ("haproxy:tcp:+1", r"\+1 is not a whole number"),
            ("tcp:0:backlog=\uff11", "\uff11 is not a whole number"),
            ("unix:/a:backlog= 1", "1 is not a whole number"),
            ("tls:/:8_443", "8_443 is not a whole number"),
            ("tls:/:backlog=1_0", "1_0 is not a whole number"),
            ("tls", "missing or unknown argument in the endpoint string"),
            ("tcp:0:backlog=0", "backlog must be 1-2147483647"),
            (
                "tcp:0:backlog=" + "9" * 20,
                "backlog must be 1-2147483647",
            ),
        ):
            proxies = (network("127.0.0.1"),)
            settings = ServerSettings(listen=(text,), proxy_from=proxies)
            with self.assertRaisesRegex(ListenError, f": {why}$"):
                server_endpoints(self.reactor, settings)
        for text, word in (
            *(("tcp:a:8_888", "8_888"), ("tls:a:\uff11", "\uff11")),
            *(("tcp:a:1:timeout=1_0", "1_0"), ("unix:/a:timeout= 1", "1")),
        ):
            with self.assertRaisesRegex(ConnectError, f": {word} is not a whole num"):
                client_endpoint(self.reactor, ClientSettings(connect=text))

    def test_what_no_connection_can_have(self) -> None:
        for text, why in (
            *((f"{kind}:a:0", "port must be 1-65535") for kind in ("tcp", "ssl")),
            ("tls:a:70000", "port must be 1-65535"),
            ("tls:a:1:endpoint=tcp\\:a\\:0", "port must be 1-65535"),
            ("tcp:a:1:timeout=-1", "timeout must be 1-2147483647"),
            ("tls:a:1:0", "timeout must be 1-2147483647"),
            ("unix:/a:timeout=-1", "timeout must be 1-2147483647"),
            ("unix:/a:lockfile=x", "lockfile must be 0 or 1"),
            ("tcp::1", "the host is empty"),
            ("unix:", "the path is empty"),
            ("tcp:\udcff:1", "no such host"),
            ("tcp6:a:1", "Unknown endpoint type: 'tcp6'; did you mean tcp:.?"),
            ("haproxy:a", "Unknown endpoint type: 'haproxy'"),
        ):
            with self.assertRaisesRegex(ConnectError, f": {why}$"):
                client_endpoint(self.reactor, ClientSettings(connect=text))

    def test_what_no_listener_can_have(self) -> None:
        for text, why in (
            ("tcp:0:interface=", "the interface is empty"),
            ("tcp6:0:interface=", "the interface is empty"),
            ("unix:", "the path is empty"),
            ("unix:/a:lockfile=x", "lockfile must be 0 or 1"),
        ):
            with self.assertRaisesRegex(ListenError, f": {why}$"):
                server_endpoints(self.reactor, ServerSettings(listen=(text,)))

    async def test_port_and_interface(self) -> None:
        for interface in ("127.0.0.1", "::1"):
            self.setUp()
            host = await self.listen(port=0, interface=interface)
            await self.send(host=interface, port=host.port)
            self.assert_received()

    async def test_tcp_strings(self) -> None:
        for text in ("tcp:0:interface=127.0.0.1:backlog=5", r"tcp6:0:interface=\:\:1"):
            self.setUp()
            host = await self.listen(listen=(text,), reuse_port=True)
            await self.send(host=host.host, port=host.port)
            self.assert_received()

    async def test_unix_path(self) -> None:
        path = self.folder / "lab.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        await self.listen(listen=(f"unix:{path}:mode=660",))
        self.assertEqual(path.stat().st_mode & 0o777, 0o660)
        await self.send(connect=f"unix:{path}")
        self.assert_received()
        peer = self.transcript.events[0].peer
        self.assertEqual((peer.pid, peer.uid), (os.getpid(), os.getuid()))
        self.assertEqual(str(peer), f"unix:{path},pid={os.getpid()}")

    async def test_unix_path_that_is_gone(self) -> None:
        path = self.folder / "lab.sock"
        [(_, endpoint)] = server_endpoints(
            self.reactor, ServerSettings(listen=(f"unix:{path}",))
        )
        port = await endpoint.listen(self.factory)
        path.unlink()
        path.write_text("mine")
        await maybeDeferred(port.stopListening)
        self.assertEqual(path.read_text(), "mine")

    def test_a_folder_is_no_path_to_listen_on(self) -> None:
        text = f"unix:{self.folder}"
        [(_, endpoint)] = server_endpoints(self.reactor, ServerSettings(listen=(text,)))
        failure = self.failureResultOf(endpoint.listen(self.factory))
        why = listen_error(text, failure.value)
        self.assertEqual(str(why), f"bind {text}: Is a directory")

    async def test_abstract_name(self) -> None:
        name = f"unix:@echolab-endpoint-{os.getpid()}"
        await self.listen(listen=(name,))
        await self.send(connect=name)
        self.assert_received()

    async def test_refused_is_closed_and_told(self) -> None:
        self.factory = ReceiverFactory(
            self.sink,
            clock=self.reactor,
            admission=Admission(deny=[network("127.0.0.0/8")]),
        )
        host = await self.listen(port=0, interface="127.0.0.1")
        await self.send(host="127.0.0.1", port=host.port)
        [refused] = self.transcript.events
        assert isinstance(refused, Refused)
        self.assertEqual(refused.detail, "denied")

    async def test_a_socket_of_systemds_has_its_own_family(self) -> None:
        """The string does not matter; else addresses could not be denied."""
        for said, family, host in (
            (socket.AF_INET6, socket.AF_INET, "127.0.0.1"),
            (socket.AF_INET, socket.AF_INET6, "::1"),
            (socket.AF_UNIX, socket.AF_INET, "127.0.0.1"),
        ):
            handed = socket.create_server((host, 0), family=family)
            adopted = AdoptedStreamServerEndpoint(self.reactor, handed.detach(), said)
            self.patch(endpoints, "serverFromString", lambda *_, a=adopted: a)
            self.ended = Deferred()
            self.factory = ReceiverFactory(
                self.sink,
                clock=self.reactor,
                admission=Admission(deny=[network(host)]),
            )
            listening = await self.listen(listen=("systemd:INET:0",))
            await self.send(host=host, port=listening.port)
            refused = self.transcript.events[-1]
            assert isinstance(refused, Refused)
            self.assertEqual((refused.peer.host, refused.detail), (host, "denied"))

    def test_strings_that_cannot_be_understood(self) -> None:
        for text, settings in (
            ("tcp:x", {}),
            ("unix:/x:mode=9", {}),
            ("unix:/x:mode=-1", {}),
            ("unix:/x:mode=1777", {}),
            ("unix:/x:mode=\uff17", {}),
            ("foo:1", {}),
            ("stdio:", {}),
            ("systemd:domain=INET:index=7", {}),
            ("haproxy:tcp:1", {}),
            ("haproxy:unix:/x", {"proxy_from": (network("::1"),)}),
            ("ssl:1:privateKey=/none", {}),
            ("tls:/:1", {"client_ca": "/none"}),
        ):
            with self.assertRaises(ListenError, msg=text):
                server_endpoints(
                    self.reactor, ServerSettings(listen=(text,), **settings)
                )
        for text in ("tcp:a:x", "unix:" + "x" * 200, "foo:1", "ssl:a"):
            with self.assertRaises(ConnectError, msg=text):
                client_endpoint(self.reactor, ClientSettings(connect=text))

    async def test_an_address_is_refused_without_waiting_for_others(self) -> None:
        clock = MemoryReactorClock()
        for host in ("127.0.0.1", "::1", "fe80::1%lo"):
            settings = ClientSettings(host=host, port=8888)
            endpoint = client_endpoint(clock, settings)[1]
            refused = endpoint.connect(ReceiverFactory(self.sink, clock=clock))
            self.assertEqual(clock.tcpClients[-1][:2], (host, 8888))
            wrapped: Any = clock.tcpClients[-1][2]
            wrapped.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
            self.failureResultOf(refused, ConnectionRefusedError)


class ThrowAwayTests(EndpointCase):
    async def test_a_certificate_is_told_of_once_it_is_used(self) -> None:
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        with capturedLogs() as logs:
            with self.assertRaises(CannotListenError):
                port = taken.getsockname()[1]
                await self.listen(tls=True, interface="127.0.0.1", port=port)
            self.assertEqual(logs, [])
            await self.listen(tls=True, interface="127.0.0.1", port=0)
        told = "\n".join(map(formatEvent, logs))
        self.assertIn("certificate made for localhost", told)


class TLSEndpointTests(EndpointCase):
    def setUp(self) -> None:
        super().setUp()
        roots = self.folder / "roots"
        roots.mkdir()
        write_certificates(self.folder, server="server", alice="alice")
        (roots / "ca.pem").write_bytes((self.folder / "ca.pem").read_bytes())
        self.roots = roots
        self.text = f"ssl:0:interface=127.0.0.1:privateKey={self.folder}/server.pem"

    async def test_verified_on_both_sides(self) -> None:
        ca = f"{self.folder}/ca.pem"
        host = await self.listen(listen=(self.text,), client_ca=ca)
        own = f"{self.folder}/alice.pem"
        await self.send(
            connect=f"tls:localhost:{host.port}:trustRoots={self.roots}"
            f":certificate={own}:privateKey={own}"
        )
        self.assert_received()
        self.assertEqual(self.transcript.events[0].peer.name, "alice")

    async def test_a_folder_of_certificates(self) -> None:
        """Twisted finds the certificates; the connections are ours."""
        folder = self.folder / "served"
        folder.mkdir()
        (self.folder / "server.pem").rename(folder / "localhost.pem")
        host = await self.listen(listen=(rf"Tls:{folder}:0:interface=\:\:1",))
        with socket.create_connection(("::1", host.port)) as client:
            client.sendall(b"hi")
            await self.ended
            self.assertEqual(client.recv(1), b"\x15", "an alert")
        self.ended = Deferred()
        connect_to = quoted(rf"tcp:\:\:1:{host.port}")
        await self.send(
            connect=f"tls:localhost:1:trustRoots={self.roots}:endpoint={connect_to}"
        )
        self.assertEqual(self.transcript.lines(), [b"hello"])

    async def test_unverified_with_a_certificate(self) -> None:
        ca = f"{self.folder}/ca.pem"
        host = await self.listen(listen=(self.text,), client_ca=ca)
        own = f"certKey={self.folder}/alice.pem"
        await self.send(connect=f"ssl:127.0.0.1:{host.port}:{own}", insecure=True)
        self.assert_received()

    async def test_a_name_to_look_for(self) -> None:
        host = await self.listen(listen=(f"{self.text}:extraCertChain={self.ca()}",))
        await self.send(
            connect=f"ssl:127.0.0.1:{host.port}:caCertsDir={self.roots}"
            ":hostname=localhost"
        )
        self.assert_received()

    def ca(self) -> str:
        return f"{self.folder}/ca.pem"

    async def test_behind_a_balancer(self) -> None:
        trusted = (network("127.0.0.1"),)
        host = await self.listen(
            listen=("haproxy:tcp:0:interface=127.0.0.1",), proxy_from=trusted
        )
        header = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n"
        await self.send(host="127.0.0.1", port=host.port, header=header)
        self.assert_received()
        self.assertEqual(str(self.transcript.events[0].peer), "192.0.2.1:4711")

    async def test_refused_over_tls_and_behind_a_balancer(self) -> None:
        self.factory = ReceiverFactory(
            self.sink,
            clock=self.reactor,
            admission=Admission(deny=[network("192.0.2.1")]),
        )
        trusted = (network("127.0.0.1"),)
        host = await self.listen(listen=(f"haproxy:{self.text}",), proxy_from=trusted)
        header = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n"
        await self.send(host="127.0.0.1", port=host.port, header=header)
        [refused] = self.transcript.events
        self.assertEqual(str(refused.peer), "192.0.2.1:4711")

    async def test_clients_of_tests_trust_no_worse(self) -> None:
        authority = Authority(self.folder / "other")
        authority.write(self.folder / "server.pem", [DNSName("l*host")])
        host = await self.listen(listen=(self.text,))
        through = f"endpoint=tcp\\:127.0.0.1\\:{host.port}"
        for text in (
            f"tls:localhost:{host.port}:trustRoots={authority.roots}:{through}",
            f"ssl:localhost:{host.port}:caCertsDir={authority.roots}",
        ):
            self.ended = Deferred()
            with self.assertRaises(UnverifiedError):
                await connect(text)
            await self.ended
        self.assertEqual(self.transcript.ends(), [])

    async def test_wrong_signer(self) -> None:
        host = await self.listen(listen=(self.text,))
        with self.assertRaisesRegex(Exception, "certificate verify failed"):
            await self.send(connect=f"tls:localhost:{host.port}")
        await self.ended
        [refused] = self.transcript.events
        assert isinstance(refused, Refused)
        self.assertIn("unknown ca", refused.detail)
        self.assertFalse(
            any(isinstance(event, Received) for event in self.transcript.events)
        )
