"""A client of one NATS server; what is lost is told, and nothing is tried again.

nats-py's own reconnecting is not used: it would keep what was published and publish it
later, and would wait for a server that has stopped reading. So each connection is a new
client, and the old one is broken off.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nats.aio.client import Client
from nats.errors import SecureConnWantedError
from typing_extensions import override

from echolab.addresses import host_and_port
from echolab.carrying.credentials import check_credentials
from echolab.carrying.reasons import reason_in

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from echolab.carrying.address import Address

__all__ = ["NatsClient", "connect"]

CONNECT_SECONDS = 2
PING_SECONDS = 20


class NatsClient(Client):
    """A client that names its user only as safely as it was asked to.

    Args:
        tls: whether the connection must be encrypted.
    """

    def __init__(self, *, tls: bool) -> None:
        super().__init__()
        self._tls_wanted = tls

    @override
    def _connect_command(self) -> bytes:
        """Return what names the user; if the server has TLS, it is on by now."""
        if self._tls_wanted and not self._server_info.get("tls_required"):
            raise SecureConnWantedError
        return super()._connect_command()

    def abort(self) -> None:
        """Break the connection off, also if the server has stopped reading."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()


async def connect(
    address: Address,
    server: tuple[str, int],
    context: ssl.SSLContext,
    *,
    name: str,
    lost: Callable[[str], None],
) -> NatsClient:
    """Connect to one server.

    Args:
        address: has the user, and whether to do TLS.
        server: the server's host and port.
        context: what TLS trusts.
        name: the name of this client, for those who look at the server.
        lost: called with the reason when the connection is lost.

    Raises:
        InputError: the file of credentials cannot be used.
    """
    if address.credentials is not None:
        check_credentials(address.credentials)
    # What nats-py logs is told by its callers, in a line and without a traceback.
    logging.getLogger("nats").addHandler(logging.NullHandler())
    client = NatsClient(tls=address.tls)
    connecting = True

    async def failed(error: Exception) -> None:
        if connecting:
            raise error  # Otherwise it would be tried again in there.
        lost(reason_in(error))

    async def closed() -> None:
        lost("the connection is lost")

    try:
        await client.connect(
            f"{'tls' if address.tls else 'nats'}://{host_and_port(*server)}",
            name=name,
            error_cb=failed,
            closed_cb=closed,
            allow_reconnect=False,
            connect_timeout=CONNECT_SECONDS,
            ping_interval=PING_SECONDS,
            tls=context,
            user=address.user,
            password=address.password,
            token=address.token,
            user_credentials=address.credentials,
        )
    except BaseException:
        client.abort()
        raise
    connecting = False
    return client
