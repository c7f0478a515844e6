"""The certificate of one run."""

from __future__ import annotations

import ssl
import stat
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from twisted.trial.unittest import SynchronousTestCase

from echolab.tls.throwaway import ThrowAway


class ThrowAwayTests(SynchronousTestCase):
    def make(self, interface: str = "", *, host: str = "lab") -> ThrowAway:
        with mock.patch("socket.gethostname", return_value=host):
            made = ThrowAway(interface)
        self.addCleanup(made.remove)
        return made

    def test_names(self) -> None:
        usual = ["localhost", "127.0.0.1", "::1"]
        for interface, host, more in (
            ("", "lab", ["lab"]),
            ("0.0.0.0", "Lab-1.Example", ["lab-1.example"]),
            ("::", "localhost", []),
            ("192.0.2.7", "1234", ["192.0.2.7"]),
            ("fe80::1%lo", "la b", ["fe80::1"]),
            ("127.0.0.1", "*.lab", []),
            ("::1", "x" * 64, []),
            ("", "", []),
        ):
            made = self.make(interface, host=host)
            self.assertEqual(made.names, usual + more)

    def test_strict_clients_take_it(self) -> None:
        made = self.make("192.0.2.7")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(made.certificate)
        client = ssl.create_default_context(cafile=made.ca)
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        for name in made.names:
            down, up = ssl.MemoryBIO(), ssl.MemoryBIO()
            one = client.wrap_bio(down, up, server_hostname=name)
            other = server.wrap_bio(up, down, server_side=True)
            for side in (one, other, one, other):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
            self.assertIsNotNone(one.getpeercert())

    def test_files(self) -> None:
        made, other = self.make(), self.make()
        folder = made.ca.parent
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(made.certificate.stat().st_mode), 0o600)
        self.assertEqual(made.ca.read_bytes().count(b"BEGIN"), 1)
        self.assertNotIn(b"PRIVATE", made.ca.read_bytes())
        own = x509.load_pem_x509_certificate(made.certificate.read_bytes())
        self.assertEqual(own.fingerprint(SHA256()).hex(":").upper(), made.fingerprint)
        self.assertNotEqual(made.fingerprint, other.fingerprint)
        made.forget_key()
        self.assertEqual(list(folder.iterdir()), [made.ca])
        made.remove()
        made.remove()
        self.assertFalse(folder.exists())
