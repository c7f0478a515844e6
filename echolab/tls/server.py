"""TLS for servers; imported only when used, because it needs the extra ``tls``."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from OpenSSL.crypto import FILETYPE_PEM, X509, load_certificate, load_privatekey
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory

from echolab.tls.pem import BEGIN, certificates, pem_bytes, reading, unencrypted
from echolab.tls.server_connection import NamedServerConnections, ServerConnections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.interfaces import (
        IOpenSSLServerConnectionCreator,
        IReactorTime,
    )

    from echolab.interfaces import AnyFactory
    from echolab.tls.key_log import KeyLog

__all__ = ["check_folder", "server_options", "wrap"]


_TWISTED_BYTES = 30_000
"""How many bytes of certificates Twisted can sort in an acceptable time."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warning that Twisted passes pyOpenSSL's own objects to pyOpenSSL."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Passing pyOpenSSL", DeprecationWarning)
        yield


def server_options(
    *,
    private_key: str,
    certificate: str,
    chain: str | None = None,
    client_ca: str | None = None,
    key_log: KeyLog | None = None,
) -> CertificateOptions:
    """Return the options for a server's certificate, and for those of its clients.

    Args:
        private_key: path of the private key, in PEM, not encrypted.
        certificate: path of the certificate, in PEM; further certificates in the
            file are its chain.
        chain: path of further certificates of the chain.
        client_ca: path of the certificates of which one must have signed a client's;
            by default clients need no certificate.
        key_log: takes the secrets of the connections, if given.

    Raises:
        ValueError: a file cannot be read, or is not valid.
    """
    with reading(private_key):
        key = load_privatekey(FILETYPE_PEM, unencrypted(private_key))
    with reading(certificate):
        own, *others = _loaded(certificate)
    if chain is not None:
        with reading(chain):
            others += _loaded(chain)
    trust = None
    if client_ca is not None:
        with reading(client_ca):
            trust = trustRootFromCertificates(
                [Certificate.loadPEM(each) for each in certificates(client_ca)]
            )
    with reading(f"{private_key}, {certificate}"), _quiet():
        options = CertificateOptions(
            privateKey=key,
            certificate=own,
            extraCertChain=others,
            trustRoot=trust,
        )
        context = options.getContext()
    if key_log is not None:
        key_log.watch(context)
    return options


def _loaded(path: str) -> list[X509]:
    return [load_certificate(FILETYPE_PEM, each) for each in certificates(path)]


def check_folder(folder: str) -> None:
    """Check the folder of certificates of a ``tls:`` endpoint.

    Args:
        folder: path of a folder with keys and certificates, in PEM.

    Raises:
        ValueError: it is not a folder, or has a chain too long for Twisted to sort.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ValueError(f"{folder}: No such folder of certificates")
    for each in sorted(path.glob("*.pem")):
        _, *chain = pem_bytes(str(each)).split(BEGIN)
        if sum(map(len, chain)) * 3 // 4 > _TWISTED_BYTES:  # base64
            raise ValueError(f"{each}: a chain too long for tls:; use ssl:")


def wrap(
    factory: AnyFactory,
    options: CertificateOptions | IOpenSSLServerConnectionCreator,
    clock: IReactorTime,
) -> TLSMemoryBIOFactory:
    """Put TLS in front of a factory.

    Args:
        factory: makes the protocols.
        options: the options of one certificate; or Twisted's connection creator, with
            several certificates.
        clock: tells the time.
    """
    creator: IOpenSSLServerConnectionCreator
    if isinstance(options, CertificateOptions):
        creator = ServerConnections(options)
    else:
        creator = NamedServerConnections(options)
    return TLSMemoryBIOFactory(creator, False, factory, clock)
