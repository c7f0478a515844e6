"""Connect to one of the servers of a stream's address, to read."""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING

from nats.errors import Error

from echolab.addresses import host_and_port
from echolab.carrying.credentials import check_credentials
from echolab.carrying.engine import NatsClient
from echolab.carrying.provision import UnusableError
from echolab.carrying.pulling import AwayError
from echolab.carrying.reasons import is_fatal, reason_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.carrying.address import Address

__all__ = ["connect"]

CONNECT_SECONDS = 2
PING_SECONDS = 20


async def connect(address: Address, lost: Callable[[str], None]) -> NatsClient:
    """Connect to the first server that can be reached.

    Args:
        address: the address.
        lost: called with the reason when the connection is lost.

    Raises:
        AwayError: none can be reached.
        UnusableError: one does not take us, or has not proved its name.
        InputError: the file of credentials cannot be used.
        OSError: the file of authorities cannot be used.
    """
    # What nats-py logs is told here, in a line and without a traceback.
    logging.getLogger("nats").addHandler(logging.NullHandler())
    context = ssl.create_default_context(cafile=address.ca)
    if address.credentials is not None:
        check_credentials(address.credentials)
    reasons: list[str] = []
    for server in address.servers:
        try:
            return await _connect(address, server, context, lost)
        except (Error, OSError, TimeoutError) as error:
            reason = f"{host_and_port(*server)}: {reason_in(error)}"
            if is_fatal(error):
                raise UnusableError(reason) from None
            reasons.append(reason)
    raise AwayError("; ".join(reasons))


async def _connect(
    address: Address,
    server: tuple[str, int],
    context: ssl.SSLContext,
    lost: Callable[[str], None],
) -> NatsClient:
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
            name="echolab tail",
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
