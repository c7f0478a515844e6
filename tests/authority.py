"""A trusted certificate authority that signs bad certificates."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from OpenSSL import SSL
from twisted.internet.ssl import Certificate

if TYPE_CHECKING:
    from pathlib import Path

Names: TypeAlias = "list[x509.GeneralName] | bytes | None"
"""The content of a subjectAltName: names, or its DER; None for no extension."""


class Authority:
    """A trusted CA that signs anything."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.roots = folder / "roots"
        self.roots.mkdir(parents=True)
        self._ca.cert_pem.write_to_path(str(self.roots / "ca.pem"))
        self.certificate = Certificate.loadPEM(self._ca.cert_pem.bytes())

    def sign(
        self, names: Names, *, days: int = 1
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Sign a certificate with a subjectAltName, valid for some days."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        now = datetime.datetime.now(datetime.UTC)
        end = now + datetime.timedelta(days=days)
        common_name = x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([common_name]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - datetime.timedelta(days=3))
            .not_valid_after(end)
        )
        kind = x509.oid.ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        if isinstance(names, bytes):
            unread = x509.UnrecognizedExtension(kind, names)
            builder = builder.add_extension(unread, critical=False)
        elif names is not None:
            alternative = x509.SubjectAlternativeName(names)
            builder = builder.add_extension(alternative, critical=False)
        signer: Any = serialization.load_pem_private_key(
            self._ca.private_key_pem.bytes(), None
        )
        return builder.sign(signer, SHA256()), key

    def write(self, path: Path, names: Names) -> None:
        """Write the key and the certificate of a server to a PEM file."""
        certificate, key = self.sign(names)
        path.write_bytes(
            key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(Encoding.PEM)
        )

    def context(
        self, names: Names, *, days: int = 1, version: int = SSL.TLS1_3_VERSION
    ) -> SSL.Context:
        """Return the options of a server with such a certificate."""
        certificate, key = self.sign(names, days=days)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        return context
