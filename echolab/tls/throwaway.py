"""A certificate for one run of a server, signed by a temporary CA."""

from __future__ import annotations

import datetime
import re
import shutil
import socket
import tempfile
import weakref
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.logger import Logger

__all__ = ["ThrowAway"]

_log = Logger()

DAYS = 825
"""How long the certificate is valid: the most that the strictest clients accept."""

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.*[a-z])({_LABEL}\.)*{_LABEL}")


class ThrowAway:
    """A certificate for this machine's names, in a private folder.

    The key of the CA is never in a file, and is forgotten: it signs nothing else.

    Args:
        interface: the IP address of the server; empty for all.

    Attributes:
        names: the names in the certificate: ``localhost``, ``127.0.0.1``, ``::1``,
            the host's name, the interface.
        fingerprint: its SHA-256, in the form of ``openssl x509 -fingerprint``.
        certificate: path of the certificate and its key, in PEM; see `forget_key`.
        ca: path of the certificate of the CA, which is not secret.
    """

    def __init__(self, interface: str = "") -> None:
        self.names = _names(interface)
        folder = Path(tempfile.mkdtemp(prefix="echolab-"))
        # Runs at the interpreter's exit at the latest.
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.certificate, self.ca = folder / "server.pem", folder / "ca.pem"
        ca, own, key = _sign(self.names)
        self.fingerprint = own.fingerprint(SHA256()).hex(":").upper()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.certificate.touch(0o600)
        self.certificate.write_bytes(pem + own.public_bytes(Encoding.PEM))
        self.ca.write_bytes(ca.public_bytes(Encoding.PEM))

    def remove(self) -> None:
        """Remove the folder; keep this object alive until then."""
        self._remove()

    def tell(self) -> None:
        """Log the names, the fingerprint, and how clients can trust the certificate."""
        _log.info(
            "certificate made for {names}: SHA-256 {fingerprint}",
            names=", ".join(self.names),
            fingerprint=self.fingerprint,
        )
        _log.info("clients trust it with SSL_CERT_FILE={ca}", ca=self.ca)

    def forget_key(self) -> None:
        """Remove the file with the key, once it is loaded."""
        self.certificate.unlink()


def _names(interface: str) -> list[str]:
    """Return the names of this machine that a client may use."""
    names = ["localhost", "127.0.0.1", "::1"]
    host = socket.gethostname().lower()
    if _HOST_NAME.fullmatch(host):  # It may be any text (sethostname(2)).
        names.append(host)
    if interface:
        address = ip_address(interface.partition("%")[0])
        if not address.is_unspecified:
            names.append(str(address))
    return list(dict.fromkeys(names))


def _sign(
    names: list[str],
) -> tuple[x509.Certificate, x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Make a CA and sign with it; strictly as in RFC 5280, for strict clients."""
    signer = ec.generate_private_key(ec.SECP256R1())
    issuer = _named("echolab throw-away CA")
    ca = (
        _begin(issuer, issuer, signer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(signer, SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives: list[x509.GeneralName] = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    own = (
        _begin(_named("echolab server"), issuer, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
        .sign(signer, SHA256())
    )
    return ca, own, key


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A client's clock may be slow.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS - 1))
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Return the key usage: a CA signs certificates, a server signs handshakes."""
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
