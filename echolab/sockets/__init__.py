"""What Twisted does not tell of a socket, and the PROXY protocol.

- `watch` a connection's socket: a `WatchedSocket` knows the errno that ended it, how
  many bytes were unread and unacknowledged, and the round-trip time.
- `keep_alive`: detect a peer that has vanished.
- `parse_proxy_header` reads a `ProxyHeader`, free of I/O; `echolab.behind_proxy` puts
  it in front of a factory.
"""

from typing import TYPE_CHECKING

from echolab.lazily import lazy_names

if TYPE_CHECKING:
    from echolab.sockets.proxy_header import ProxyHeader, parse_proxy_header
    from echolab.sockets.watching import WatchedSocket, keep_alive, watch

__all__ = ["ProxyHeader", "WatchedSocket", "keep_alive", "parse_proxy_header", "watch"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "proxy_header": "ProxyHeader parse_proxy_header",
        "watching": "WatchedSocket keep_alive watch",
    },
)
