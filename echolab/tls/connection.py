"""OpenSSL connections that give Twisted all that is to be sent, and errors in words."""

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
    """A TLS connection in memory, read to its end at every reading.

    Twisted asks once for 32 KiB, and not again before the peer has sent
    something: of a longer chain of certificates the rest would stay behind. It
    looks for a reason in every error, also where OpenSSL gives none. And it gathers
    what is written in one turn of the reactor: what answers a piece that ends with
    the peer's end (close_notify) would come too late.

    Attributes:
        on_answer: called with how many bytes TLS sends of itself, and not as the
            application's; None if nobody asks.
        made_bytes: how many bytes it has made in all.
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
                above.loseConnection()  # Sends what was written.
                raise
            # close_notify ends the peer's side alone (RFC 8446, 6.1): whoever still
            # has something to send it ends the other side when that is sent.
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
        self.made_bytes += len(data)
        # Twisted reads at once what it has sent.
        if self._sending:
            self._sending = False
        elif self.on_answer is not None:
            self.on_answer(len(data))
        return data


def _in_words(error: SSL.Error) -> SSL.Error:
    """The error, with words if OpenSSL has none: it knows no such alert."""
    match error.args:
        case ([*_, (_, _, "")],):
            return SSL.Error([("", "", _UNKNOWN)])
        case _:
            return error
