"""TLS for a client: nothing passes until the server has proved who it is.

Nothing else imports this module, since it needs the extra ``tls``.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cryptography.x509 import (
    DNSName,
    ExtensionNotFound,
    SubjectAlternativeName,
)
from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_PEM, X509, load_certificate, load_privatekey
from service_identity import VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    platformTrust,
    trustRootFromCertificates,
)
from typing_extensions import override
from zope.interface import implementer

from echolab.errors import UnverifiedError
from echolab.escaping import escape
from echolab.tls.chain_faults import chain_fault
from echolab.tls.connection import TLSConnection
from echolab.tls.pem import certificates, reading, unencrypted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

__all__ = ["insecure_client", "verified_client"]

_MOST_SHOWN = 200

_UNCHECKED = "the certificate was not checked"

_Name: TypeAlias = DNS_ID | IPAddress_ID


def verified_client(
    clock: IReactorTime,
    endpoint: IStreamClientEndpoint,
    host: str,
    certificate: str | None = None,
    private_key: str | None = None,
    *,
    trust_roots: str | None = None,
) -> IStreamClientEndpoint:
    """Do TLS with a server that proves to be ``host``, and with no other.

    Twisted's own check lets through certificates whose names service_identity
    cannot read (``CertificateError``): it rejects on ``VerificationError`` only.

    Args:
        clock: tells the time.
        endpoint: where to connect.
        host: the name or IP address to prove; a name is asked for too (SNI).
        certificate: path of a certificate of ours, in PEM, if the server asks;
            others behind it are taken for its chain.
        private_key: path of its key; the same file, if none is given.
        trust_roots: path of a folder with the certificates to trust (``*.pem``);
            the system's, if none is given.

    Returns:
        An endpoint whose connections fail with an `UnverifiedError`, before
        anything is sent or received, if the server does not prove that.

    Raises:
        ValueError: a file cannot be read, or ``host`` is no name.
    """
    trust = platformTrust() if trust_roots is None else _trust(trust_roots)
    context = _context(certificate, private_key, trustRoot=trust)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _check)
    name = _name(host)

    def connect() -> SSL.Connection:
        return _VerifiedConnection(context, name)

    return wrapClientTLS(_Creator(connect, name), endpoint, clock)


def insecure_client(
    clock: IReactorTime,
    endpoint: IStreamClientEndpoint,
    host: str,
    certificate: str | None = None,
    private_key: str | None = None,
) -> IStreamClientEndpoint:
    """Do TLS with whoever answers; nothing proves who that is.

    Args:
        clock: tells the time.
        endpoint: where to connect.
        host: the name that is asked for (SNI).
        certificate: as for `verified_client`.
        private_key: likewise.

    Raises:
        ValueError: a file cannot be read, or ``host`` is no name.
    """
    context = _context(certificate, private_key, verify=False)
    creator = _Creator(lambda: TLSConnection(context, None), _name(host))
    return wrapClientTLS(creator, endpoint, clock)


def _context(
    certificate: str | None, private_key: str | None, **trust: Any
) -> SSL.Context:
    """How to do TLS, with a certificate of our own if there is one."""
    own, key, chain = None, None, None
    if certificate is not None:
        with reading(certificate):
            pems = certificates(certificate)
            own, *chain = [load_certificate(FILETYPE_PEM, each) for each in pems]
        with reading(private_key or certificate):
            pem = unencrypted(private_key or certificate)
            key = load_privatekey(FILETYPE_PEM, pem)
    options = CertificateOptions(
        privateKey=key, certificate=own, extraCertChain=chain, **trust
    )
    with reading(f"{certificate}, {private_key}"), warnings.catch_warnings():
        # Twisted hands pyOpenSSL what pyOpenSSL made.
        warnings.filterwarnings("ignore", "Passing pyOpenSSL", DeprecationWarning)
        return options.getContext()


def _trust(folder: str) -> Any:
    """The certificates to trust in a folder; as in Twisted, the bad ones are not."""
    found: list[Certificate] = []
    with reading(folder):
        paths = [each for each in Path(folder).iterdir() if each.suffix == ".pem"]
    for path in paths:
        with suppress(OSError, ValueError, SSL.Error):
            found += map(Certificate.loadPEM, certificates(str(path)))
    if not found:
        raise ValueError(f"{folder}: no certificate in a .pem file there")
    return trustRootFromCertificates(found)


def _name(host: str) -> _Name:
    """What a server of that name or address has to prove."""
    if isIPAddress(host) or isIPv6Address(host):
        return IPAddress_ID(host.partition("%")[0])
    # A certificate has no dot at the end, nor has SNI (RFC 6066, 3); and idna knows
    # lower case only.
    name = host.removesuffix(".").lower()
    try:
        return DNS_ID(name)
    except ValueError as error:  # The errors of idna are that, too.
        raise ValueError(f"{host} is no name for a certificate: {error}") from None


@implementer(IOpenSSLClientConnectionCreator)
class _Creator:
    """Makes connections, which ask for a name."""

    def __init__(self, connect: Callable[[], SSL.Connection], name: _Name) -> None:
        self._connect = connect
        self._name = name

    def clientConnectionForTLS(self, _protocol: object) -> SSL.Connection:
        """Make one connection."""
        connection = self._connect()
        if isinstance(self._name, DNS_ID):  # No address may be asked for (RFC 6066).
            connection.set_tlsext_host_name(self._name.hostname)
        return connection


class _NotVerifiedError(SSL.Error, UnverifiedError):
    """What Twisted's TLS transport takes for a failed handshake."""

    def __init__(self, reason: str) -> None:
        super().__init__([("", "", reason)])

    @override
    def __str__(self) -> str:
        [(_, _, reason)] = self.args[0]
        return str(reason)


