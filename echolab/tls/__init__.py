"""TLS for both sides; its functions need the extra ``tls``.

- `server_options`: what a server proves, and what it asks of clients. They are
  Twisted's ``CertificateOptions``; `wrap` puts them in front of a factory.
- `verified_client`: an endpoint for TLS with a server that proves its name, and with no
  other. `verified_creator` is what Twisted's own endpoints and agents take instead.
- `insecure_client`: an endpoint for TLS with whatever server answers.
"""

from typing import TYPE_CHECKING

from echolab.lazily import lazy_names

if TYPE_CHECKING:
    from echolab.tls.client import insecure_client, verified_client, verified_creator
    from echolab.tls.server import server_options, wrap

__all__ = [
    "insecure_client",
    "server_options",
    "verified_client",
    "verified_creator",
    "wrap",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "client": "insecure_client verified_client verified_creator",
        "server": "server_options wrap",
    },
)
