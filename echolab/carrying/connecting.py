"""Connect to one of the servers of a stream's address, to read."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from echolab.addresses import host_and_port
from echolab.carrying.client import connect
from echolab.carrying.provision import UnusableError
from echolab.carrying.pulling import AwayError
from echolab.carrying.reasons import is_fatal, reason_in
from echolab.errors import EcholabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.carrying.address import Address
    from echolab.carrying.client import NatsClient

__all__ = ["connect_to_any"]


async def connect_to_any(address: Address, lost: Callable[[str], None]) -> NatsClient:
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
    context = ssl.create_default_context(cafile=address.ca)
    reasons: list[str] = []
    for server in address.servers:
        try:
            return await connect(
                address, server, context, name="echolab tail", lost=lost
            )
        except EcholabError:
            raise
        except Exception as error:  # Anybody may be the server.
            reason = f"{host_and_port(*server)}: {reason_in(error)}"
            if is_fatal(error):
                raise UnusableError(reason) from None
            reasons.append(reason)
    raise AwayError("; ".join(reasons))
