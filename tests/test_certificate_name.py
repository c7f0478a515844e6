"""Names in certificates, in every encoding that a CA can sign."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificate
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab.tls.certificate_name import MOST_CHARACTERS, common_name
from tests.support import Client, Program, write_certificates

UTF8, PRINTABLE, TELETEX, IA5, UNIVERSAL, BMP = 12, 19, 20, 22, 28, 30
OCTETS = 4
COMMON_NAME = bytes.fromhex("0603550403")
ORGANIZATION = bytes.fromhex("060355040a")
ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
KEY = ec.generate_private_key(ec.SECP256R1())


def der(tag: int, *contents: bytes) -> bytes:
    """An element: tag, length, contents."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def attribute(tag: int, value: bytes, kind: bytes = COMMON_NAME) -> bytes:
    return der(0x31, der(0x30, kind, der(tag, value)))


def certificate(
    *subject: bytes, signer: ec.EllipticCurvePrivateKey = KEY, issuer: bytes = b"0\0"
) -> bytes:
    """Return a certificate of any subject, in DER; ``cryptography`` would refuse it."""
    signed = der(
        0x30,
        der(0xA0, der(2, b"\2")),
        der(2, b"\7"),
        ECDSA_WITH_SHA256,
        issuer,
        der(0x30, der(23, b"200101000000Z"), der(23, b"491231235959Z")),
        der(0x30, *subject),
        KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    signature = signer.sign(signed, ec.ECDSA(SHA256()))
    return der(0x30, signed, ECDSA_WITH_SHA256, der(3, b"\0", signature))


ALICE = certificate(attribute(UTF8, b"alice"))


class CommonNameTests(SynchronousTestCase):
    def test_encodings(self) -> None:
        for tag, value, name in (
            (UTF8, "ä\u05d0".encode(), "ä\u05d0"),
            (PRINTABLE, b"alice@example.com", "alice@example.com"),
            (PRINTABLE, b"caf\xe9_*", "café_*"),
            (TELETEX, b"caf\xe9", "café"),
            (IA5, b"a\0b", "a\0b"),
            (BMP, "한글".encode("utf-16-be"), "한글"),
            (UNIVERSAL, "😀".encode("utf-32-be"), "😀"),
            (UTF8, b"x" * MOST_CHARACTERS, "x" * MOST_CHARACTERS),
            (UTF8, b"", None),
        ):
            self.assertEqual(common_name(certificate(attribute(tag, value))), name)

    def test_no_name_and_several(self) -> None:
        self.assertIsNone(common_name(certificate()))
        self.assertIsNone(common_name(certificate(attribute(UTF8, b"x", ORGANIZATION))))
        users, alice = attribute(UTF8, b"Users"), attribute(PRINTABLE, b"alice")
        other = attribute(UTF8, b"x", ORGANIZATION)
        self.assertEqual(common_name(certificate(users, alice, other)), "alice")
        both = der(0x31, *(each[2:] for each in (users, alice)))
        self.assertEqual(common_name(certificate(both)), "alice")

    def test_what_is_no_name_is_refused_with_the_reason(self) -> None:
        for tag, value, reason in (
            (UTF8, b"\xff", "is not valid text"),
            (BMP, b"\xd8\x00", "is not valid text"),
            (BMP, b"odd", "is not valid text"),
            (UNIVERSAL, b"\x7f\xff\xff\xff", "is not valid text"),
            (OCTETS, b"alice", "is not valid text"),
            (UTF8, b"x" * 65536, "is over 256 characters"),
        ):
            with self.assertRaisesRegex(ValueError, reason):
                common_name(certificate(attribute(tag, value)))

    @given(st.data())
    def test_nothing_but_a_value_error(self, data: st.DataObject) -> None:
        whole = bytearray(ALICE)
        for _ in range(data.draw(st.integers(1, 4))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(
                st.integers(0, 255)
            )
        size = data.draw(st.integers(0, len(whole)))
        for each in bytes(whole), bytes(whole[:size]):
            with contextlib.suppress(ValueError):
                common_name(each)


class ServerTests(SynchronousTestCase):
    """A server that asks for certificates, and clients with unusual names."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        write_certificates(self.folder, server="localhost")
        pem = (self.folder / "ca.pem").read_bytes()
        self.issuer = load_pem_x509_certificate(pem).subject.public_bytes()

    def connect(self, port: int, *subject: bytes) -> None:
        """Connect with a name, send a line and end."""
        own = self.folder / "own.pem"
        key = load_pem_private_key((self.folder / "ca-key.pem").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signed = certificate(*subject, signer=key, issuer=self.issuer)
        private = KEY.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()
        own.write_text(private + ssl.DER_cert_to_PEM_cert(signed))
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        context.load_cert_chain(own)
        with (
            contextlib.suppress(ConnectionError, ssl.SSLError),
            Client(port) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as client,
        ):
            client.sendall(b"hello\n")
            client.unwrap()

    def test_every_name_is_shown_or_refused(self) -> None:
        server = self.enterContext(
            Program(
                *("server", "--format", "log"),
                *("--client-ca", f"{self.folder}/ca.pem", "--listen"),
                f"ssl:0:interface=127.0.0.1:privateKey={self.folder}/server.pem",
            )
        )
        port = server.port()
        for tag, value, said in (
            (PRINTABLE, b"alice@example.com", rb" alice\x40example.com@127.0.0.1:"),
            (BMP, "한글".encode("utf-16-be"), " 한글@127.0.0.1:".encode()),
            (UNIVERSAL, "a\u202e".encode("utf-32-be"), rb" a\u202e@127.0.0.1:"),
            (TELETEX, b"a] recv b", rb" a\x5d\x20recv\x20b@127.0.0.1:"),
        ):
            self.connect(port, attribute(tag, value))
            server.wait_for(said)
        server.wait_for(b" recv hello\n", times=4)
        self.connect(port, attribute(UTF8, b"x" * 65536))
        server.wait_for(b" handshake: the common name in the certificate is over 256")
        server.process.terminate()
        server.end()
        self.assertEqual(server.out.count(b" recv hello\n"), 4)
        self.assertNotIn(b"Traceback", server.err)
        self.assertNotIn(b"Warning", server.err)
