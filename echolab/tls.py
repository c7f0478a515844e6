"""TLS, for those who have the extra ``tls`` installed; nothing else imports it."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_PEM, Error, load_certificate, load_privatekey
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from typing_extensions import override
from zope.interface import implementer

from echolab.errors import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.interfaces import (
        IAddress,
        IProtocolFactory,
        IReactorTime,
        IStreamClientEndpoint,
    )

__all__ = ["insecure_client", "server_options", "wrap"]

_BEGIN = b"-----BEGIN CERTIFICATE-----"


def _certificates(path: str) -> list[bytes]:
    """The certificates of a PEM file, each on its own."""
    _, *rest = Path(path).read_bytes().split(_BEGIN)
    if not rest:
        raise ValueError(f"{path}: no certificate in it")
    return [_BEGIN + each for each in rest]


def _unencrypted(path: str) -> bytes:
    """A PEM file, unless its key is encrypted: OpenSSL would ask for a phrase."""
    pem = Path(path).read_bytes()
    if b"ENCRYPTED" in pem:
        raise ValueError(f"{path}: the key is encrypted")
    return pem


@contextmanager
def _quiet() -> Iterator[None]:
    """Have nobody told that Twisted hands pyOpenSSL what pyOpenSSL made."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Passing pyOpenSSL", DeprecationWarning)
        yield


def server_options(
    *,
    private_key: str,
    certificate: str,
    chain: str | None = None,
    client_ca: str | None = None,
) -> CertificateOptions:
    """How a server proves who it is, and whether it asks the same of clients.

    Args:
        private_key: path of its private key, in PEM, not encrypted.
        certificate: path of its certificate, in PEM; others behind it are taken
            for its chain.
        chain: path of further certificates of its chain.
        client_ca: path of the certificates that must have signed a client's; if
            none is given, clients need no certificate.

    Raises:
        ValueError: a file cannot be read, or is not what it should be.
    """
    reading = private_key
    try:
        key = load_privatekey(FILETYPE_PEM, _unencrypted(reading))
        reading = certificate
        own, *others = _certificates(reading)
        if chain is not None:
            reading = chain
            others += _certificates(reading)
        loaded = [load_certificate(FILETYPE_PEM, each) for each in (own, *others)]
        trust = None
        if client_ca is not None:
            reading = client_ca
            trust = trustRootFromCertificates(
                [Certificate.loadPEM(each) for each in _certificates(reading)]
            )
        options = CertificateOptions(
            privateKey=key,
            certificate=loaded[0],
            extraCertChain=loaded[1:],
            trustRoot=trust,
        )
        reading = f"{private_key}, {certificate}"
        with _quiet():
            options.getContext()
    except OSError as error:
        raise ValueError(f"{reading}: {reason_of(error)}") from None
    except (SSL.Error, Error) as error:
        why = error.args[0][-1][-1] if error.args and error.args[0] else error
        raise ValueError(f"{reading}: {why}") from None
    return options


def wrap(
    factory: IProtocolFactory, options: CertificateOptions, clock: IReactorTime
) -> TLSMemoryBIOFactory:
    """Put TLS in front of a factory."""
    return _TLSFactory(options, False, factory, clock)


def insecure_client(
    endpoint: IStreamClientEndpoint,
    host: str,
    certificate: str | None = None,
    private_key: str | None = None,
) -> IStreamClientEndpoint:
    """Do TLS with whoever answers; nothing proves who that is.

    Args:
        endpoint: where to connect.
        host: the name that is asked for (SNI).
        certificate: path of a certificate of ours, in PEM, if the server asks.
        private_key: path of its key.
    """
    own = key = None
    if certificate is not None:
        own = load_certificate(FILETYPE_PEM, _certificates(certificate)[0])
        pem = _unencrypted(private_key or certificate)
        key = load_privatekey(FILETYPE_PEM, pem)
    options = CertificateOptions(privateKey=key, certificate=own, verify=False)
    with _quiet():
        context = options.getContext()
    return wrapClientTLS(_Unverified(context, host), endpoint)


@implementer(IOpenSSLClientConnectionCreator)
class _Unverified:
    """Asks for a name, and believes anybody."""

    def __init__(self, context: SSL.Context, host: str) -> None:
        self._context = context
        self._host = host

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        """Make one connection."""
        connection = SSL.Connection(self._context, None)
        connection.set_app_data(protocol)
        if not (isIPAddress(self._host) or isIPv6Address(self._host)):
            connection.set_tlsext_host_name(self._host.encode("idna"))
        return connection


class _TLSFactory(TLSMemoryBIOFactory):
    """Refuses whom the factory behind it refuses."""

    noisy = False

    @override
    def buildProtocol(self, addr: IAddress | None) -> Any:
        wrapped = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else self.protocol(self, wrapped)
