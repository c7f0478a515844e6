"""TLS for clients: no data passes until the server has proved its identity.

Imported only when TLS is used, because it needs the extra ``tls``.
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

    from echolab.tls.key_log import KeyLog

__all__ = ["insecure_client", "verified_client", "verified_creator"]

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
    key_log: KeyLog | None = None,
) -> IStreamClientEndpoint:
    """Connect with TLS, only to a server that proves to be ``host``.

    Args:
        clock: tells the time.
        endpoint: where to connect.
        host: as for `verified_creator`.
        certificate: as for `verified_creator`.
        private_key: as for `verified_creator`.
        trust_roots: as for `verified_creator`.
        key_log: takes the secrets of the connections, if given.

    Returns:
        An endpoint. If the server does not prove its name, the connection fails with
        an `UnverifiedError` before anything is sent or received.

    Raises:
        ValueError: a file cannot be read, or ``host`` is not a valid name.
    """
    creator = verified_creator(
        host, certificate, private_key, trust_roots=trust_roots, key_log=key_log
    )
    return wrapClientTLS(creator, endpoint, clock)


def verified_creator(
    host: str,
    certificate: str | None = None,
    private_key: str | None = None,
    *,
    trust_roots: str | None = None,
    key_log: KeyLog | None = None,
) -> IOpenSSLClientConnectionCreator:
    """Create TLS connections, only to a server that proves to be ``host``.

    For Twisted's ``wrapClientTLS`` and ``transport.startTLS``, and for an agent's
    ``IPolicyForHTTPS``. Twisted's own check rejects a certificate only on
    ``VerificationError``. It accepts certificates whose names service_identity cannot
    read (``CertificateError``).

    Args:
        host: the name or IP address to prove; a name is also sent to the server (SNI).
        certificate: path of the client's certificate, in PEM, if the server asks;
            further certificates in the file are its chain.
        private_key: path of its key; by default the same file.
        trust_roots: path of a folder with the certificates to trust (``*.pem``);
            by default the system's.
        key_log: takes the secrets of the connections, if given.

    Returns:
        The creator of the connections. If the server does not prove its name, the
        handshake fails with an `UnverifiedError` before anything is sent or received.

    Raises:
        ValueError: a file cannot be read, or ``host`` is not a valid name.
    """
    trust = platformTrust() if trust_roots is None else _trust(trust_roots)
    context = _context(certificate, private_key, trustRoot=trust)
    if key_log is not None:
        key_log.watch(context)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _check)
    name = _name(host)
    return _Creator(lambda: _VerifiedConnection(context, name), name)


def insecure_client(
    clock: IReactorTime,
    endpoint: IStreamClientEndpoint,
    host: str,
    certificate: str | None = None,
    private_key: str | None = None,
    key_log: KeyLog | None = None,
) -> IStreamClientEndpoint:
    """Connect with TLS, without any check of the server's identity.

    Args:
        clock: tells the time.
        endpoint: where to connect.
        host: the name to send to the server (SNI).
        certificate: as for `verified_creator`.
        private_key: as for `verified_creator`.
        key_log: takes the secrets of the connections, if given.

    Raises:
        ValueError: a file cannot be read, or ``host`` is not a valid name.
    """
    context = _context(certificate, private_key, verify=False)
    if key_log is not None:
        key_log.watch(context)
    creator = _Creator(lambda: TLSConnection(context, None), _name(host))
    return wrapClientTLS(creator, endpoint, clock)


def _context(
    certificate: str | None, private_key: str | None, **trust: Any
) -> SSL.Context:
    """Return a TLS context, with the client's certificate if there is one."""
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
        # Twisted passes pyOpenSSL's own objects to pyOpenSSL.
        warnings.filterwarnings("ignore", "Passing pyOpenSSL", DeprecationWarning)
        return options.getContext()


def _trust(folder: str) -> Any:
    """Return the trusted certificates in a folder; skip bad ones, as Twisted does."""
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
    """Return the identity that a server of this name or address has to prove."""
    if isIPAddress(host) or isIPv6Address(host):
        return IPAddress_ID(host.partition("%")[0])
    # A name in a certificate or in SNI has no dot at the end (RFC 6066, 3), and idna
    # accepts lower case only.
    name = host.removesuffix(".").lower()
    try:
        return DNS_ID(name)
    except ValueError as error:  # The base class of idna's errors, too.
        raise ValueError(f"{host} cannot be a name in a certificate: {error}") from None


@implementer(IOpenSSLClientConnectionCreator)
class _Creator:
    """Make connections that send the server's name (SNI)."""

    def __init__(self, connect: Callable[[], SSL.Connection], name: _Name) -> None:
        self._connect = connect
        self._name = name

    def clientConnectionForTLS(self, _protocol: object) -> SSL.Connection:
        """Make one connection."""
        connection = self._connect()
        if isinstance(self._name, DNS_ID):  # SNI allows no address (RFC 6066).
            connection.set_tlsext_host_name(self._name.hostname)
        return connection


class _NotVerifiedError(SSL.Error, UnverifiedError):
    """An error that Twisted's TLS transport treats as a failed handshake."""

    def __init__(self, reason: str) -> None:
        super().__init__([("", "", reason)])

    @override
    def __str__(self) -> str:
        [(_, _, reason)] = self.args[0]
        return str(reason)


class _VerifiedConnection(TLSConnection):
    """A connection on which no data passes until the server has proved its name.

    The check runs while OpenSSL verifies the certificate. So a server that fails it
    gets an alert, and does not get the client's certificate.

    Args:
        context: a context whose callback is `_check`.
        name: the identity that the server has to prove.

    Attributes:
        fault: why the server is not trusted; empty once it is.
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
                raise  # The certificate is not the reason.
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
    """Note OpenSSL's result for one certificate of a chain; check the first's name."""
    assert isinstance(connection, _VerifiedConnection)
    if not good:
        connection.fault = f"certificate verify failed: {chain_fault(number)}"
    elif depth == 0:
        connection.fault = _name_fault(certificate, connection.name)
    return bool(good and (depth or not connection.fault))


def _check_spelling(certificate: X509) -> None:
    """Refuse names that OpenSSL and service_identity read differently.

    service_identity strips white space, OpenSSL does not. So OpenSSL would check a
    CA's name constraints for another name.

    Raises:
        ValueError: a name has white space.
    """
    extensions = certificate.to_cryptography().extensions
    with suppress(ExtensionNotFound):
        names = extensions.get_extension_for_class(SubjectAlternativeName).value
        for name in names.get_values_for_type(DNSName):
            if name != "".join(name.split()):
                raise ValueError("white space in a name")


def _name_fault(certificate: X509, name: _Name) -> str:
    """Return why a certificate does not prove ``name``; empty if it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # A server must not write to our stderr.
            _check_spelling(certificate)
            verify_service_identity(extract_patterns(certificate), [name], [])
    except VerificationError:
        return "the certificate is for another name"
    except Exception as error:  # After any error the name is not proved.
        why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        shown = escape(why[:_MOST_SHOWN].encode()).decode()
        return f"the name in the certificate cannot be checked: {shown}"
    return ""