class _VerifiedConnection(TLSConnection):
    """One on which nothing passes until the server has proved its name.

    The check is made while OpenSSL verifies the certificate, so that a server
    that fails it is told so and gets no certificate of ours.

    Args:
        context: has `_check` for its callback.
        name: what the server has to prove.

    Attributes:
        fault: why the server is not believed; empty once it is.
    """

    def __init__(self, context: SSL.Context, name: _Name) -> None:
        super().__init__(context, None)
        self.name = name
        self.fault = _UNCHECKED

    @override
    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except SSL.WantReadError:
            raise
        except SSL.Error:
            if self.fault in ("", _UNCHECKED):
                raise  # It is not about the certificate.
        if self.fault:
            raise _NotVerifiedError(self.fault)

    @override
    def send(self, buf: Any, flags: int = 0) -> int:
        self._check_verified()
        return super().send(buf, flags)

    @override
    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        self._check_verified()
        return super().recv(bufsiz, flags)

    def _check_verified(self) -> None:
        if self.fault:
            raise SSL.WantReadError  # As during any handshake.


def _check(
    connection: SSL.Connection, certificate: X509, number: int, depth: int, good: int
) -> bool:
    """Take OpenSSL's verdict on one certificate of a chain; the first has a name."""
    assert isinstance(connection, _VerifiedConnection)
    if not good:
        connection.fault = f"certificate verify failed: {chain_fault(number)}"
    elif depth == 0:
        connection.fault = _name_fault(certificate, connection.name)
    return bool(good and (depth or not connection.fault))


def _check_spelling(certificate: X509) -> None:
    """Refuse names that OpenSSL and service_identity do not read alike.

    The latter takes white space off, the former does not: what it says of a CA's
    name constraints would be said of another name.

    Raises:
        ValueError: there is white space in one.
    """
    extensions = certificate.to_cryptography().extensions
    with suppress(ExtensionNotFound):
        names = extensions.get_extension_for_class(SubjectAlternativeName).value
        for name in names.get_values_for_type(DNSName):
            if name != "".join(name.split()):
                raise ValueError("white space in a name")


def _name_fault(certificate: X509, name: _Name) -> str:
    """Why a certificate is not that of ``name``; empty if it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # A server may not write to our stderr.
            _check_spelling(certificate)
            verify_service_identity(extract_patterns(certificate), [name], [])
    except VerificationError:
        return "the certificate is for another name"
    except Exception as error:  # Whatever it is: the name has not been proved.
        why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        shown = escape(why[:_MOST_SHOWN].encode()).decode()
        return f"the certificate proves no name: {shown}"
    return ""
