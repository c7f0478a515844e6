"""OpenSSL connections that give Twisted all bytes to send, and errors with words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from twisted.internet.interfaces import IHalfCloseableProtocol
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["TLSConnection"]

_ENDED_EARLY = "close notify during the handshake"
_UNKNOWN = "unknown TLS alert"


class TLSConnection(SSL.Connection):
    """A TLS connection in memory, with three differences for Twisted.

    - Each read returns all bytes. Twisted reads 32 KiB, and reads again only after the
      peer has sent something: the rest of a long certificate chain would be stuck.
    - Each error has a reason. Twisted expects one, and OpenSSL sometimes has none.
    - The answer to a chunk that ends with close_notify is still sent. Twisted sends in
      the reactor's next turn, which would be too late.

    Attributes:
        on_answer: called with the number of bytes that TLS sends for itself, not for
            the application; or None.
        made_bytes: how many bytes this connection has made in all.
    """

    on_answer: Callable[[int], None] | None = None
    made_bytes = 0
    _sending = False
    _has_ended = False

    @override
    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except SSL.WantReadError:
            raise
        except SSL.ZeroReturnError:
            raise SSL.Error([("", "", _ENDED_EARLY)]) from None
        except SSL.Error as error:
            raise _in_words(error) from None

    @override
    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        try:
            return super().recv(bufsiz, flags)
        except SSL.WantReadError:
            raise
        except SSL.ZeroReturnError:
            above = self.get_app_data()
            if not IHalfCloseableProtocol.providedBy(above.wrappedProtocol):
                above.loseConnection()  # Sends the written bytes first.
                raise
            # close_notify ends only the peer's side (RFC 8446, 6.1): a protocol that
            # still has data to send ends its own side afterwards.
            if not self._has_ended:
                self._has_ended = True
                above.wrappedProtocol.readConnectionLost()
            raise SSL.WantReadError from None
        except SSL.Error as error:
            raise _in_words(error) from None

    @override
    def send(self, buf: Any, flags: int = 0) -> int:
        self._sending = True
        return super().send(buf, flags)

    @override
    def bio_read(self, bufsiz: int) -> bytes:
        """Return all bytes to send, even if more than ``bufsiz``.

        Raises:
            WantReadError: there are none.
        """
        data = piece = super().bio_read(bufsiz)
        while len(piece) == bufsiz:
            try:
                piece = super().bio_read(bufsiz)
            except SSL.WantReadError:
                break
            data += piece
        self.made_bytes += len(data)
        # Twisted reads right after each send.
        if self._sending:
            self._sending = False
        elif self.on_answer is not None:
            self.on_answer(len(data))
        return data


def _in_words(error: SSL.Error) -> SSL.Error:
    """Return the error; with words if OpenSSL has none (it does not know the alert)."""
    match error.args:
        case ([*_, (_, _, "")],):
            return SSL.Error([("", "", _UNKNOWN)])
        case _:
            return error
