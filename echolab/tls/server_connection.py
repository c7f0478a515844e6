"""TLS connections of a server that also answer clients without TLS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from typing_extensions import override
from zope.interface import implementer

from echolab.tls.connection import TLSConnection

if TYPE_CHECKING:
    from twisted.internet.ssl import CertificateOptions

__all__ = ["NamedServerConnections", "ServerConnection", "ServerConnections"]

_PROTOCOL_VERSION = b"\x15\x03\x01\x00\x02\x02\x46"
"""A record of the fatal alert ``protocol_version`` (RFC 8446, 6)."""

_NO_TLS = {
    "wrong version number",
    "http request",
    "https proxy request",
    "packet length too long",
}
"""OpenSSL's words for bytes that are not TLS."""


_TOLD_BY = 2
_BEGINNINGS = re.compile(rb"[\x15\x16](\x03|$)", re.DOTALL)
"""How TLS begins: with an alert or a handshake, then its version (if it is there)."""


class ServerConnection(TLSConnection):
    """A connection that answers a client without TLS.

    OpenSSL 3 sends nothing to a client that does not speak TLS. The client cannot
    tell that its data was not read; so this connection sends an alert. OpenSSL also
    waits for five bytes, but fewer may be all that the client sends.
    """

    _begun = b""
    _refusal = b""
    _has_spoken = False
    _is_established = False

    @override
    def do_handshake(self) -> None:
        above = self.get_app_data()
        if getattr(getattr(above, "wrappedProtocol", None), "is_late", bool)():
            raise SSL.WantReadError  # It ends soon; a handshake is expensive.
        try:
            super().do_handshake()
            self._is_established = True
        except SSL.WantReadError:
            if self._has_spoken or not self._begun or _BEGINNINGS.match(self._begun):
                raise
            self._refusal = _PROTOCOL_VERSION
            raise SSL.Error([("", "", "wrong version number")]) from None
        except SSL.Error as error:
            errors = error.args[0] if error.args else ()
            if not self._has_spoken and errors and errors[-1][-1] in _NO_TLS:
                self._refusal = _PROTOCOL_VERSION
            raise

    @override
    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        if not self._is_established:
            # Twisted reads at the end of any connection. OpenSSL would only repeat its
            # error, and that takes longer than all other work at the end.
            raise SSL.WantReadError
        return super().recv(bufsiz, flags)

    @override
    def bio_write(self, buf: Any) -> int:
        if len(self._begun) < _TOLD_BY:
            self._begun += buf[: _TOLD_BY - len(self._begun)]
        return super().bio_write(buf)

    @override
    def bio_read(self, bufsiz: int) -> bytes:
        try:
            data = super().bio_read(bufsiz)
        except SSL.WantReadError:
            data = self._refusal
            if not data:
                raise
        self._refusal = b""  # OpenSSL's own alert is as good.
        self._has_spoken = True
        return data


@implementer(IOpenSSLServerConnectionCreator)
class ServerConnections:
    """Make the connections of a server.

    Args:
        options: its certificate, and what it requires of clients.
    """

    def __init__(self, options: CertificateOptions) -> None:
        self._context = options.getContext()
        # Browsers and curl offer protocols (ALPN). Twisted answers unknown ones with
        # an empty name, and OpenSSL then ends the handshake.
        self._context.set_alpn_select_callback(lambda *_: SSL.NO_OVERLAPPING_PROTOCOLS)

    def serverConnectionForTLS(self, protocol: object) -> ServerConnection:  # noqa: ARG002 - Twisted's
        """Make one connection."""
        return ServerConnection(self._context)


@implementer(IOpenSSLServerConnectionCreator)
class NamedServerConnections:
    """Make the connections of a server with a certificate for each name.

    Args:
        creator: the creator of Twisted's ``tls:`` endpoint; its contexts find the
            certificates.
    """

    def __init__(self, creator: IOpenSSLServerConnectionCreator) -> None:
        self._creator = creator

    def serverConnectionForTLS(self, protocol: Any) -> ServerConnection:
        """Make one connection."""
        twisteds = self._creator.serverConnectionForTLS(protocol)
        return _NamedConnection(twisteds.get_context())


class _NamedConnection(ServerConnection):
    """A connection whose certificate Twisted selects by the client's SNI name."""

    @override
    def get_servername(self) -> bytes | None:
        """Return the name; None if it is not ASCII, which Twisted requires."""
        name = super().get_servername()
        return name if name is not None and name.isascii() else None
