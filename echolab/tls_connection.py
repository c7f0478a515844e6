"""OpenSSL connections that hand Twisted all they have to send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from typing_extensions import override
from zope.interface import implementer

if TYPE_CHECKING:
    from twisted.internet.ssl import CertificateOptions

__all__ = ["ServerConnections", "TLSConnection"]


class TLSConnection(SSL.Connection):
    """A TLS connection in memory, read to its end at every reading.

    Twisted asks once for 32 KiB, and not again before the peer has sent
    something: of a longer chain of certificates the rest would stay behind.
    """

    @override
    def bio_read(self, bufsiz: int) -> bytes:
        """Return all that is to be sent, however much was asked for.

        Raises:
            WantReadError: there is nothing.
        """
        data = piece = super().bio_read(bufsiz)
        while len(piece) == bufsiz:
            try:
                piece = super().bio_read(bufsiz)
            except SSL.WantReadError:
                break
            data += piece
        return data


@implementer(IOpenSSLServerConnectionCreator)
class ServerConnections:
    """Makes the connections of a server.

    Args:
        options: what it proves, and what it asks of clients.
    """

    def __init__(self, options: CertificateOptions) -> None:
        self._context = options.getContext()

    def serverConnectionForTLS(self, protocol: object) -> TLSConnection:  # noqa: ARG002 - Twisted's
        """Make one connection."""
        return TLSConnection(self._context)
