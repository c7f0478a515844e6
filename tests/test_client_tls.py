"""What a TLS server must prove before data passes: in memory."""

from __future__ import annotations

import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from echolab import EndCause, SenderFactory
from echolab.client.connecting import Connector
from echolab.errors import UnverifiedError, reason_of
from echolab.testing import Transcript
from echolab.tls import client as client_tls
from echolab.tls.client import insecure_client, verified_client
from tests.authority import Authority, Names
from tests.support import FakeTransport

VERSIONS = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)

DNS = x509.DNSName
NAMES: Names = [DNS("localhost")]
BAD_NAMES: dict[str, Names] = {
    "no subjectAltName": None,
    "none in it": [x509.RFC822Name("root@localhost")],
    "any": [DNS("*")],
    "any below": [DNS("*.localhost")],
    "part": [DNS("l*host")],
    "an address as a name": [DNS("127.0.0.1")],
    "an address beside the right name": [DNS("localhost"), DNS("127.0.0.1")],
    "a NUL": [DNS("localhost\0.evil.example")],
    "an empty name": [DNS("")],
    "white space before": [DNS(" localhost")],
    "white space behind": [DNS("localhost\n")],
    "white space beside the right name": [DNS("localhost"), DNS("a\tb")],
    "two stars": [DNS("*.*.localhost")],
    "not ASCII": b"\x30\x05\x82\x03l\xf6\x80",
    "an address of three bytes": b"\x30\x05\x87\x03\x7f\x00\x01",
    "another": [DNS("example.com"), DNS("xlocalhost"), DNS("localhost.example")],
}


@implementer(IStreamClientEndpoint)
class RawServer:
    """A server in memory that sends as soon as it can, and records all it reads."""

    def __init__(self, context: SSL.Context) -> None:
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self.greeted = False
        self.asked_for: bytes | None = None
        self.read = b""
        self.errors: list[SSL.Error] = []

    def connect(self, factory: Any) -> Deferred[Any]:
        self.transport = FakeTransport()
        self.client = factory.buildProtocol(None)
        self.client.makeConnection(self.transport)
        return succeed(self.client)

    def talk(self) -> None:
        """Deliver the bytes of each side to the other until both are silent."""
        while sent := self.transport.value():
            self.transport.clear()
            self._tls.bio_write(sent)
            self._go_on()
            try:
                reply = self._tls.bio_read(1 << 16)
            except SSL.WantReadError:
                continue
            if not self.transport.disconnecting:
                self.client.dataReceived(reply)
        if self.transport.disconnecting:
            self.client.connectionLost(Failure(ConnectionDone()))

    def end(self) -> None:
        """Send close_notify, and go on reading."""
        self._tls.shutdown()
        self.client.dataReceived(self._tls.bio_read(1 << 16))

    def _go_on(self) -> None:
        try:
            if not self.greeted:
                self._tls.do_handshake()
                self.asked_for = self._tls.get_servername()
                self._tls.send(b"welcome\n")
                self.greeted = True
            while True:
                self.read += self._tls.recv(1 << 16)
        except (SSL.WantReadError, SSL.ZeroReturnError):
            pass
        except SSL.Error as error:
            self.errors.append(error)


class ProofTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.authority = Authority(self.folder)
        self.clock = Clock()
        self.transcript = Transcript(clock=self.clock)

    def connect(
        self, server: RawServer, host: str = "localhost", retry_seconds: float = 0
    ) -> Deferred[Any]:
        """Connect, and send bytes as soon as that is possible, and before."""
        endpoint = verified_client(
            self.clock, server, host, trust_roots=str(self.authority.roots)
        )
        connector = Connector(
            endpoint,
            host,
            clock=self.clock,
            timeout_seconds=5,
            retry_seconds=retry_seconds,
        )
        factory = SenderFactory(self.transcript, clock=self.clock)
        connecting = connector.connect(factory)
        server.client.wrappedProtocol.write(b"secret\n")
        self.clock.advance(0)
        server.talk()
        return connecting

    def assert_refused(self, names: Names, host: str = "localhost") -> str:
        reasons = []
        for version in VERSIONS:
            server = RawServer(self.authority.context(names, version=version))
            connecting = self.connect(server, host, retry_seconds=60)
            failure = self.failureResultOf(connecting, UnverifiedError)
            self.assertEqual(server.read, b"")
            self.assertFalse(server.greeted)
            self.assertEqual(len(server.errors), 1, "the alert")
            self.assertEqual(self.transcript.events, [])
            why = reason_of(failure.value)
            self.assertEqual((why, str(failure.value)), (str(failure.value), why))
            self.assertTrue(why.isprintable() and len(why) < 300, why)
            reasons.append(why)
        self.assertEqual(self.flushLoggedErrors(), [])
        return reasons[-1]

    def test_names_that_prove_nothing(self) -> None:
        for case, names in BAD_NAMES.items():
            why = self.assert_refused(names)
            self.assertIn("the certificate", why, case)

    def test_names_that_prove_no_address(self) -> None:
        for names in (*BAD_NAMES.values(), NAMES):
            for host in ("127.0.0.1", "::1"):
                self.assert_refused(names, host)

    def test_a_name_is_as_long_as_it_likes(self) -> None:
        self.assert_refused([DNS("*" + "x" * 60_000)])

    def test_names_that_prove_it(self) -> None:
        for host, name, asked_for in (
            ("localhost", DNS("localhost"), b"localhost"),
            ("LocalHost", DNS("LOCALHOST"), b"localhost"),
            ("a.example.com", DNS("*.example.com"), b"a.example.com"),
            ("localhost.", DNS("localhost"), b"localhost"),
            ("b\xfccher.example", DNS("xn--bcher-kva.example"), None),
            ("B\xdcCHER.Example.", DNS("xn--bcher-kva.example"), None),
            ("127.0.0.1", x509.IPAddress(ip_address("127.0.0.1")), None),
            ("::1", x509.IPAddress(ip_address("::1")), None),
            ("fe80::1%lo", x509.IPAddress(ip_address("fe80::1")), None),
        ):
            for version in VERSIONS:
                server = RawServer(self.authority.context([name], version=version))
                self.successResultOf(self.connect(server, host))
                self.assertEqual(server.read, b"secret\n", host)
                self.assertEqual(self.transcript.lines()[-1], b"welcome\n", host)
                if not isinstance(name, DNS):
                    self.assertIsNone(server.asked_for)
                elif asked_for:
                    self.assertEqual(server.asked_for, asked_for)

    def test_chains_that_prove_nothing(self) -> None:
        for context, why in (
            (self.authority.context(NAMES, days=-1), "certificate has expired"),
            (self.authority.context(NAMES, days=9), "certificate is not yet valid"),
            (Authority(self.folder / "x").context(NAMES), "unable to get local issuer"),
        ):
            failure = self.failureResultOf(self.connect(RawServer(context)))
            self.assertIn(f"certificate verify failed: {why}", str(failure.value))

    def test_nothing_passes_without_a_check(self) -> None:
        """Even if OpenSSL accepted the certificate, or never called back."""
        context = self.authority.context([DNS("*")])
        self.patch(client_tls, "_check", lambda *_: True)
        server = RawServer(context)
        self.failureResultOf(self.connect(server), UnverifiedError)
        self.assertEqual((server.read, self.transcript.events), (b"", []))

    def test_whatever_goes_wrong_in_the_check(self) -> None:
        for error in (RuntimeError("boom"), RecursionError(), MemoryError()):

            def fail(*_: object, error: Exception = error) -> None:
                raise error

            self.patch(client_tls, "verify_service_identity", fail)
            self.assert_refused([DNS("localhost")])

    def test_no_tls_at_all(self) -> None:
        server = RawServer(self.authority.context(None))
        endpoint = verified_client(self.clock, server, "localhost")
        factory = SenderFactory(self.transcript, clock=self.clock)
        protocol: Any = self.successResultOf(endpoint.connect(factory))
        ready = protocol.when_ready()
        server.client.dataReceived(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.assertTrue(server.transport.disconnecting)
        server.client.connectionLost(Failure(ConnectionDone()))
        failure = self.failureResultOf(ready, SSL.Error)
        self.assertEqual(reason_of(failure.value), "wrong version number")

    def test_every_alert_in_the_handshake_has_words(self) -> None:
        for level, number, why in (
            (1, 0, "close notify during the handshake"),
            (2, 0, "unknown TLS alert"),
            (2, 40, "handshake failure"),
            (2, 255, "unknown TLS alert"),
        ):
            server = RawServer(self.authority.context(NAMES))
            connecting = self.connect_only(server)
            server.client.dataReceived(bytes((21, 3, 3, 0, 2, level, number)))
            server.client.connectionLost(Failure(ConnectionDone()))
            failure = self.failureResultOf(connecting, SSL.Error)
            self.assertIn(why, reason_of(failure.value))
        self.assertEqual(self.flushLoggedErrors(), [])

    def connect_only(self, server: RawServer) -> Deferred[Any]:
        endpoint = verified_client(
            self.clock, server, "localhost", trust_roots=str(self.authority.roots)
        )
        factory = SenderFactory(self.transcript, clock=self.clock)
        protocol: Any = self.successResultOf(endpoint.connect(factory))
        waiting: Deferred[Any] = protocol.when_ready()
        return waiting

    def test_a_handshake_that_fails_after_the_check_is_none(self) -> None:
        """Like that of a server that asks for the client's certificate (TLS 1.2)."""
        context = self.authority.context(NAMES, version=SSL.TLS1_2_VERSION)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        server = RawServer(context)
        connecting = self.connect_only(server)
        server.talk()
        failure = self.failureResultOf(connecting, SSL.Error)
        self.assertIn("handshake failure", reason_of(failure.value))
        self.assertEqual(self.transcript.events, [])

    def test_an_alert_after_the_handshake_is_told(self) -> None:
        """Like that of a server that asks for the client's certificate (TLS 1.3)."""
        context = self.authority.context(NAMES)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        server = RawServer(context)
        connecting = self.connect_only(server)
        server.talk()
        self.successResultOf(connecting)
        [finished] = self.transcript.ends()
        self.assertIs(finished.cause, EndCause.ERROR)
        self.assertIn("alert certificate required", finished.detail)

    def test_a_server_that_ends_its_side_first(self) -> None:
        for version in VERSIONS:
            server = RawServer(self.authority.context(NAMES, version=version))
            self.successResultOf(self.connect(server))
            server.end()
            self.assertEqual(self.transcript.ends(), [])
            server.client.wrappedProtocol.write(b"last\n")
            self.clock.advance(0)
            server.talk()
            self.clock.advance(1)
            producer: Any = server.transport.producer
            producer.resumeProducing()  # The kernel has all bytes.
            self.clock.advance(0)
            server.talk()
            self.assertEqual(server.read, b"secret\nlast\n")
            [finished] = self.transcript.ends()
            self.assertIs(finished.cause, EndCause.EOF)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.transcript = Transcript(clock=self.clock)

    def test_insecure_asks_for_a_name_and_believes_anybody(self) -> None:
        server = RawServer(self.authority.context(None))
        endpoint = insecure_client(self.clock, server, "localhost")
        connecting = endpoint.connect(SenderFactory(self.transcript, clock=self.clock))
        protocol: Any = self.successResultOf(connecting)
        server.talk()
        protocol.write(b"hello\n")
        self.clock.advance(0)
        server.talk()
        self.assertEqual((server.asked_for, server.read), (b"localhost", b"hello\n"))

    def test_files_that_are_missing_or_wrong(self) -> None:
        (self.folder / "empty").mkdir()
        (self.folder / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nx")
        server = RawServer(self.authority.context(None))
        wrong: tuple[tuple[dict[str, Any], str], ...] = (
            ({"trust_roots": f"{self.folder}/none"}, "none: No such file"),
            ({"trust_roots": f"{self.folder}/empty"}, "empty: no certificate"),
            ({"certificate": f"{self.folder}/none"}, "none: No such file"),
            ({"certificate": f"{self.folder}/bad.pem"}, "bad.pem: "),
            ({"certificate": f"{self.authority.roots}/ca.pem"}, "ca.pem: "),
        )
        for keywords, why in wrong:
            with self.assertRaisesRegex(ValueError, why):
                verified_client(self.clock, server, "localhost", **keywords)
        for host in ("", "1234", "a" * 70 + "\xfc", "a b"):
            with self.assertRaisesRegex(
                ValueError, "cannot be a name in a certificate"
            ):
                verified_client(self.clock, server, host)

    def test_twisted_has_not_mended_it(self) -> None:
        """When this fails, Twisted's own ``tls:`` can be trusted again."""
        server = RawServer(self.authority.context([DNS("*")]))
        creator = optionsForClientTLS("localhost", self.authority.certificate)
        endpoint = wrapClientTLS(creator, server, self.clock)
        factory = SenderFactory(self.transcript, clock=self.clock)
        protocol: Any = self.successResultOf(endpoint.connect(factory))
        protocol.write(b"secret\n")
        self.clock.advance(0)
        server.talk()
        self.assertEqual(server.read, b"secret\n")
        self.assertNotEqual(self.flushLoggedErrors(), [])
