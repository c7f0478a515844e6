"""All bytes of OpenSSL are passed to Twisted."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from echolab.tls.server import server_options
from echolab.tls.server_connection import ServerConnections
from tests.support import FakeTransport

if TYPE_CHECKING:
    from twisted.internet.ssl import CertificateOptions

READ_BYTES = 1 << 15
"""How many bytes Twisted asks for."""


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class TLSConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "long.pem"
        issued = trustme.CA().issue_cert("localhost")
        path.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
        self.short = server_options(private_key=str(path), certificate=str(path))
        self.other = trustme.CA().cert_pem
        for _ in range(100):
            self.other.write_to_path(str(path), append=True)
        self.options = server_options(private_key=str(path), certificate=str(path))

    def handshake(
        self, creator: CertificateOptions | ServerConnections
    ) -> tuple[SSL.Connection, int]:
        """Let a client meet a server; return it, and what the server sent first."""
        factory = TLSMemoryBIOFactory(
            creator, False, Factory.forProtocol(Protocol), Clock()
        )
        server = factory.buildProtocol(None)
        transport = FakeTransport()
        server.makeConnection(transport)
        client = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        client.set_connect_state()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        server.dataReceived(client.bio_read(READ_BYTES))
        client.bio_write(transport.value())
        return client, len(transport.value())

    def test_is_sent_whole(self) -> None:
        creator = ServerConnections(self.options)
        verifyObject(IOpenSSLServerConnectionCreator, creator)
        client, sent = self.handshake(creator)
        self.assertGreater(sent, READ_BYTES)
        client.do_handshake()
        chain = client.get_peer_cert_chain()
        assert chain is not None
        self.assertEqual(len(chain), 101)

    def test_what_tls_sends_of_itself_is_told(self) -> None:
        server = ServerConnections(self.options).serverConnectionForTLS(None)
        server.set_accept_state()
        told: list[int] = []
        server.on_answer = told.append
        client = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        client.set_connect_state()
        for _ in range(2):
            for one, other in ((client, server), (server, client)):
                with contextlib.suppress(SSL.WantReadError):
                    one.do_handshake()
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(one.bio_read(READ_BYTES * 4))
        self.assertGreater(sum(told), READ_BYTES)
        told.clear()
        server.send(b"hello")
        server.bio_read(READ_BYTES)
        self.assertEqual(told, [])
        server.shutdown()
        sent = server.bio_read(READ_BYTES)
        self.assertEqual(told, [len(sent)])

    def test_replies_to_what_comes_with_the_end(self) -> None:
        creator = ServerConnections(self.short)
        self.assertEqual(self.echoed(creator), b"hello")

    def test_whoever_owes_more_ends_when_it_is_sent(self) -> None:
        """The peer's close_notify ends only its own side (RFC 8446, 6.1)."""

        @implementer(IHalfCloseableProtocol)
        class Owing(Echo):
            def readConnectionLost(self) -> None:
                clock.callLater(1, self.pay)

            def writeConnectionLost(self) -> None:
                raise AssertionError

            def pay(self) -> None:
                assert self.transport is not None
                self.transport.write(b", and more")
                self.transport.loseConnection()

        clock = Clock()
        said = self.echoed(ServerConnections(self.short), Owing, clock)
        self.assertEqual(said, b"hello, and more")

    def test_twisted_still_forgets_replies(self) -> None:
        """If this fails, Twisted is fixed, and less code is needed here."""
        self.assertEqual(self.echoed(self.short), b"")

    def echoed(
        self,
        creator: CertificateOptions | ServerConnections,
        protocol: type[Protocol] = Echo,
        clock: Clock | None = None,
    ) -> bytes:
        """Send bytes and the end in one piece; return the echo."""
        clock = clock or Clock()
        made = Factory.forProtocol(protocol)
        factory = TLSMemoryBIOFactory(creator, False, made, clock)
        server = factory.buildProtocol(None)
        transport = FakeTransport()
        server.makeConnection(transport)
        client = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        client.set_connect_state()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        while True:
            server.dataReceived(client.bio_read(READ_BYTES))
            client.bio_write(transport.value())
            transport.clear()
            try:
                client.do_handshake()
                break
            except SSL.WantReadError:
                continue
        client.send(b"hello")
        client.shutdown()
        server.dataReceived(client.bio_read(READ_BYTES))
        clock.pump([0, 1, 0])
        self.assertTrue(transport.disconnecting)
        client.bio_write(transport.value())
        said = b""
        try:
            while True:
                said += client.recv(READ_BYTES)
        except SSL.ZeroReturnError:
            return said

    def test_twisted_still_stops_half_way(self) -> None:
        """If this fails, Twisted is fixed, and `TLSConnection` is not needed."""
        client, sent = self.handshake(self.options)
        self.assertEqual(sent, READ_BYTES)
        self.assertRaises(SSL.WantReadError, client.do_handshake)
