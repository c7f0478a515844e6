"""Who may see the page: the Host, the token, the cookie; and what browsers are told."""

from __future__ import annotations

import hmac
import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.web.http import Request

__all__ = ["HEADERS", "Gate"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
"""The headers of every answer."""

HTTP_PORT = "80"
HOST = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z._-]+))(?::([0-9]{1,5}))?")


class Gate:
    """Decides which requests are answered.

    Args:
        token: who knows it may see the page.
        host: the name or address that the page is to be reached by; "" if only by the
            addresses of its connections.
    """

    def __init__(self, token: str, host: str) -> None:
        self._token = token.encode()
        self._host = "" if _is_unspecified(host) else _canonical(host)
        # Whoever learns the cookie does not know the token. It outlives the program,
        # as a token does that is in a file.
        self._cookie = hmac.digest(self._token, b"cookie of the page", "sha256").hex()

    def is_foreign(self, request: Request) -> bool:
        """Whether a request is meant for another host, or comes from its page.

        A browser can be led to this server under a foreign name (DNS rebinding), and
        pages may open a WebSocket to any site.
        """
        host, _ = _host_of(request)
        here = getattr(request.getHost(), "host", "").partition("%")[0]
        known = {_canonical(here), self._host} - {""}
        if known & {"127.0.0.1", "::1"}:
            known.add("localhost")
        return (
            host not in known
            or _has_another_origin(request)
            or _is_from_another_site(request)
        )

    def is_open(self, request: Request) -> bool:
        """Whether a request shows the token or the cookie."""
        shown = request.args.get(b"token") if request.path == b"/" else None
        if shown is not None:
            return len(shown) == 1 and self._is_token(shown[0])
        kind, _, token = (request.getHeader(b"Authorization") or b"").partition(b" ")
        if kind.lower() == b"bearer" and self._is_token(token.strip()):
            return True
        cookie = request.getCookie(self._cookie_name(request).encode()) or b""
        return hmac.compare_digest(cookie, self._cookie.encode())

    def _is_token(self, shown: bytes) -> bool:
        return hmac.compare_digest(shown, self._token)

    def cookie(self, request: Request) -> str:
        """Return the header that gives a browser the cookie."""
        name = self._cookie_name(request)
        return f"{name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"

    @staticmethod
    def _cookie_name(request: Request) -> str:
        """Return a name with the port as the browser knows it: ports share cookies."""
        _, port = _host_of(request)
        return f"echolab_{port or request.getHost().port}"


def _host_of(request: Request) -> tuple[str, str]:
    """Return the host and the port that a request is for; each "" if there is none."""
    hosts = request.requestHeaders.getRawHeaders(b"Host") or []
    return _parts(hosts[0]) if len(hosts) == 1 else ("", "")


def _parts(text: bytes) -> tuple[str, str]:
    """Return the host and the port in a header; each "" if there is none."""
    found = HOST.fullmatch(text)
    if found is None:
        return "", ""
    address, name, port = (each.decode() if each else "" for each in found.groups())
    return _canonical(address or name), port


def _canonical(host: str) -> str:
    """Return a name in small letters, or an address in its usual form."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower()
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_unspecified(host: str) -> bool:
    """Whether it is the address of all interfaces, which no browser should use."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _has_another_origin(request: Request) -> bool:
    """Whether a request says that it comes from a page of another host or port."""
    host, port = _host_of(request)
    for origin in request.requestHeaders.getRawHeaders(b"Origin") or []:
        scheme, _, there = origin.partition(b"://")
        its_host, its_port = _parts(there)
        here = host, port or HTTP_PORT
        if scheme != b"http" or (its_host, its_port or HTTP_PORT) != here:
            return True
    return False


def _is_from_another_site(request: Request) -> bool:
    """Whether a foreign page has made a request, and not a user who follows a link."""
    site = request.getHeader(b"Sec-Fetch-Site")
    if site in {None, b"same-origin", b"none"}:
        return False
    follows = request.getHeader(b"Sec-Fetch-Mode") == b"navigate"
    return not (follows and request.getHeader(b"Sec-Fetch-Dest") == b"document")
