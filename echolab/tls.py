"""TLS, for those who have the extra ``tls`` installed; nothing else imports it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_PEM, Error, load_certificate, load_privatekey
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from typing_extensions import override

from echolab.errors import reason_of

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime

__all__ = ["server_options", "wrap"]

_BEGIN = b"-----BEGIN CERTIFICATE-----"


def _certificates(path: str) -> list[bytes]:
    """The certificates of a PEM file, each on its own."""
    _, *rest = Path(path).read_bytes().split(_BEGIN)
    if not rest:
        raise ValueError(f"{path}: no certificate in it")
    return [_BEGIN + each for each in rest]


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
        key = load_privatekey(FILETYPE_PEM, Path(reading).read_bytes())
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


class _TLSFactory(TLSMemoryBIOFactory):
    """Refuses whom the factory behind it refuses."""

    noisy = False

    @override
    def buildProtocol(self, addr: IAddress | None) -> Any:
        wrapped = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else self.protocol(self, wrapped)
