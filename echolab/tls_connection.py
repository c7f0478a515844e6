"""OpenSSL connections that hand Twisted all they have to send."""

from __future__ import annotations

from OpenSSL import SSL
from typing_extensions import override

__all__ = ["TLSConnection"]


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
